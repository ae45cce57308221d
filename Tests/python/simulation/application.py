"""The application of the simulated host: answers as the target says, `/kind/number?identity`, in all the ways in which applications answer.

What each kind must bring is told by `traffic.py`; here is how. The ledger knows which calls have begun and not ended.
"""
from __future__ import annotations

import asyncio
import random
import tempfile
from typing import Any, Awaitable, Callable

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CONTENT = random.Random(1).randbytes(400_000)
FILE = tempfile.NamedTemporaryFile(prefix="martlet-simulation-")
FILE.write(CONTENT)
FILE.flush()


class PlannedFailure(Exception):
    """Raised where the target asks for a failure."""


def content(identity: int, count: int) -> bytes:
    """Bytes that tell one request's answer from another's."""
    start = identity * 7919 % 1000
    return CONTENT[start : start + count]


def pieces(data: bytes, count: int = 4) -> list[bytes]:
    size = max(1, -(-len(data) // count))
    return [data[at : at + size] for at in range(0, len(data), size)]


class Call:
    """One request: what was asked, and the ways to answer it."""

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        _, self.kind, number = scope["path"].split("/")
        self.number, self.identity = int(number), int(scope["query_string"])
        self.receive, self.send = receive, send
        self.data = content(self.identity, self.number)

    async def start(self, length: int | None = None, status: int = 200, **more: object) -> None:
        headers = [(b"x-request", b"%d" % self.identity)]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await self.send({"type": "http.response.start", "status": status, "headers": headers, **more})

    async def piece(self, data: bytes, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def finish(self) -> None:
        await self.send({"type": "http.response.body"})

    async def answer(self, data: bytes) -> None:
        await self.start(len(data))
        await self.piece(data, more=False)

    async def body(self, pause: float = 0) -> bytes | None:
        """The whole body; None when the client has gone before its end."""
        parts = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message["body"])
            if not message["more_body"]:
                return b"".join(parts)
            if pause:
                await asyncio.sleep(pause)


async def whole(call: Call) -> None:
    await call.answer(call.data)


async def bare(call: Call) -> None:
    await call.start()
    await call.piece(call.data, more=False)


async def sized(call: Call) -> None:
    await call.start(len(call.data))
    for piece in pieces(call.data):
        await call.piece(piece)
    await call.finish()


async def stream(call: Call) -> None:
    await call.start()
    for piece in pieces(call.data, 9):
        await call.piece(piece)
    await call.finish()


async def drip(call: Call) -> None:
    await call.start()
    for piece in pieces(call.data):
        await call.piece(piece)
        await asyncio.sleep(call.number % 7 * 0.02)
    await call.finish()


async def sleep(call: Call) -> None:
    await asyncio.sleep(call.number % 50 * 0.01)
    await call.answer(call.data)


async def empty(call: Call) -> None:
    await call.start(status=204)
    await call.finish()


async def unmodified(call: Call) -> None:
    await call.start(status=304)
    await call.finish()


async def hints(call: Call) -> None:
    await call.send({"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]})
    await call.answer(call.data)


async def trailers(call: Call) -> None:
    await call.start(trailers=True)
    for piece in pieces(call.data):
        await call.piece(piece)
    await call.finish()
    await call.send({"type": "http.response.trailers", "headers": [(b"x-check", b"%d" % call.identity)]})


async def path(call: Call) -> None:
    await call.start(status=200, length=len(CONTENT))
    await call.send({"type": "http.response.pathsend", "path": FILE.name})


async def file(call: Call) -> None:
    await call.start()
    half = call.number // 2
    await call.send({"type": "http.response.zerocopysend", "file": FILE, "offset": 0, "count": half, "more_body": True})
    await call.send({"type": "http.response.zerocopysend", "file": FILE, "offset": half, "count": call.number - half})


async def echo(call: Call) -> None:
    body = await call.body()
    if body is not None:
        await call.answer(body)


async def slow_echo(call: Call) -> None:
    body = await call.body(pause=0.05)
    if body is not None:
        await call.answer(body)


async def echo_stream(call: Call) -> None:
    await call.start()
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            return
        await call.piece(message["body"], more=message["more_body"])
        if not message["more_body"]:
            return


async def impatient_echo(call: Call) -> None:
    """Each wait for the body may be cancelled, and loses nothing by it."""
    parts = []
    while True:
        try:
            message = await asyncio.wait_for(call.receive(), 0.01)
        except (asyncio.TimeoutError, TimeoutError):
            continue
        if message["type"] == "http.disconnect":
            return
        parts.append(message["body"])
        if not message["more_body"]:
            return await call.answer(b"".join(parts))


async def early(call: Call) -> None:
    await call.answer(call.data)


async def watched(call: Call) -> None:
    """Streams, and stops when the client goes, as frameworks do."""
    if await call.body() is None:
        return

    async def watch() -> None:
        while (await call.receive())["type"] != "http.disconnect":
            pass

    watcher, writer = asyncio.ensure_future(watch()), asyncio.ensure_future(drip(call))
    try:
        await asyncio.wait([watcher, writer], return_when=asyncio.FIRST_COMPLETED)
        if watcher.done() and not writer.done():
            writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    finally:
        watcher.cancel()
    if not writer.cancelled():
        writer.result()


async def spawned(call: Call) -> None:
    async def later(delay: float) -> None:
        await asyncio.sleep(delay)

    await asyncio.gather(*(later(index * 0.003) for index in range(4)), asyncio.create_task(stream(call)))


async def afterwards(call: Call) -> None:
    """Says everything twice, and goes on when the answer is complete."""
    await call.answer(call.data)
    await asyncio.sleep(0.02)
    assert (await call.receive())["type"] in ("http.request", "http.disconnect")
    await call.answer(call.data)


async def fails(call: Call) -> None:
    raise PlannedFailure


async def fails_later(call: Call) -> None:
    await asyncio.sleep(0.001)
    raise PlannedFailure


async def fails_begun(call: Call) -> None:
    await call.start()
    raise PlannedFailure


async def fails_midway(call: Call) -> None:
    await call.start(len(call.data) + 100)
    await call.piece(call.data)
    await asyncio.sleep(call.number % 3 * 0.01)
    raise PlannedFailure


async def leaves_midway(call: Call) -> None:
    await call.start()
    for piece in pieces(call.data):
        await call.piece(piece)


async def forgets(call: Call) -> None:
    await asyncio.sleep(call.number % 2 * 0.01)


async def cancels(call: Call) -> None:
    asyncio.current_task().cancel()
    await asyncio.sleep(1)


async def hangs(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass


KINDS = {
    function.__name__: function
    for function in (
        whole, bare, sized, stream, drip, sleep, empty, unmodified, hints, trailers, path, file, echo, slow_echo, echo_stream, impatient_echo, early,
        watched, spawned, afterwards, fails, fails_later, fails_begun, fails_midway, leaves_midway, forgets, cancels, hangs,
    )
}


async def lost(call: Call) -> None:
    """Ends as if all was well."""
    await call.start(len(call.data) + 1)
    await call.piece(call.data)
    await call.finish()


async def doubled(call: Call) -> None:
    await call.start()
    await call.piece(call.data)
    await call.piece(call.data, more=False)


async def wrong(call: Call) -> None:
    call.identity += 1
    await call.answer(call.data)


KEPT = []


async def leaked(call: Call) -> None:
    KEPT.append(call.send)
    await call.answer(call.data)


# What `whole` is replaced by to see that it would be noticed.
CANARIES = {function.__name__: function for function in (lost, doubled, wrong, leaked)}


class Ledger:
    """Calls of one run."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.running: set[int] = set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        assert call.identity not in self.begun, "a request was given to the application twice"
        self.begun.append(call.identity)
        self.running.add(call.identity)
        try:
            await KINDS[call.kind](call)
        finally:
            self.running.discard(call.identity)
