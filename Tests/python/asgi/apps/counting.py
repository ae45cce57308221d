"""Answers in every way, and tells how many references there are in all: for the debug interpreter."""
from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("only requests")
    path = scope["path"]
    if path == "/references":
        gc.collect()
        await answer(send, b"%d" % sys.gettotalrefcount())  # type: ignore[attr-defined]
    elif path == "/echo":
        message = await receive()
        await answer(send, message["body"], [(b"x-name", b"value")])
    elif path == "/stream":
        await send({"type": "http.response.start", "status": 200})
        for _ in range(3):
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"x" * 20_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif path == "/raise":
        raise ValueError("on purpose")
    elif path == "/refused":
        try:
            await send({"type": "nothing"})
        except ValueError:
            pass
    else:
        await answer(send, b"Hello, World!")


async def answer(send: Any, body: bytes, headers: list[tuple[bytes, bytes]] = []) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
