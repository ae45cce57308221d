"""Threads: calls from others, loops in others, loops that move, executors, and the interpreter's lock."""
from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Callable

import pytest

from martlet.loop import Loop

MakeLoop = Callable[[], Loop]


def in_thread(work: Callable[[], object]) -> None:
    """Runs it on a thread of its own, and raises what it raises."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the thread is stuck"
    if raised:
        raise raised[0]


def test_no_wake_up_is_lost(loop: Loop) -> None:
    """Threads call while the loop goes to sleep after every call: one that is lost leaves the loop asleep, for nothing else wakes it."""
    thread_count, call_count = 8, 2500
    seen = [0] * thread_count
    allowed = [threading.Semaphore(1) for _ in range(thread_count)]

    def arrived(index: int, number: int) -> None:
        assert seen[index] == number, "a thread's calls came in another order"
        seen[index] += 1
        allowed[index].release()
        if sum(seen) == thread_count * call_count:
            loop.stop()

    def call(index: int) -> None:
        for number in range(call_count):
            assert allowed[index].acquire(timeout=20), f"call {number} of thread {index} never ran"
            loop.call_soon_threadsafe(arrived, index, number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=call, args=(index,)) for index in range(thread_count)]
        for thread in threads:
            thread.start()
        loop.run_forever()
        for thread in threads:
            thread.join(20)
    finally:
        sys.setswitchinterval(interval)
    assert seen == [call_count] * thread_count


def test_a_flood_from_threads_keeps_each_ones_order(loop: Loop) -> None:
    seen: list[list[int]] = [[] for _ in range(4)]

    def flood(index: int) -> None:
        for number in range(10_000):
            loop.call_soon_threadsafe(seen[index].append, number)

    async def main() -> None:
        await asyncio.gather(*(loop.run_in_executor(None, flood, index) for index in range(4)))
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == [list(range(10_000))] * 4


def test_calls_before_the_loop_runs(loop: Loop) -> None:
    seen: list[int] = []
    in_thread(lambda: loop.call_soon_threadsafe(seen.append, 1))
    in_thread(lambda: loop.call_soon_threadsafe(loop.stop))
    loop.run_forever()
    assert seen == [1]


def test_the_wait_lets_other_threads_run(loop: Loop) -> None:
    """The interpreter's lock is released: another thread counts while the loop only waits, and while it is busy."""
    for busy in (False, True):
        counted = 0
        running = True

        def count() -> None:
            nonlocal counted
            while running:
                counted += 1
                time.sleep(0)

        async def main() -> None:
            end = loop.time() + 0.2
            while busy and loop.time() < end:
                await asyncio.sleep(0)
            await asyncio.sleep(max(0, end - loop.time()))

        thread = threading.Thread(target=count)
        thread.start()
        loop.run_until_complete(main())
        running = False
        thread.join()
        assert counted > 500, busy


def test_a_loop_made_here_runs_there_and_here_again(loop: Loop) -> None:
    """A ring belongs to the thread that made it, a loop does not."""
    seen: list[object] = []

    def run(value: object) -> None:
        seen.append(loop.run_until_complete(asyncio.sleep(0.001, value)))

    run(0)
    for number in range(1, 4):
        in_thread(lambda: run(number))
    run(4)
    assert seen == [0, 1, 2, 3, 4]


def test_a_loop_that_moves_keeps_its_readers_and_timers(loop: Loop) -> None:
    import socket

    left, right = socket.socketpair()
    with left, right:
        seen: list[object] = []
        loop.add_reader(left, lambda: seen.append(left.recv(9)))
        loop.call_later(0.01, seen.append, "timer")
        loop.run_until_complete(asyncio.sleep(0))
        right.send(b"data")

        def run() -> None:
            in_thread(lambda: loop.call_soon_threadsafe(seen.append, "thread"))
            loop.run_until_complete(asyncio.sleep(0.05))

        in_thread(run)
        loop.remove_reader(left)
    assert set(seen) == {b"data", "timer", "thread"}


def test_a_loop_that_is_closed_elsewhere_leaves_others_alone(engine: str) -> None:
    """The registered descriptors of rings are numbered for each thread: letting go of a foreign ring must not touch the own one."""
    left_behind: list[Loop] = []

    def leave() -> None:
        left_behind.append(Loop(engine))
        left_behind[0].run_until_complete(asyncio.sleep(0.001))

    for _ in range(5):
        in_thread(leave)
        own = Loop(engine)
        own.run_until_complete(asyncio.sleep(0.001))
        left_behind.pop().close()
        assert own.run_until_complete(asyncio.sleep(0.001, "fine")) == "fine"
        own.close()


def test_loops_in_several_threads(engine: str) -> None:
    results: list[int] = []

    def work() -> None:
        for _ in range(10):
            loop = Loop(engine)

            async def main() -> int:
                values = await asyncio.gather(*(asyncio.sleep(0.0005 * number, number) for number in range(20)))
                return sum(values) + await loop.run_in_executor(None, lambda: 1)

            results.append(loop.run_until_complete(main()))
            loop.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert results == [191] * 60


def test_two_loops_talk(engine: str, loop: Loop) -> None:
    """`run_coroutine_threadsafe` in both directions."""
    other = Loop(engine)
    thread = threading.Thread(target=other.run_forever)
    thread.start()

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def main() -> list[int]:
        return [await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(double(number), other)) for number in range(200)]

    assert loop.run_until_complete(main()) == list(range(0, 400, 2))
    other.call_soon_threadsafe(other.stop)
    thread.join(10)
    assert not thread.is_alive()
    other.close()


def test_executor(loop: Loop) -> None:
    async def main() -> None:
        assert sum(await asyncio.gather(*(loop.run_in_executor(None, lambda n: n, number) for number in range(500)))) == sum(range(500))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        addresses = await loop.getaddrinfo("127.0.0.1", 80)
        assert addresses[0][4] == ("127.0.0.1", 80)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


def test_closing_with_an_executor_at_work(loop: Loop) -> None:
    release = threading.Event()
    loop.run_in_executor(None, release.wait, 10)
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    release.set()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(print)
