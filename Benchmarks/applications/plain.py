"""The applications without a framework: one for each scenario, so that none pays for choosing."""
from __future__ import annotations

import asyncio
import os
from typing import Any, Awaitable, Callable

from common_fields import ADDED, ADDED_BYTES

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

STREAM_PIECES = 16
STREAM_PIECE = b"x" * (4 << 10)
SLEEP_SECONDS = 0.01
READ_BYTES = 64 << 10  # as Starlette's FileResponse reads
FILE = os.environ.get("BENCHMARK_FILE", "")
TEXT = (b"content-type", b"text/plain")


def start(size: int | None) -> dict[str, Any]:
    length = [] if size is None else [(b"content-length", b"%d" % size)]
    return {"type": "http.response.start", "status": 200, "headers": [TEXT, *length, *ADDED_BYTES]}


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def fixed(body: bytes) -> Application:
    fields = start(len(body))["headers"]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await lifespan(receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    return application


HELLO = b"Hello, World!"
hello = fixed(HELLO)
body_1k = fixed(b"x" * (1 << 10))
body_10k = fixed(b"x" * (10 << 10))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Each piece goes back as soon as it is there."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    await send(start(int(dict(scope["headers"])[b"content-length"])))
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return await lifespan(receive, send)
    await send(start(None))
    for _ in range(STREAM_PIECES):
        await send({"type": "http.response.body", "body": STREAM_PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return await lifespan(receive, send)
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % size
    await send(start(len(body)))
    await send({"type": "http.response.body", "body": body})


async def file_by_path(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return await lifespan(receive, send)
    if "http.response.pathsend" not in scope["extensions"]:
        raise RuntimeError("the server does not send files by their path")
    await send(start(os.stat(FILE).st_size))
    await send({"type": "http.response.pathsend", "path": FILE})


async def file_by_reading(scope: Scope, receive: Receive, send: Send) -> None:
    """What is left to do where the server does not send files: the kernel has it in memory, so reading does not wait."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    with open(FILE, "rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size
        await send(start(left))
        while left:
            piece = file.read(READ_BYTES)
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return await lifespan(receive, send)
    await asyncio.sleep(SLEEP_SECONDS)
    await send(start(len(HELLO)))
    await send({"type": "http.response.body", "body": HELLO})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO))), *ADDED])
    return [HELLO]
