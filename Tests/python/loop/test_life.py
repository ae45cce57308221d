"""What a loop leaves behind: no descriptors, no objects, no growth; and what a closed loop says."""
from __future__ import annotations

import asyncio
import gc
import os
import sys
import warnings
import weakref
from typing import Callable

import pytest

from martlet.loop import Loop, Runner, new_event_loop


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_engine(engine: str, loop: Loop) -> None:
    assert loop.engine_name == {"uring": "io_uring", "epoll": "epoll"}[engine]
    assert loop.engine_reason.startswith(f"engine: {loop.engine_name}") and loop.engine_reason.endswith("(asked for)")
    with pytest.raises(ValueError):
        Loop("kqueue")
    auto = new_event_loop()
    assert auto.engine_name in ("io_uring", "epoll")
    auto.close()


def test_a_loop_is_asyncios(loop: Loop) -> None:
    assert isinstance(loop, asyncio.SelectorEventLoop)
    assert "running=False closed=False" in repr(loop)


def test_closed_loops_say_so(loop: Loop) -> None:
    loop.close()
    loop.close()
    assert loop.is_closed()
    waiting = asyncio.sleep(0)
    for call in (
        lambda: loop.call_soon(print), lambda: loop.call_soon_threadsafe(print), lambda: loop.call_later(1, print), lambda: loop.call_at(1, print),
        loop.run_forever, lambda: loop.run_until_complete(waiting), lambda: loop.run_in_executor(None, print), lambda: loop.add_reader(0, print),
    ):
        with pytest.raises((RuntimeError, AttributeError)):
            call()
    waiting.close()
    assert loop.engine_name and loop.time() > 0


def test_no_descriptors_are_left(engine: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        server.close()
        await server.wait_closed()
        await loop.run_in_executor(None, os.getpid)

    def life() -> None:
        loop = Loop(engine)
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    life()
    before = open_descriptors()
    for _ in range(20):
        life()
    assert open_descriptors() == before


def test_no_descriptors_are_left_by_loops_that_never_ran(engine: str) -> None:
    before = open_descriptors()
    loops = [Loop(engine) for _ in range(10)]
    assert open_descriptors() > before
    for loop in loops:
        loop.close()
    assert open_descriptors() == before


def test_no_descriptors_are_left_by_a_loop_that_could_not_be_made(engine: str) -> None:
    import resource

    gc.collect()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = open_descriptors()
    failures = 0

    def allow(more: int) -> None:
        """So many numbers are free below the limit."""
        numbers = {int(name) for name in os.listdir("/proc/self/fd")}
        limit = 0
        while limit - sum(number < limit for number in numbers) < more:
            limit += 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limits[1]))

    try:
        for more in range(10):
            allow(more)
            try:
                Loop(engine).close()
            except OSError as error:
                assert str(error)
                failures += 1
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    gc.collect()
    assert failures > 0 and open_descriptors() == before


def test_making_a_loop_changes_no_limit(engine: str) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = (min(512, limits[0]), limits[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, lower)
    try:
        Loop(engine).close()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == lower
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_closed_loop_is_freed_at_once(engine: str) -> None:
    loop = Loop(engine)
    loop.call_later(3600, print, loop)
    loop.run_until_complete(asyncio.sleep(0.001))
    alive = weakref.ref(loop)
    loop.close()
    gc.disable()
    try:
        del loop
        assert alive() is None
    finally:
        gc.enable()


def test_a_loop_that_nobody_closed_is_collected_with_a_warning(engine: str) -> None:
    before = open_descriptors()
    loop = Loop(engine)
    loop.call_soon(print, loop)
    loop.call_later(3600, print, loop)
    reading, writing = os.pipe()
    loop.add_reader(reading, print, loop)
    loop.itself = loop  # type: ignore[attr-defined]
    alive = weakref.ref(loop)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del loop
        gc.collect()
    os.close(reading)
    os.close(writing)
    assert alive() is None and open_descriptors() == before
    assert any(issubclass(warning.category, ResourceWarning) and "unclosed event loop" in str(warning.message) for warning in seen)


def test_many_loops_leave_no_objects(engine: str) -> None:
    def life() -> None:
        for _ in range(20):
            loop = Loop(engine)
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        gc.collect()

    life()
    life()
    before = sys.getallocatedblocks()
    for _ in range(3):
        life()
    assert sys.getallocatedblocks() - before < 60


COUNT = 100_000


async def many_calls() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(COUNT // 1000):
        for number in range(1000):
            loop.call_soon(int, number)
        await asyncio.sleep(0)


async def many_timers() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(COUNT // 1000):
        for number in range(1000):
            handle = loop.call_later(0 if number % 2 else 3600, int, number)
            if number % 2 == 0:
                handle.cancel()
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)


async def many_futures() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(COUNT // 2):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future


async def many_failures() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    for _ in range(COUNT // 100):
        for _ in range(10):
            loop.call_soon(int, "not a number")
        await asyncio.sleep(0)


async def many_threadsafe_calls() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(COUNT // 1000):
        for number in range(500):
            loop.call_soon_threadsafe(int, number)
        await asyncio.sleep(0)


async def many_readers() -> None:
    import socket

    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        for _ in range(COUNT // 20):
            right.send(b"x")
            await loop.sock_recv(left, 1)


async def checked_timers() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 100
    for _ in range(1000):
        loop.call_later(0, int)
        loop.call_later(3600, int).cancel()
    await asyncio.sleep(0.001)
    loop.set_debug(False)


@pytest.mark.parametrize("work", [many_calls, many_timers, many_futures, many_failures, many_threadsafe_calls, many_readers, checked_timers])
def test_no_growth(loop: Loop, work: Callable[[], object]) -> None:
    for _ in range(2):
        loop.run_until_complete(work())  # type: ignore[arg-type]
    gc.collect()
    before = sys.getallocatedblocks()
    loop.run_until_complete(work())  # type: ignore[arg-type]
    gc.collect()
    assert sys.getallocatedblocks() - before < 200


def test_references_of_arguments(loop: Loop) -> None:
    """Nothing keeps what was passed, and nothing lets go of it too often."""

    class Argument: ...

    argument = Argument()
    before = sys.getrefcount(argument)
    for _ in range(1000):
        loop.call_soon(id, argument)
        loop.call_later(0, id, argument)
        loop.call_later(3600, id, argument).cancel()
        loop.call_soon(id, argument).cancel()
    loop.run_until_complete(asyncio.sleep(0.001))
    assert sys.getrefcount(argument) == before


def test_runner(engine: str) -> None:
    async def main() -> tuple[str, bool]:
        asyncio.ensure_future(asyncio.sleep(3600))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        return loop.engine_name, loop.get_debug()

    before = open_descriptors()
    with Runner(debug=True, loop_factory=lambda: Loop(engine)) as runner:
        assert runner.run(main()) == runner.run(main())
        made = runner.get_loop()
        with pytest.raises((TypeError, ValueError)):
            runner.run(None)  # type: ignore[arg-type]
    assert made.is_closed() and open_descriptors() == before
    with Runner() as runner:
        assert runner.run(main())[1] is False
