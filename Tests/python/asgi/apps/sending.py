"""Sends the messages that the request names, and what cannot be written as a literal by routes of their own."""
from __future__ import annotations

import asyncio
import hashlib
import http
from typing import Any, Iterator

from common import Receive, Scope, Send, answer, begin, end, literal, more, note, raised, whole_body
from common import application as routed


async def script(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends each message, and goes on after one that was refused. Notes what was raised, then the end."""
    key, messages = literal(scope)
    for index, message in enumerate(messages):
        try:
            await send(message)
        except Exception as error:
            note(key, {"index": index, **raised(error)})
    note(key, "end")


async def strict_script(scope: Scope, receive: Receive, send: Send) -> None:
    """The same, but what is raised ends the application."""
    for message in literal(scope)[1]:
        await send(message)


async def fail_after(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the messages, then fails. A number among them is a pause of so many seconds."""
    key, messages = literal(scope)
    for message in messages:
        await (asyncio.sleep(message) if isinstance(message, float) else send(message))
    raise ValueError(f"the application of {key} has failed")


async def headers_of_every_kind(scope: Scope, receive: Receive, send: Send) -> None:
    """Iterables of pairs, as the specification allows; the query chooses."""

    def generated() -> Iterator[tuple[bytes, bytes]]:
        yield b"x-one", b"1"
        yield b"x-two", b"2"

    class Iterable:
        def __iter__(self) -> Iterator[Any]:
            return generated()

    kinds = {
        "list of lists": [[b"x-one", b"1"], [b"x-two", b"2"]],
        "tuple of tuples": ((b"x-one", b"1"), (b"x-two", b"2")),
        "generator": generated(),
        "iterable": Iterable(),
        "items of a dictionary": {b"x-one": b"1", b"x-two": b"2"}.items(),
        "map": map(tuple, [[b"x-one", b"1"], [b"x-two", b"2"]]),
    }
    await answer(send, b"ok", headers=kinds[literal(scope)])


async def bodies_of_every_kind(scope: Scope, receive: Receive, send: Send) -> None:
    kinds = {"bytes": b"content", "bytearray": bytearray(b"content"), "memoryview": memoryview(b"-content-")[1:-1]}
    data = kinds[literal(scope)]
    await begin(send)
    await send({"type": "http.response.body", "body": data, "more_body": True})
    if isinstance(data, bytearray):
        # The application may use its buffer again as soon as `send` has returned.
        data[:] = b"changed"
    await end(send)


async def status_of_every_kind(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"ok", status=http.HTTPStatus.IM_A_TEAPOT)


async def message_reused(scope: Scope, receive: Receive, send: Send) -> None:
    """One dictionary for all messages, changed between them."""
    message: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
    await send(message)
    message.clear()
    message.update(type="http.response.body", more_body=True)
    for number in range(3):
        message["body"] = b"%d" % number
        await send(message)
    message["more_body"] = False
    message["body"] = b"."
    await send(message)


async def headers_that_raise(scope: Scope, receive: Receive, send: Send) -> None:
    """An exception out of the application's own iterable comes out of `send` as it is."""
    key = literal(scope)

    def failing() -> Iterator[tuple[bytes, bytes]]:
        yield b"x-one", b"1"
        raise LookupError("the iterable has failed")

    try:
        await send({"type": "http.response.start", "status": 200, "headers": failing()})
        await send({"type": "http.response.body", "body": b"sent"})
    except LookupError as error:
        note(key, raised(error))
        await answer(send, b"recovered")


async def sized(scope: Scope, receive: Receive, send: Send) -> None:
    """A body of so many bytes, whole or in two pieces, with and without its length."""
    form, count = literal(scope)
    data = hashlib.shake_256(b"body").digest(count)
    await begin(send, 200, [(b"content-length", b"%d" % count)] if form.endswith("with-length") else [])
    if form.startswith("halves"):
        await more(send, data[:count // 2])
        data = data[count // 2:]
    await end(send, data)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await whole_body(receive)


async def base_exception(scope: Scope, receive: Receive, send: Send) -> None:
    """Not an Exception, but it belongs to this request alone all the same."""

    class Unusual(BaseException):
        pass

    raise Unusual("not derived from Exception")


application = routed(
    script, strict_script, fail_after, headers_of_every_kind, bodies_of_every_kind, status_of_every_kind, message_reused, headers_that_raise, nothing, sized,
    base_exception,
)
