"""The Python host over the simulated engine: virtual time, one thread, a network with faults; every answer right, once and in order, and nothing left behind.

A failure names its seed: `.venv/bin/python Tests/python/simulation/run_seeds.py .build/simulation/_simulation... SEED 1` runs it alone.
Seeds that ever failed go to Tests/corpus/simulation/python.txt.
"""
from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
RUN_SEEDS = Path(__file__).with_name("run_seeds.py")
LIBRARY = REPOSITORY / f".build/simulation/_simulation{sysconfig.get_config_var('EXT_SUFFIX')}"
CORPUS = REPOSITORY / "Tests/corpus/simulation/python.txt"

PROCESSES = 2
SEEDS = 2000
SEEDS_FULL = 20_000


def run(processes: int, seeds: int, *options: str) -> list[str]:
    """Runs as many seeds in each of the processes; returns what failed."""
    assert LIBRARY.exists(), f"{LIBRARY} is not there; run Tools/setup --test"
    # Sets of strings have an order of their own in each process otherwise.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    started = []
    for number in range(processes):
        command = [sys.executable, RUN_SEEDS, LIBRARY, str(number * seeds), str(seeds), *options]
        if number == 0:
            command += ["--corpus", CORPUS]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment))
    failures = []
    try:
        for process in started:
            lines = process.communicate()[0].splitlines()
            failures += [line for line in lines if line.startswith("FAILED")]
            if process.returncode not in (0, 1):
                at = max((index for index, line in enumerate(lines) if line.startswith("seed ")), default=0)
                failures.append(f"{lines[at] if lines else 'the start'} ended the process with status {process.returncode}: " + "\n".join(lines[at:]))
            elif process.returncode == 1 and not failures:
                failures.append("\n".join(lines[-20:]))
    finally:
        for process in started:
            process.kill()
            process.wait()
    return failures


def test_seeds() -> None:
    assert run(PROCESSES, SEEDS) == []


@pytest.mark.long
def test_many_seeds() -> None:
    assert run(PROCESSES, SEEDS_FULL // PROCESSES) == []


@pytest.mark.parametrize("fault", ["lost", "doubled", "wrong", "leaked"])
def test_a_fault_is_seen(fault: str) -> None:
    """The canary: applications that answer wrongly, and one that keeps its requests."""
    failures = run(1, 40, "--canary", fault)
    assert failures
