"""Tests of the measuring module: its arithmetic, and one process tree whose cost is known."""
from __future__ import annotations

import os
import sys
import tempfile
import time
import unittest
from typing import List

from .load import Run, _p99_microseconds
from .pairs import alternate, ratio
from .process import ProcessTree, Reading, spent
from .report import Row, markdown_table

# A child that burns CPU until it has used half a second, then sleeps, so that it can still be read.
BURN_SECONDS = 0.5
# The thread in which it does so is gone by then.
BURN = f"""
import threading, time
def burn():
    while time.process_time() < {BURN_SECONDS}: pass
thread = threading.Thread(target=burn)
thread.start()
thread.join()
time.sleep(60)
"""
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {BURN!r}])"


def made_run(cpu_microseconds: float) -> Run:
    return Run(cpu_microseconds, 0.1, 1000, None, 0.5, 0.5, 0, 0)


class Arithmetic(unittest.TestCase):
    def test_spent_counts_new_processes_whole_and_names_lost_ones(self) -> None:
        before = Reading({1: 100, 2: 50}, 3, 10)
        after = Reading({1: 180, 3: 7}, 4, 14)
        used = spent(before, after)
        self.assertEqual((used.nanoseconds, used.user_share, used.processes_lost), (87, 0.25, 1))

    def test_ratio_is_of_pairs_not_of_medians(self) -> None:
        # The machine slows down threefold: every pair shows 2, whatever the absolute figures.
        found = ratio([made_run(2 * slow) for slow in (1, 2, 3)], [made_run(slow) for slow in (1, 2, 3)])
        self.assertEqual((found.median, found.low, found.high, found.pairs), (2, 2, 2, 3))
        self.assertEqual(found.difference_microseconds, 2)

    def test_pairs_alternate_their_order(self) -> None:
        order: List[str] = []

        def load(name: str) -> Run:
            order.append(name)
            return made_run(len(order))

        runs = alternate([lambda: load("A"), lambda: load("B")], 3)
        self.assertEqual("".join(order), "ABBAAB")
        # The runs are those of their own load, in the order of the rounds.
        self.assertEqual([[run.cpu_microseconds for run in of_one] for of_one in runs], [[1, 4, 5], [2, 3, 6]])

    def test_rounds_of_several_alternate_as_well(self) -> None:
        order: List[str] = []

        def load(name: str) -> Run:
            order.append(name)
            return made_run(1)

        alternate([lambda name=name: load(name) for name in "ABC"], 2)
        self.assertEqual("".join(order), "ABCCBA")

    def test_p99_units(self) -> None:
        self.assertEqual(_p99_microseconds("   90%    1.00ms\n   99%  709.00us\n"), 709)
        self.assertEqual(_p99_microseconds("     99%    1.50s\n"), 1.5e6)
        # What wrk prints under pipelining.
        self.assertIsNone(_p99_microseconds("     99%    0.00us\n"))

    def test_reason_cannot_break_the_table(self) -> None:
        row = Row("peer", absent="a | b\nc").cells()
        self.assertTrue(markdown_table(("x",) * len(row), [row]).endswith("| a \\| b c |"))


class Tree(unittest.TestCase):
    def test_cost_of_a_grandchild_is_counted_and_stop_ends_it(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            tree = ProcessTree([sys.executable, "-S", "-c", PARENT], 0, os.path.join(directory, "log"))
            try:
                deadline = time.monotonic() + 20
                nothing = Reading({}, 0, 0)
                while spent(nothing, tree.read_cpu()).nanoseconds < BURN_SECONDS * 1e9:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.1)
                time.sleep(0.2)
                seconds = spent(nothing, tree.read_cpu()).nanoseconds / 1e9
                members = tree.processes()
                self.assertEqual(len(members), 2)
                self.assertGreater(tree.memory_bytes(), 1 << 20)
            finally:
                tree.stop()
        # Above the burning there are two interpreters that start.
        self.assertLess(seconds, BURN_SECONDS + 0.5)
        deadline = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{process}") for process in members):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
