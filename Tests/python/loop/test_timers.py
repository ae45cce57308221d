"""Timers: order, cancelling, precision, extreme delays, and that what dies in the heap may use the loop."""
from __future__ import annotations

import asyncio
import random
import time

import pytest

from martlet.loop import Loop


def test_order(loop: Loop) -> None:
    """By deadline; equal deadlines in the order in which they were made."""
    now = loop.time()
    seen: list[tuple[float, int]] = []
    entries = [(now + random.Random(7).choice([0.001, 0.002, 0.003]) * (number % 5), number) for number in range(5000)]
    for when, number in entries:
        loop.call_at(when, seen.append, (when, number))
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    assert seen == sorted(entries)


def test_never_early_and_not_late(loop: Loop) -> None:
    late: list[float] = []

    async def main() -> None:
        for number in range(100):
            when = loop.time() + number * 0.00013
            fired = loop.create_future()
            loop.call_at(when, lambda: fired.set_result(loop.time()))
            late.append(await fired - when)

    loop.run_until_complete(main())
    resolution = time.get_clock_info("monotonic").resolution
    assert min(late) >= -resolution
    # A busy machine delays some; a wait that is rounded to milliseconds would delay the usual one.
    assert sorted(late)[len(late) // 4] < 0.001


def test_time_is_pythons_clock(loop: Loop) -> None:
    assert time.monotonic() <= loop.time() <= time.monotonic()
    before = time.monotonic()
    assert before + 5 <= loop.call_later(5, print).when() <= time.monotonic() + 5


def test_a_wait_for_a_timer_is_one_turn(loop: Loop) -> None:
    """A deadline that is rounded down costs a turn that finds nothing, or many."""
    turns = 0
    select = loop._run_once

    def counting() -> None:
        nonlocal turns
        turns += 1
        select()

    loop._run_once = counting
    for _ in range(20):
        loop.run_until_complete(asyncio.sleep(0.0021))
    assert turns <= 20 * 4


def test_cancelling(loop: Loop) -> None:
    seen: list[int] = []
    handles = [loop.call_later(0.001 + 0.00001 * number, seen.append, number) for number in range(2000)]
    for handle in handles[::2]:
        handle.cancel()
    assert handles[0].cancelled()
    loop.call_later(0.04, loop.stop)
    loop.run_forever()
    assert seen == list(range(1, 2000, 2))


def test_cancelled_timers_are_let_go_of_long_before_they_are_due(loop: Loop) -> None:
    class Witness:
        alive = 0

        def __init__(self) -> None:
            Witness.alive += 1

        def __call__(self) -> None: ...

        def __del__(self) -> None:
            Witness.alive -= 1

    keep = [loop.call_later(3600, Witness()) for _ in range(150)]
    for _ in range(5000):
        loop.call_later(1800, Witness()).cancel()
        # The handle itself is in the heap until the heap is swept.
    assert Witness.alive == 150
    import gc

    loop.run_until_complete(asyncio.sleep(0))
    gc.collect()
    assert sum(isinstance(each, asyncio.TimerHandle) for each in gc.get_referrers(loop)) < 500
    assert len(keep) == 150


def test_cancelling_in_the_turn_in_which_it_is_due(loop: Loop) -> None:
    seen: list[str] = []
    when = loop.time() + 0.001
    loop.call_at(when, lambda: second.cancel())
    second = loop.call_at(when, seen.append, "second")
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert seen == []


def test_extreme_delays(loop: Loop) -> None:
    seen: list[str] = []
    for delay in (float("inf"), 1e300, 1e18, 10**12, 3e9):
        loop.call_later(delay, seen.append, "much too early")
    for delay in (-1, -1e300, float("-inf"), 0, -0.0, 1e-300):
        loop.call_later(delay, seen.append, "now")
    loop.call_at(0, seen.append, "now")
    with pytest.raises(ValueError):
        loop.call_later(float("nan"), print)
    with pytest.raises(ValueError):
        loop.call_at(float("nan"), print)
    started = time.process_time()
    loop.call_later(0.2, loop.stop)
    loop.run_forever()
    assert seen == ["now"] * 7
    assert time.process_time() - started < 0.1, "the loop turned instead of waiting"


def test_numbers_of_other_kinds(loop: Loop) -> None:
    from decimal import Decimal
    from fractions import Fraction

    seen: list[int] = []
    for number, delay in enumerate((0, True, Decimal("0.001"), Fraction(1, 1000))):
        loop.call_later(delay if delay is not True else 0, seen.append, number)  # type: ignore[arg-type]
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    assert sorted(seen) == [0, 1, 2, 3]


def test_what_dies_in_the_heap_may_use_the_loop(loop: Loop) -> None:
    """Sweeping lets go of callbacks, whose destructors run Python code, which makes timers."""

    class Caller:
        def __del__(self) -> None:
            if not loop.is_closed():
                loop.call_later(3600, print)
                loop.call_soon(seen.append, 1)

    class Timer(asyncio.TimerHandle):
        """Keeps something alive that cancelling does not let go of."""

        caller: Caller

    seen: list[int] = []
    for _ in range(500):
        handle = loop.call_later(3600, print)
        context_holder = Caller()
        import contextvars

        context = contextvars.copy_context()
        context.run(contextvars.ContextVar("holder").set, context_holder)
        loop.call_later(3600, print, context=context).cancel()
        handle.cancel()
        del context_holder, context, handle
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(seen) == 500


@pytest.mark.parametrize("debug", [False, True])
def test_thousands_of_sleeping_tasks(loop: Loop, debug: bool) -> None:
    loop.set_debug(debug)
    count = 1000 if debug else 5000

    async def main() -> int:
        delays = random.Random(3)
        done = await asyncio.gather(*(asyncio.sleep(delays.random() * 0.05, number) for number in range(count)))
        return sum(done)

    assert loop.run_until_complete(main()) == sum(range(count))


def test_time_outs(loop: Loop) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(5), 0.01)
        assert await asyncio.wait_for(asyncio.sleep(0, "in time"), 5) == "in time"

    started = time.monotonic()
    loop.run_until_complete(main())
    assert time.monotonic() - started < 2
