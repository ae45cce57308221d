"""Sends much, or for long, and notes what becomes of `send` when the client does not read or leaves."""
from __future__ import annotations

import asyncio

from common import Receive, Scope, Send, answer, argument, begin, end, gate, literal, more, note, raised
from common import application as routed

PIECE = b"0123456789abcdef" * 4096
BLOCKED_SECONDS = 0.5
TICK_SECONDS = 0.01
TICKS_MAX = 1000


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends so many pieces. Notes when one of them has to wait for the first time, and what ended it."""
    key, count = literal(scope)
    has_waited = False
    await begin(send)
    try:
        for number in range(count):
            sending = asyncio.ensure_future(more(send, PIECE))
            done, _ = await asyncio.wait({sending}, timeout=BLOCKED_SECONDS)
            if not done and not has_waited:
                has_waited = True
                note(key, {"blocked at": number * len(PIECE)})
            await sending
        await end(send)
        note(key, "sent all")
    except OSError as error:
        note(key, raised(error))
        raise


async def one_large_piece(scope: Scope, receive: Receive, send: Send) -> None:
    key, count = literal(scope)
    await begin(send)
    try:
        await more(send, bytes(count))
        await end(send)
        note(key, "sent all")
    except OSError as error:
        note(key, raised(error))
        raise


async def ticks(scope: Scope, receive: Receive, send: Send) -> None:
    """Small pieces for as long as `send` takes them; then the same error again and again."""
    key = argument(scope)
    await begin(send)
    await more(send, b"tick")
    note(key, "begun")
    try:
        for _ in range(TICKS_MAX):
            await more(send, b"tick")
            await asyncio.sleep(TICK_SECONDS)
    except OSError as error:
        note(key, raised(error))
    for last in (False, True):
        try:
            await send({"type": "http.response.body", "body": b"late", "more_body": not last})
        except OSError as error:
            note(key, raised(error))
    note(key, "end")


async def ticks_wrapped(scope: Scope, receive: Receive, send: Send) -> None:
    """As frameworks do it: an exception of their own instead of the server's."""

    class ClientHasLeft(Exception):
        pass

    key = argument(scope)
    await begin(send)
    note(key, "begun")
    try:
        for _ in range(TICKS_MAX):
            await more(send, b"tick")
            await asyncio.sleep(TICK_SECONDS)
    except OSError:
        note(key, "left")
        raise ClientHasLeft()


async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers once the client has left: nothing of it can go out."""
    key = argument(scope)
    note(key, "started")
    while (await receive())["type"] != "http.disconnect":
        pass
    try:
        await answer(send, b"late")
        note(key, "sent")
    except OSError as error:
        note(key, raised(error))


async def fails_after_the_client(scope: Scope, receive: Receive, send: Send) -> None:
    """A fault of its own, which happens to come when the client has left already."""
    key = argument(scope)
    note(key, "started")
    while (await receive())["type"] != "http.disconnect":
        pass
    note(key, "left")
    raise ZeroDivisionError(f"own fault of {key}")


async def cancelled_send(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up a `send` that waits, then goes on: what was begun is sent once and in order."""
    key, count = literal(scope)
    await begin(send)
    gave_up = 0
    for number in range(count):
        sending = asyncio.ensure_future(more(send, number.to_bytes(4, "big") * 16384))
        done, _ = await asyncio.wait({sending}, timeout=BLOCKED_SECONDS if not gave_up else None)
        if not done:
            sending.cancel()
            gave_up += 1
            note(key, number)
            await gate(key).wait()
    await end(send)
    note(key, {"gave up": gave_up})


application = routed(flood, one_large_piece, ticks, ticks_wrapped, answer_late, fails_after_the_client, cancelled_send)
