"""Runs CPython's own tests of asyncio on Martlet's loop: `python cpython_suite.py ENGINE MODULE…`, with the tests of the interpreter that runs this.

Every case of the modules is derived from with a loop of ours: where it has a method that makes its loop, that method, and where it asks asyncio for one
(a policy, `asyncio.SelectorEventLoop`), what it asks. With the policy alone most cases silently use another loop, so every loop that is made is counted:
the run fails when one of them was not ours. Prints one line for each case, and for each that is left out why.
"""
from __future__ import annotations

import asyncio
import importlib
import re
import sys
import unittest
import warnings
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Callable, Iterator
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "Sources/python"))

from martlet.loop import Loop  # noqa: E402

# By the full name of the case; the first that matches tells.
LEFT_OUT = [
    (r".*Proactor.*", "for Windows"),
    (r".*\.(Poll|Select)EventLoopTests", "the cases of EPollEventLoopTests once more, for selectors that the loop does not take"),
    (r".*\.(_.*|BaseTest|CompatibilityTests)", "has no test of its own"),
    (r"test_events\.(Timer|AbstractEventLoop|Handle|TestAbstractServer).*", "tests classes beside the loop"),
    (r".*\.PolicyTests", "tests asyncio's own policy, which makes asyncio's own loops"),
    (r"test_events\.Test(C|Py)GetEventLoop", "tests the default policy and a child process with asyncio's own loops"),
    (r"test_subprocess\.SubprocessTransportTests", "a simulated loop of the test's own"),
    (r"test_subprocess\..*MultiLoop.*WatcherTests", "tests a watcher and no loop"),
    *([(r"test_queues\..*", "a simulated loop of the test's own, until Python 3.11")] if sys.version_info < (3, 11) else []),
    (r"test_unix_events\..*(ChildWatcher|PipeTransport)Tests", "a simulated loop of the test's own"),
    (r"test_base_events\.(BaseEventLoopTests|BaseLoopSockSendfileTests)", "a loop of the test's own, made from asyncio's base classes"),
    (r"test_base_events\.(BaseEventTests|TestSelectorUtils)", "tests functions beside the loop"),
]


class Policy(asyncio.DefaultEventLoopPolicy):
    """Gives out our loops, whatever asyncio's own policy would make."""

    engine = "auto"

    def new_event_loop(self) -> Loop:
        return Loop(self.engine)


class Count:
    """Every event loop of any kind that is made, by its class."""

    def __init__(self) -> None:
        self.made: Counter[type] = Counter()
        original = asyncio.BaseEventLoop.__init__

        def initialize(loop: asyncio.BaseEventLoop) -> None:
            self.made[type(loop)] += 1
            original(loop)

        asyncio.BaseEventLoop.__init__ = initialize  # type: ignore[method-assign]

    def take(self) -> tuple[int, list[str]]:
        """How many were ours, and the names of the others."""
        ours = sum(count for kind, count in self.made.items() if issubclass(kind, Loop))
        others = [f"{count} {kind.__name__}" for kind, count in self.made.items() if not issubclass(kind, Loop)]
        self.made.clear()
        return ours, others


def cases(module: ModuleType) -> Iterator[type[unittest.TestCase]]:
    for name, found in sorted(vars(module).items()):
        if isinstance(found, type) and issubclass(found, unittest.TestCase) and found.__module__ == module.__name__:
            yield found


def reason_to_leave_out(name: str) -> str | None:
    return next((reason for pattern, reason in LEFT_OUT if re.fullmatch(pattern, name)), None)


def with_our_loop(case: type[unittest.TestCase], make: Callable[..., Loop]) -> type[unittest.TestCase]:
    def run(self: unittest.TestCase, result: unittest.TestResult | None = None) -> object:
        asyncio.set_event_loop_policy(Policy())
        asyncio.set_event_loop(None)
        try:
            with mock.patch.object(asyncio, "SelectorEventLoop", make):
                return case.run(self, result)
        finally:
            asyncio.set_event_loop_policy(None)

    members: dict[str, object] = {"run": run, "__module__": __name__}
    for maker in ("create_event_loop", "new_loop"):
        if hasattr(case, maker):
            members[maker] = lambda self: make()
    return type(case.__name__, (case,), members)


def run_case(name: str, case: type[unittest.TestCase], count: Count) -> tuple[int, int, int]:
    """How many tests ran, how many failed or were on loops of others, how many loops were ours."""
    result = unittest.TestResult()
    count.take()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(with_our_loop(case, lambda *_: Loop(Policy.engine)))
    suite.run(result)
    ours, others = count.take()
    faults = result.failures + result.errors + [(test, "passed, though it should not") for test in result.unexpectedSuccesses]
    print(f"case {name}: {result.testsRun} tests, {len(faults)} failed, {len(result.skipped)} skipped, {ours} loops of ours, {len(others)} kinds of others")
    for test, trace in faults:
        print(f"FAILED {test}\n{trace}")
    for test, reason in result.skipped:
        print(f"    skipped {str(test).split()[0]}: {reason}")
    if others:
        print(f"FAILED {name}: made {', '.join(others)}")
    if ours == 0:
        print(f"FAILED {name}: made no loop of ours")
    return result.testsRun, len(faults) + len(others) + (ours == 0), ours


def main(engine: str, modules: list[str]) -> int:
    Policy.engine = engine
    warnings.simplefilter("ignore")
    count = Count()
    totals = [0, 0, 0]
    for short in modules:
        module = importlib.import_module(f"test.test_asyncio.{short}")
        for case in cases(module):
            name = f"{short}.{case.__name__}"
            if reason := reason_to_leave_out(name):
                print(f"left out {name}: {reason}")
                continue
            totals = [total + more for total, more in zip(totals, run_case(name, case, count))]
    print(f"total: {totals[0]} tests, {totals[1]} failed, {totals[2]} loops, all of them Martlet's on {engine}")
    return 1 if totals[1] or totals[0] == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
