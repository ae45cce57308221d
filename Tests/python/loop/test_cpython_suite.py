"""CPython's own tests of asyncio pass on the loop: those of the interpreter that runs this test, in a process of their own, on both engines."""
from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

SECONDS_MAX = 55
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


@pytest.fixture(scope="module")
def runs(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[subprocess.Popen[bytes], Path]]]:
    """All groups at the same time: they mostly wait."""
    assert importlib.util.find_spec("test.test_asyncio"), "this Python came without its own tests; on Debian: apt-get install libpython3-testsuite"
    started = {}
    for group, modules in MODULES.items():
        output = tmp_path_factory.mktemp("suite") / group
        with open(output, "wb") as file:
            started[group] = subprocess.Popen(
                [sys.executable, str(SUITE), engine, *filter(is_there, modules)], cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=file), output
    yield started
    for process, _ in started.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("group", MODULES)
def test_cpython_suite(runs: dict[str, tuple[subprocess.Popen[bytes], Path]], group: str) -> None:
    process, output = runs[group]
    try:
        process.wait(SECONDS_MAX)
    finally:
        text = output.read_text(errors="replace")
        print(text)
    assert process.returncode == 0, "see the failures above"
    total = re.search(r"^total: (\d+) tests, 0 failed, (\d+) loops", text, re.MULTILINE)
    assert total and int(total[1]) >= TESTS_MIN[group] and int(total[2]) > 0
