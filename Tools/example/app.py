"""What `Tools/serve` serves: a small JSON API, a stream of events, and a page for a browser that uses both. Plain ASGI, no packages.

    /             the page
    /api/worker   which process answers, on which processor, and what it has done so far
    /api/words    POST a text, get its most frequent words
    /events       server-sent events, one each second until the client leaves
"""
from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

TEXT_BYTES_MAX = 1 << 20
PAGE = (Path(__file__).parent / "page.html").read_bytes()
JSON, HTML, EVENTS = b"application/json", b"text/html; charset=utf-8", b"text/event-stream"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    worker: Worker = scope["state"]["worker"]
    worker.requests += 1
    match scope["method"], scope["path"]:
        case "GET" | "HEAD", "/":
            await answer(send, 200, HTML, PAGE)
        case "GET" | "HEAD", "/api/worker":
            await answer_json(send, 200, worker.facts())
        case "POST", "/api/words":
            await count_words(receive, send)
        case "GET", "/events":
            await stream_events(worker, receive, send)
        case _, "/" | "/api/worker" | "/api/words" | "/events":
            await answer_json(send, 405, {"error": f"{scope['method']} is not for {scope['path']}"})
        case _:
            await answer_json(send, 404, {"error": f"there is no {scope['path']}"})


class Worker:
    """One of the processes that serve; it is made when its process starts, and shared by the requests that come to it."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.requests = 0
        self.listeners = 0

    def facts(self) -> dict[str, Any]:
        return {
            "process": os.getpid(),
            "processors": sorted(os.sched_getaffinity(0)),
            "seconds": round(time.monotonic() - self.started, 1),
            "requests": self.requests,
            "listeners": self.listeners,
        }


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["worker"] = Worker()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def count_words(receive: Receive, send: Send) -> None:
    text = bytearray()
    async for chunk in body(receive):
        text += chunk
        if len(text) > TEXT_BYTES_MAX:
            await answer_json(send, 413, {"error": f"a text has at most {TEXT_BYTES_MAX} bytes"})
            return
    words = Counter(re.findall(r"\w+", text.decode(errors="replace").lower()))
    await answer_json(send, 200, {"words": words.total(), "different": len(words), "most": words.most_common(10)})


async def body(receive: Receive) -> AsyncIterator[bytes]:
    """The pieces of the request's body as they come."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def stream_events(worker: Worker, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", EVENTS), (b"cache-control", b"no-cache")]})
    worker.listeners += 1
    leaving = asyncio.ensure_future(has_left(receive))
    try:
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"data: %s\n\n" % json.dumps(worker.facts()).encode(), "more_body": True})
            await asyncio.wait({leaving}, timeout=1)
    finally:
        worker.listeners -= 1
        leaving.cancel()


async def has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer_json(send: Send, status: int, value: object) -> None:
    await answer(send, status, JSON, json.dumps(value).encode() + b"\n")


async def answer(send: Send, status: int, content_type: bytes, content: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
