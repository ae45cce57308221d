"""What the applications under test share: routes by name, notes that tests read from the output, gates that tests open."""
from __future__ import annotations

import ast
import asyncio
import os
from typing import Any, Awaitable, Callable
from urllib.parse import unquote

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Route = Callable[[Scope, Receive, Send], Awaitable[None]]

_gates: dict[str, asyncio.Event] = {}


def note(key: str, fact: Any = None) -> None:
    """A line of output, in one write, so that lines of other writers do not mix with it."""
    os.write(1, f"@{key} {fact!r}\n".encode())


def gate(key: str) -> asyncio.Event:
    return _gates.setdefault(key, asyncio.Event())


def argument(scope: Scope) -> str:
    """The query, decoded: most often the key under which to note."""
    return unquote(scope["query_string"].decode())


def literal(scope: Scope) -> Any:
    return ast.literal_eval(argument(scope))


async def answer(send: Send, body: object = b"", status: int = 200, headers: object = ()) -> None:
    data = body if isinstance(body, bytes) else repr(body).encode()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def begin(send: Send, status: int = 200, headers: object = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body})


async def whole_body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RuntimeError("the client left in the middle of its body")
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def raised(error: BaseException) -> dict[str, Any]:
    """What a test wants to know of an exception."""
    return {"name": type(error).__name__, "bases": [base.__name__ for base in type(error).__mro__], "text": str(error)}


async def open(scope: Scope, receive: Receive, send: Send) -> None:
    gate(argument(scope)).set()
    await answer(send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, await whole_body(receive))


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"hello")


async def lifespan(receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


def application(*routes: Route) -> Route:
    """`/name` goes to the function of that name; `/open?key`, `/echo` and `/hello` are always there."""
    table = {route.__name__.replace("_", "-"): route for route in (open, echo, hello, *routes)}

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        route = table.get(scope["path"].split("/")[1])
        if route is None:
            await answer(send, b"no such route", 404)
        else:
            await route(scope, receive, send)

    return routed
