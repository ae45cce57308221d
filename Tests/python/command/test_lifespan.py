"""The lifespan protocol: every way in which an application answers, does not answer, or does not know it."""
from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Awaitable, Callable, Coroutine

import pytest

from martlet.lifespan import Lifespan, StartupFailed

Script = Callable[[dict[str, Any], Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]], Coroutine[Any, Any, None]]
STARTED, STOPPED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}


def run(application: Script, mode: str = "auto", seconds: float = 5.0) -> tuple[Lifespan, bool]:
    async def whole() -> tuple[Lifespan, bool]:
        lifespan = Lifespan(application, mode)
        await lifespan.startup()
        return lifespan, await lifespan.shutdown(seconds)

    return asyncio.run(whole())


async def good(scope: Any, receive: Any, send: Any) -> None:
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert await receive() == {"type": "lifespan.startup"}
    scope["state"]["database"] = "open"
    await send(STARTED)
    assert await receive() == {"type": "lifespan.shutdown"}
    scope["state"]["database"] = "closed"
    await send(STOPPED)


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_good(mode: str) -> None:
    lifespan, has_ended_well = run(good, mode)
    assert has_ended_well and lifespan.is_supported
    assert lifespan.state == {"database": "closed"}


def test_off() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("called")

    lifespan, has_ended_well = run(never, "off")
    assert has_ended_well and not lifespan.is_supported


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise TypeError("only http here")


async def returns(scope: Any, receive: Any, send: Any) -> None:
    return


async def answers_as_http(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200})


@pytest.mark.parametrize("application", [raises, returns, answers_as_http])
def test_applications_that_do_not_know_it(application: Script) -> None:
    lifespan, has_ended_well = run(application, "auto")
    assert has_ended_well and not lifespan.is_supported
    with pytest.raises(StartupFailed, match=r"\.$"):
        run(application, "on")


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_startup_failed(mode: str) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(StartupFailed, match="no database"):
        run(fails, mode)


def test_shutdown_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "still open"})

    assert run(fails)[1] is False
    assert "still open" in caplog.text


def test_exception_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        await receive()
        raise ValueError("at the end")

    assert run(fails)[1] is False
    assert "ValueError: at the end" in caplog.text


def test_exception_in_between(caplog: pytest.LogCaptureFixture) -> None:
    """A lifespan that dies while the application serves is told at the end, and does not hold it up."""

    async def dies(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        raise ValueError("in between")

    async def whole() -> bool:
        lifespan = Lifespan(dies, "on")
        await lifespan.startup()
        await asyncio.sleep(0.01)
        return await lifespan.shutdown(5)

    assert asyncio.run(whole()) is False
    assert "ValueError: in between" in caplog.text


def test_shutdown_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    cancelled = []

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        await receive()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    started = time.monotonic()
    assert run(hangs, seconds=0.2)[1] is False
    assert 0.2 <= time.monotonic() - started < 2
    assert cancelled == [True]
    assert "0.2 s" in caplog.text


def test_startup_can_be_given_up() -> None:
    cancelled = []

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.append(True)

    async def whole() -> None:
        starting = asyncio.create_task(Lifespan(hangs, "auto").startup())
        await asyncio.sleep(0.01)
        starting.cancel()
        await asyncio.wait({starting}, timeout=2)
        assert starting.cancelled()

    asyncio.run(whole())
    assert cancelled == [True]


@pytest.mark.parametrize("message", [{"type": "lifespan.startup.complete"}, {"type": "lifespan.nonsense"}, {}, {"type": "lifespan.startup.failed"}])
def test_messages_out_of_place_are_refused(message: dict[str, Any]) -> None:
    refused = []

    async def twice(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STARTED)
        try:
            await send(message)
        except Exception as error:
            refused.append(str(error))
        await receive()
        await send(STOPPED)

    assert run(twice)[1] is True
    assert len(refused) == 1


def test_shutdown_before_startup_is_refused() -> None:
    async def confused(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(STOPPED)

    with pytest.raises(StartupFailed):
        run(confused, "on")


def test_reason_is_logged_when_going_on_without(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "martlet.error")
    run(raises, "auto")
    assert "TypeError: only http here" in caplog.text
