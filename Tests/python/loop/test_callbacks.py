"""Callbacks: their order, their turns, what they raise, and the same in debug mode."""
from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest

from martlet.loop import Loop


def run_briefly(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


@pytest.mark.parametrize("debug", [False, True])
def test_order(loop: Loop, debug: bool) -> None:
    loop.set_debug(debug)
    seen: list[object] = []
    for number in range(1000):
        loop.call_soon(seen.append, number)
    run_briefly(loop)
    assert seen == list(range(1000))


@pytest.mark.parametrize("debug", [False, True])
def test_what_callbacks_add_runs_in_the_next_turn(loop: Loop, debug: bool) -> None:
    loop.set_debug(debug)
    seen: list[str] = []

    def first() -> None:
        seen.append("first")
        loop.call_soon(third)

    def third() -> None:
        seen.append("third")
        loop.stop()

    loop.call_soon(first)
    loop.call_soon(seen.append, "second")
    loop.run_forever()
    assert seen == ["first", "second", "third"]


def test_busy_callbacks_do_not_starve_the_rest(loop: Loop) -> None:
    """A callback that always adds itself again leaves room for timers, descriptors and other threads' calls in each turn."""
    import socket

    left, right = socket.socketpair()
    with left, right:
        turns = 0
        seen: set[str] = set()

        def again() -> None:
            nonlocal turns
            turns += 1
            if len(seen) == 3 or turns > 100_000:
                loop.stop()
            else:
                loop.call_soon(again)

        loop.add_reader(left, lambda: seen.add(f"descriptor {left.recv(1)!r}"))
        loop.call_later(0.001, seen.add, "timer")
        loop.run_in_executor(None, lambda: loop.call_soon_threadsafe(seen.add, "thread"))
        right.send(b"x")
        loop.call_soon(again)
        loop.run_forever()
        loop.remove_reader(left)
    assert seen == {"descriptor b'x'", "timer", "thread"}


def test_stop_before_running_runs_one_turn(loop: Loop) -> None:
    seen: list[int] = []
    loop.call_soon(seen.append, 1)
    loop.stop()
    loop.run_forever()
    assert seen == [1]


def test_cancelled_handles_do_not_run(loop: Loop) -> None:
    seen: list[str] = []
    victim = loop.call_soon(seen.append, "cancelled before")
    loop.call_soon(lambda: later.cancel())
    later = loop.call_soon(seen.append, "cancelled by the callback before it")
    victim.cancel()
    run_briefly(loop)
    assert seen == []


def test_a_callback_may_cancel_its_own_handle(loop: Loop) -> None:
    class Witness:
        alive = 0

        def __init__(self) -> None:
            Witness.alive += 1

        def __del__(self) -> None:
            Witness.alive -= 1

    handle = None
    alive_inside = []

    def callback(_: Witness) -> None:
        assert handle is not None
        handle.cancel()
        alive_inside.append(Witness.alive)

    handle = loop.call_soon(callback, Witness())
    run_briefly(loop)
    assert alive_inside == [1] and Witness.alive == 0


def test_context(loop: Loop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outer")
    seen: list[str] = []

    def look(value: str) -> None:
        seen.append(variable.get())
        variable.set(value)

    own = contextvars.copy_context()
    own.run(variable.set, "own")
    loop.call_soon(look, "changed", context=own)
    loop.call_soon(look, "lost")
    loop.call_later(0, look, "again", context=own)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert sorted(seen) == ["changed", "outer", "own"] and own[variable] == "again" and variable.get() == "outer"


def test_wrong_arguments(loop: Loop) -> None:
    call_soon: Any = loop.call_soon
    call_later: Any = loop.call_later
    for function, arguments in ((call_soon, ()), (call_later, ()), (call_later, (1,)), (call_later, (None, print)), (call_later, ("1", print))):
        with pytest.raises(TypeError):
            function(*arguments)
    with pytest.raises(TypeError):
        call_soon(print, name=1)


# Exceptions


@pytest.mark.parametrize("debug", [False, True])
def test_exceptions_go_to_the_handler_with_their_context(loop: Loop, debug: bool) -> None:
    loop.set_debug(debug)
    contexts: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    seen: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError("on purpose")

    handle = loop.call_soon(fail)
    loop.call_soon(seen.append, "the next callback")
    run_briefly(loop)
    assert seen == ["the next callback"]
    (context,) = contexts
    assert isinstance(context["exception"], ZeroDivisionError) and context["handle"] is handle
    assert "Exception in callback" in context["message"] and "fail" in context["message"]
    assert context["exception"].__traceback__ is not None
    assert ("source_traceback" in context) == debug


def test_an_exception_handler_that_fails_does_not_end_the_loop(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def handler(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        raise ValueError("the handler fails too")

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    with caplog.at_level(logging.ERROR, "asyncio"):
        run_briefly(loop)
    assert "Unhandled error in exception handler" in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_exits_leave_the_loop_and_the_rest_stays(loop: Loop, kind: type[BaseException]) -> None:
    seen: list[str] = []

    def leave() -> None:
        raise kind("on purpose")

    loop.call_soon(leave)
    loop.call_soon(seen.append, "after it")
    with pytest.raises(kind):
        loop.run_forever()
    assert seen == [] and not loop.is_running()
    run_briefly(loop)
    assert seen == ["after it"]


def test_system_exit_of_a_task(loop: Loop) -> None:
    async def leave() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    with pytest.raises(SystemExit) as exit:
        loop.run_until_complete(leave())
    assert exit.value.code == 3
    assert loop.run_until_complete(asyncio.sleep(0, "goes on")) == "goes on"


def test_running_inside_running_raises(loop: Loop, make_loop: Any) -> None:
    other = make_loop()

    async def nested() -> None:
        for each in (loop, other):
            waiting = asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                each.run_until_complete(waiting)
            waiting.close()
            with pytest.raises(RuntimeError):
                each.run_forever()
        with pytest.raises(RuntimeError):
            loop.close()

    loop.run_until_complete(nested())
    assert other.run_until_complete(asyncio.sleep(0, 1)) == 1


def test_run_until_complete_of_a_stopped_loop(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="before Future completed"):
        loop.run_until_complete(loop.create_future())


# What asyncio's own code and others' do with the queue


def test_ready_is_what_asyncio_expects(loop: Loop) -> None:
    seen: list[int] = []
    handles = [asyncio.Handle(seen.append, (number,), loop) for number in range(3)]
    for handle in handles:
        loop._ready.append(handle)
    assert len(loop._ready) == 3 and bool(loop._ready) and list(loop._ready) == handles and loop._ready[2] is handles[2]
    assert loop._ready.popleft() is handles[0]
    run_briefly(loop)
    assert seen == [1, 2] and not loop._ready
    loop._ready.append(handles[0])
    loop._ready.clear()
    with pytest.raises(IndexError):
        loop._ready.popleft()


def test_a_handle_of_a_derived_class_runs_as_it_says(loop: Loop) -> None:
    class Own(asyncio.Handle):
        def _run(self) -> None:
            seen.append("own")

    seen: list[str] = []
    loop._ready.append(Own(lambda: seen.append("not this"), (), loop))
    run_briefly(loop)
    assert seen == ["own"]


# Debug mode


def test_debug_mode_can_be_switched_while_callbacks_and_timers_wait(loop: Loop) -> None:
    seen: list[str] = []

    async def main() -> None:
        start = loop.time()
        loop.call_at(start + 0.01, seen.append, "plain 1")
        loop.call_at(start + 0.03, seen.append, "plain 3")
        loop.set_debug(True)
        second = loop.create_future()
        loop.call_at(start + 0.02, lambda: second.set_result(seen.append("debug 2")))
        loop.call_at(start + 0.04, seen.append, "debug 4")
        loop.call_at(start + 0.035, seen.append, "cancelled").cancel()
        loop.call_soon(seen.append, "debug soon")
        await second
        loop.set_debug(False)
        loop.call_at(start + 0.05, seen.append, "plain 5")
        while len(seen) < 6:
            await asyncio.sleep(0.005)

    loop.run_until_complete(main())
    assert seen == ["debug soon", "plain 1", "debug 2", "plain 3", "debug 4", "plain 5"]


def test_debug_mode_says_where_handles_were_made(loop: Loop) -> None:
    loop.set_debug(True)
    for handle in (loop.call_soon(print), loop.call_later(1, print), loop.call_at(loop.time() + 1, print), loop.call_soon_threadsafe(print)):
        assert handle._source_traceback[-1].name == "test_debug_mode_says_where_handles_were_made"
        handle.cancel()


def test_debug_mode_checks(loop: Loop) -> None:
    async def coroutine() -> None: ...

    loop.set_debug(True)
    for wrong in (lambda: loop.call_soon(coroutine), lambda: loop.call_later(1, coroutine), lambda: loop.call_soon(1)):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            wrong()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            await loop.run_in_executor(None, loop.call_soon, print)
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            await loop.run_in_executor(None, loop.call_later, 1, print)

    loop.run_until_complete(main())


def test_debug_mode_warns_of_slow_callbacks(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    import time

    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    loop.call_soon(time.sleep, 0.05)
    with caplog.at_level(logging.WARNING, "asyncio"):
        run_briefly(loop)
    assert "Executing" in caplog.text and "took" in caplog.text
