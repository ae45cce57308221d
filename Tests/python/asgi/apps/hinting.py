"""Early hints and trailers, from messages that the request names."""
from __future__ import annotations

from sending import script

from common import Receive, Scope, Send, answer, argument, gate, note, whole_body
from common import application as routed


async def hint_then_wait(scope: Scope, receive: Receive, send: Send) -> None:
    """The hint goes out while the answer is still being made."""
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload; as=style"]})
    note(argument(scope), "hinted")
    await gate(argument(scope)).wait()
    await answer(send, b"made")


async def hint_then_read(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</a>"]})
    await answer(send, await whole_body(receive))


application = routed(script, hint_then_wait, hint_then_read)
