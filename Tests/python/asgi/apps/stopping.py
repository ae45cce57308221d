"""Requests that are in flight when the server is told to stop, of every degree of readiness to end."""
from __future__ import annotations

import asyncio

from common import Receive, Scope, Send, answer, argument, begin, end, more, note
from common import application as routed

SECOND = 1.0
TICK_SECONDS = 0.02
FOREVER_SECONDS = 3600.0


async def second(scope: Scope, receive: Receive, send: Send) -> None:
    note(argument(scope), "started")
    await asyncio.sleep(SECOND)
    await answer(send, b"finished")
    note(argument(scope), "answered")


async def stream_of_a_second(scope: Scope, receive: Receive, send: Send) -> None:
    note(argument(scope), "started")
    await begin(send)
    for number in range(10):
        await more(send, b"%d" % number)
        await asyncio.sleep(SECOND / 10)
    await end(send)
    note(argument(scope), "answered")


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """A stream as frameworks make one: it ends when the disconnect is received."""
    key = argument(scope)
    await begin(send, 200, [(b"content-type", b"text/event-stream")])
    waiting = asyncio.ensure_future(receive())
    await waiting
    waiting = asyncio.ensure_future(receive())
    note(key, "started")
    try:
        while not waiting.done():
            await more(send, b"data: tick\n\n")
            await asyncio.sleep(TICK_SECONDS)
        note(key, (await waiting)["type"])
    except OSError:
        note(key, "OSError")
    except asyncio.CancelledError:
        note(key, "cancelled")
        raise


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Never receives: nothing but cancellation ends it."""
    key = argument(scope)
    await begin(send)
    await more(send, b"begun")
    note(key, "started")
    try:
        await asyncio.sleep(FOREVER_SECONDS)
    except asyncio.CancelledError:
        note(key, "cancelled")
        raise


async def hears_but_stays(scope: Scope, receive: Receive, send: Send) -> None:
    """Receives the disconnect, and goes on until it is cancelled."""
    key = argument(scope)
    await begin(send)
    await more(send, b"begun")
    note(key, "started")
    while (message := await receive())["type"] != "http.disconnect":
        pass
    note(key, message["type"])
    try:
        await asyncio.sleep(FOREVER_SECONDS)
    except asyncio.CancelledError:
        note(key, "cancelled")
        raise


async def immortal(scope: Scope, receive: Receive, send: Send) -> None:
    """Does not end when it is cancelled either."""
    note(argument(scope), "started")
    while True:
        try:
            await asyncio.sleep(FOREVER_SECONDS)
        except asyncio.CancelledError:
            note(argument(scope), "cancelled")


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    key = argument(scope)
    note(key, "started")
    total = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            note(key, "http.disconnect")
            return
        total += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await answer(send, total)


_requests = routed(second, stream_of_a_second, events, deaf, hears_but_stays, immortal, reads)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await _requests(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("shutdown")
    await send({"type": "lifespan.shutdown.complete"})
