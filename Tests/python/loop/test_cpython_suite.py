"""CPython's own tests of asyncio pass on the loop: those of the interpreter that runs this test, in a process of their own, on both engines."""
from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS_MAX = 58
SUITE = Path(__file__).with_name("cpython_suite.py")

# Modules that Python 3.10 has already, and what came later.
MODULES = {
    "events": ["test_events", "test_base_events", "test_unix_events"],
    "sockets": ["test_sock_lowlevel", "test_sendfile", "test_server", "test_buffered_proto", "test_streams"],
    "tls": ["test_sslproto", "test_ssl"],
    "subprocesses": ["test_subprocess"],
    "tasks": ["test_locks", "test_queues", "test_threads", "test_waitfor", "test_timeouts", "test_taskgroups", "test_eager_task_factory"],
}
# At least so many tests: a suite that finds nothing passes nothing.
TESTS_MIN = {"events": 150, "sockets": 100, "tls": 20, "subprocesses": 80, "tasks": 60}


def is_there(module: str) -> bool:
    return importlib.util.find_spec(f"test.test_asyncio.{module}") is not None


@pytest.mark.parametrize("group", MODULES)
def test_cpython_suite(engine: str, group: str) -> None:
    assert importlib.util.find_spec("test.test_asyncio"), "this Python came without its own tests; on Debian: apt-get install libpython3-testsuite"
    # -I would hide the tests of a virtual environment's base; the current directory must not shadow `test`.
    run = subprocess.run(
        [sys.executable, str(SUITE), engine, *filter(is_there, MODULES[group])],
        cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS_MAX)
    print(run.stdout)
    assert run.returncode == 0, "see the failures above"
    total = re.search(r"^total: (\d+) tests, 0 failed, (\d+) loops", run.stdout, re.MULTILINE)
    assert total and int(total[1]) >= TESTS_MIN[group] and int(total[2]) > 0
