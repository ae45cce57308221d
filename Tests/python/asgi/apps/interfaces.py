"""The shapes in which applications come."""
from __future__ import annotations

import functools

from common import Receive, Scope, Send, answer, application as routed

plain = routed()


class Instance:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await plain(scope, receive, send)


class LegacyClass:
    """ASGI 2: made for each connection, then called with the channels."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        if self.scope["type"] == "http" and self.scope["path"] == "/version":
            await answer(send, self.scope["asgi"]["version"].encode())
            return
        await plain(self.scope, receive, send)


def legacy_function(scope: Scope) -> object:
    async def respond(receive: Receive, send: Send) -> None:
        await plain(scope, receive, send)

    return respond


def legacy_that_fails(scope: Scope) -> object:
    if scope["type"] == "http":
        raise ValueError("no instance for this scope")
    return legacy_function(scope)


def wrapped(scope: Scope, receive: Receive, send: Send) -> object:
    """Not `async` itself, but returns something to await."""
    return plain(scope, receive, send)


def make() -> object:
    return plain


class Nested:
    attribute = plain


instance = Instance()
partial = functools.partial(plain)
legacy_instance_maker = LegacyClass
