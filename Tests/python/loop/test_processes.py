"""Processes: children of the loop's, forks of a process that has loops, and the end of an interpreter in which loops run."""
from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from martlet.loop import Loop

PACKAGES = Path(__file__).resolve().parents[3] / "Sources/python"


def in_child(work: Callable[[], object]) -> None:
    """Runs it in a forked child, and fails when that fails."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run_program(program: str, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONWARNINGS": "ignore"}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=seconds)


# Children


def test_subprocesses(loop: Loop) -> None:
    async def run(number: int) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-c", "import sys; print(sys.stdin.read().upper(), end=''); sys.exit(7)",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate(b"words %d" % number)
        assert output == b"WORDS %d" % number and process.returncode == 7

    async def main() -> None:
        # Python 3.10's watcher asks the current loop.
        await asyncio.gather(*(run(number) for number in range(8)))
        process = await asyncio.create_subprocess_exec("sleep", "60")
        process.kill()
        assert await process.wait() == -9

    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)


def test_a_program_gets_none_of_the_loops_descriptors(loop: Loop) -> None:
    loop.run_until_complete(asyncio.sleep(0))
    listing = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True).stdout
    assert not [line for line in listing.splitlines() if any(kind in line for kind in ("io_uring", "eventpoll", "eventfd", "timerfd"))]


# Forks


def test_a_child_makes_loops_of_its_own(engine: str, loop: Loop) -> None:
    loop.run_until_complete(asyncio.sleep(0))

    def work() -> None:
        own = Loop(engine)
        assert own.run_until_complete(asyncio.sleep(0.001, "child")) == "child"
        own.close()

    in_child(work)
    assert loop.run_until_complete(asyncio.sleep(0.001, "parent")) == "parent"


def test_a_child_runs_a_loop_that_it_inherited(loop: Loop) -> None:
    loop.run_until_complete(asyncio.sleep(0))
    seen: list[str] = []
    loop.call_later(0.005, seen.append, "timer")
    loop.call_soon(seen.append, "ready")

    def work() -> None:
        assert loop.run_until_complete(asyncio.sleep(0.02, "done")) == "done"
        assert seen == ["ready", "timer"]

    in_child(work)
    work()


def test_a_child_forked_inside_the_loop_goes_on(loop: Loop) -> None:
    """asyncio itself forgets in the child which loop runs; the loop's own turns go on there."""
    parent = os.getpid()

    async def main() -> int:
        child = os.fork()
        for _ in range(3):
            waited = loop.create_future()
            loop.call_later(0.005, waited.set_result, None)
            await waited
        return child

    try:
        child = loop.run_until_complete(main())
    finally:
        if os.getpid() != parent and sys.exc_info()[0] is not None:
            os._exit(1)
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert loop.run_until_complete(asyncio.sleep(0.001, "parent")) == "parent"


def test_what_a_child_does_with_an_inherited_loop_does_not_reach_the_parent(loop: Loop) -> None:
    loop.run_until_complete(asyncio.sleep(0))

    def work() -> None:
        loop.call_soon_threadsafe(print)
        loop._close_native()

    in_child(work)
    assert loop.run_until_complete(loop.run_in_executor(None, lambda: "wakes")) == "wakes"


# The end of an interpreter


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_run_loops_when_the_interpreter_ends(engine: str, attempt: int) -> None:
    ended = run_program(f"""
import asyncio, threading, time
from martlet.loop import Loop
def busy():
    async def main():
        while True:
            await asyncio.sleep(0.0003)
    Loop({engine!r}).run_until_complete(main())
def idle():
    Loop({engine!r}).run_forever()
for target in (busy, busy, busy, idle):
    threading.Thread(target=target, daemon=True).start()
time.sleep(0.1)
print("end")
""")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")


def test_loops_that_nobody_closed(engine: str) -> None:
    ended = run_program(f"""
import asyncio
from martlet.loop import Loop
kept = Loop({engine!r})
asyncio.set_event_loop(kept)
kept.call_later(60, print, kept)
kept.call_soon(print, kept)
kept.cycle = [Loop({engine!r}), kept]
kept.run_until_complete(asyncio.sleep(0))
other = Loop({engine!r})
task = other.create_task(asyncio.sleep(1))
other.run_until_complete(asyncio.sleep(0))
print("end")
""")
    assert ended.returncode == 0 and ended.stdout.endswith("end\n")
    assert "Traceback" not in ended.stderr.replace("Task was destroyed but it is pending!", "")
