"""Every path through the server with objects that all requests share, and a look at how many of everything there are."""
from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

from common import Receive, Scope, Send, answer, whole_body
from common import application as routed

TICK_SECONDS = 0.005

# Shared on purpose: a reference too many, or one too few, adds up.
body = b"shared body " * 10
header_name, header_value = b"x-shared-name", b"the shared value"
header = (header_name, header_value)
headers = [header]
start = {"type": "http.response.start", "status": 200, "headers": headers}
start_with_length = {"type": "http.response.start", "status": 200, "headers": [header, (b"content-length", b"%d" % len(body))]}
last = {"type": "http.response.body", "body": body}
piece = {"type": "http.response.body", "body": body, "more_body": True}
bad = {"type": "http.response.start", "status": "text", "headers": headers}


class SharedError(Exception):
    pass


def shared_objects() -> dict[str, Any]:
    return {
        "body": body, "header_name": header_name, "header_value": header_value, "header": header, "headers": headers,
        "start": start, "start_with_length": start_with_length, "last": last,
        "piece": piece, "bad": bad, "error": SharedError, "application": application, "shared": shared, "dict": dict, "task": asyncio.Task,
        "loop": asyncio.get_running_loop(),
    }


async def facts(scope: Scope, receive: Receive, send: Send) -> None:
    """Counted when all that has ended is collected, several times, so that the counting itself settles."""
    for _ in range(3):
        await asyncio.sleep(TICK_SECONDS)
        gc.collect()
    counts = {name: sys.getrefcount(each) for name, each in shared_objects().items()}
    await answer(send, {"references": counts, "blocks": sys.getallocatedblocks(), "tasks": len(asyncio.all_tasks())})


async def shared(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start_with_length)
    await send(last)


async def streamed(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start)
    await send(piece)
    await asyncio.sleep(0)
    await send(piece)
    await send(last)


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    await whole_body(receive)
    await send(start_with_length)
    await send(last)


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise SharedError


async def fails_in_the_middle(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start)
    await send(piece)
    raise SharedError


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Messages of every wrong kind, then a good answer."""
    for message in (bad, {}, {"type": "unknown"}, last, {**start, "headers": [(header_name, body, header_name)]}, {**start, "headers": [(b"a b", b"c")]}):
        try:
            await send(message)
        except Exception:
            continue
        raise AssertionError(f"{message} was accepted")
    await send(start)
    await send(last)


async def receives_twice(scope: Scope, receive: Receive, send: Send) -> None:
    """A call of receive that is given up, then the disconnect after the answer."""
    await whole_body(receive)
    waiting = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await send(start_with_length)
    await send(last)
    await receive()


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Until the client leaves."""
    await send(start)
    while True:
        await send(piece)
        await asyncio.sleep(TICK_SECONDS)


async def waits(scope: Scope, receive: Receive, send: Send) -> None:
    """Until the client leaves, without sending."""
    while (await receive())["type"] != "http.disconnect":
        pass


application = routed(facts, shared, streamed, read, fails, fails_in_the_middle, returns, refused, receives_twice, stream, waits)
