"""Applications that differ in how they live: each attribute is one of them."""
from __future__ import annotations

import asyncio
import os
from typing import Any

from common import Receive, Route, Scope, Send, answer, note


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    """All of the protocol, with state; every step is noted."""
    if scope["type"] != "lifespan":
        await show_state(scope, send)
        return
    note("lifespan", {key: value for key, value in scope.items() if key != "state"})
    note("state", type(scope.get("state")).__name__)
    note("message", await receive())
    await asyncio.sleep(0.2)
    scope["state"].update(number=1, shared=["a"], loop=id(asyncio.get_running_loop()))
    note("started")
    await send({"type": "lifespan.startup.complete"})
    note("message", await receive())
    await asyncio.sleep(0.1)
    await send({"type": "lifespan.shutdown.complete"})
    note("ended")


async def show_state(scope: Scope, send: Send) -> None:
    """Answers with the state as it was found, then changes it."""
    state: dict[str, Any] = scope["state"]
    found = {**state, "shared": list(state["shared"]), "loop": state["loop"] == id(asyncio.get_running_loop())}
    state["number"] += 1
    state["own"] = True
    state["shared"].append("b")
    await answer(send, found)


def refusing(*messages: dict[str, Any]) -> Route:
    """Answers to the startup with these messages, and serves if it is let."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await answer(send, b"served")
            return
        await receive()
        for message in messages:
            await send(message)

    return application


failing = refusing({"type": "lifespan.startup.failed", "message": "the database is not there"})
failing_without_message = refusing({"type": "lifespan.startup.failed"})


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows no lifespan, as many applications do."""
    if scope["type"] != "http":
        raise KeyError(f"no {scope['type']} here")
    note("scope", sorted(scope))
    await answer(send, b"served")


async def raising_later(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails during its startup."""
    if scope["type"] != "http":
        await receive()
        await asyncio.sleep(0.01)
        raise ValueError("failed during the startup")
    await answer(send, b"served")


async def raising_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ValueError("failed during the shutdown")
    await answer(send, b"served")


async def failing_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "the database did not close"})
        return
    await answer(send, b"served")


async def hanging_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    """Never completes its shutdown."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        note("message", await receive())
        await asyncio.Event().wait()
    await answer(send, b"served")


async def returning_early(scope: Scope, receive: Receive, send: Send) -> None:
    """Its lifespan ends after the startup: it wants to hear nothing of the shutdown."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    await answer(send, b"served")


async def confused(scope: Scope, receive: Receive, send: Send) -> None:
    """What is no message of the lifespan is refused."""
    if scope["type"] != "http":
        await receive()
        try:
            await send({"type": "http.response.start", "status": 200})
        except Exception as error:
            note("refused", str(error))
        await send({"type": "lifespan.startup.complete", "future": 1})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await answer(send, b"served")


async def slow_to_start(scope: Scope, receive: Receive, send: Send) -> None:
    """Its startup waits until the file is there that the environment names."""
    if scope["type"] != "http":
        await receive()
        note("starting")
        while not os.path.exists(os.environ["STARTUP_FILE"]):
            await asyncio.sleep(0.01)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await answer(send, b"served")
