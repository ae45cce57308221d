"""Answers with the scope as a Python literal; the state, which need not be one, is only said to be there."""
from __future__ import annotations

from common import Receive, Scope, Send, answer, lifespan


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    shown = {key: value for key, value in scope.items() if key != "state"}
    await answer(send, {"scope": shown, "is_dict": type(scope) is dict, "has_state": "state" in scope})
