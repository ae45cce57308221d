"""What concerns a connection with several requests: their order, what they leave behind, and `Expect`."""
from __future__ import annotations

import asyncio
import contextvars

from common import Receive, Scope, Send, answer, argument, begin, end, gate, more, note, whole_body
from common import application as routed

_variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")
_running = 0


async def sleep(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after so many milliseconds, in two pieces, with its own target."""
    await asyncio.sleep(float(argument(scope)) / 1000)
    await begin(send)
    await more(send, b"slept ")
    await asyncio.sleep(float(argument(scope)) / 1000)
    await end(send, argument(scope).encode())


async def number(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, argument(scope).encode() + b":" + await whole_body(receive))


async def together(scope: Scope, receive: Receive, send: Send) -> None:
    """How many requests run at once, this one included."""
    global _running
    _running += 1
    await asyncio.sleep(0.02)
    await answer(send, _running)
    _running -= 1


async def variable(scope: Scope, receive: Receive, send: Send) -> None:
    """The value that the context variable has on arrival; then it is set."""
    before = _variable.get()
    _variable.set(argument(scope))
    await answer(send, before.encode())


async def variable_later(scope: Scope, receive: Receive, send: Send) -> None:
    """The same, but set only after the application has had to wait."""
    before = _variable.get()
    await asyncio.sleep(0.001)
    _variable.set(argument(scope))
    await asyncio.sleep(0.001)
    await answer(send, before.encode() + b"," + _variable.get().encode())


async def task(scope: Scope, receive: Receive, send: Send) -> None:
    """Each request runs in an asyncio task of its own, also the ones that never wait."""
    current = asyncio.current_task()
    assert current is not None and current in asyncio.all_tasks() and not current.done()
    if not hasattr(task, "seen"):
        task.seen = []
    is_new = all(current is not other for other in task.seen)
    task.seen.append(current)
    await answer(send, {"is_new": is_new, "count": len(asyncio.all_tasks())})


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers as its query says, without reading: a key is noted when the answer is out."""
    await answer(send, b"unread")
    note(argument(scope), "answered")


async def read_at_gate(scope: Scope, receive: Receive, send: Send) -> None:
    note(argument(scope), "started")
    await gate(argument(scope)).wait()
    await answer(send, await whole_body(receive))


async def answer_then_read(scope: Scope, receive: Receive, send: Send) -> None:
    """Begins its answer before it reads the body."""
    await begin(send)
    await more(send, b"begun ")
    await end(send, await whole_body(receive))


async def work_after_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Goes on after its answer, as background tasks of frameworks do."""
    key = argument(scope)
    await answer(send, b"answered")
    await gate(key).wait()
    note(key, "done")


application = routed(sleep, number, together, variable, variable_later, task, unread, read_at_gate, answer_then_read, work_after_answer)
