"""Reads requests in every way that `receive` allows."""
from __future__ import annotations

import asyncio

from common import Receive, Scope, Send, answer, argument, begin, end, gate, more, note, whole_body
from common import application as routed

MOMENT_SECONDS = 0.2
HURRY_SECONDS = 0.001


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with every message of the body."""
    received = [await receive()]
    while received[-1].get("more_body"):
        received.append(await receive())
    await answer(send, received)


async def after_body(scope: Scope, receive: Receive, send: Send) -> None:
    """After the body `receive` waits: it neither returns another request nor spins."""
    await whole_body(receive)
    waiting = asyncio.ensure_future(receive())
    done, _ = await asyncio.wait({waiting}, timeout=MOMENT_SECONDS)
    note(argument(scope), "returned early" if done else "waits")
    note(argument(scope), await waiting)


async def after_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await whole_body(receive)
    await answer(send, b"answered")
    for _ in range(2):
        note(argument(scope), await asyncio.wait_for(receive(), 5))


async def after_answer_unread(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"answered")
    message = await asyncio.wait_for(receive(), 5)
    note(argument(scope), message["type"])


async def waiting_during_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """A task that waits for the disconnect, as frameworks have one beside a stream, ends when the answer does."""
    await whole_body(receive)
    waiting = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    await begin(send)
    await more(send, b"a")
    note(argument(scope), waiting.done())
    await end(send)
    note(argument(scope), await asyncio.wait_for(waiting, 5))


async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
    """Notes everything up to the disconnect, and what comes after it."""
    key = argument(scope)
    note(key, "started")
    message = await receive()
    while message["type"] != "http.disconnect":
        note(key, message)
        message = await receive()
    note(key, message)
    note(key, await asyncio.wait_for(receive(), 5))


async def two_waiters(scope: Scope, receive: Receive, send: Send) -> None:
    await whole_body(receive)
    tasks = [asyncio.ensure_future(receive()) for _ in range(2)]
    await asyncio.sleep(0)
    note(argument(scope), "started")
    for task in tasks:
        note(argument(scope), await asyncio.wait_for(task, 5))


async def cancelled_receive(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up waiting twice before the body comes."""
    key = argument(scope)
    for _ in range(2):
        try:
            await asyncio.wait_for(receive(), HURRY_SECONDS)
        except asyncio.TimeoutError:
            note(key, "gave up")
    await answer(send, await whole_body(receive))


async def cancelled_often(scope: Scope, receive: Receive, send: Send) -> None:
    """Cancels `receive` over and over while the body comes; not a byte may be lost with a cancelled call."""
    total, cancelled = 0, 0
    while True:
        task = asyncio.ensure_future(receive())
        for _ in range(cancelled % 3):
            await asyncio.sleep(0)
        task.cancel()
        try:
            message = await task
        except asyncio.CancelledError:
            cancelled += 1
            await asyncio.sleep(HURRY_SECONDS)
            continue
        total += len(message["body"])
        if not message.get("more_body"):
            break
        task = None
    await answer(send, {"total": total, "cancelled": cancelled})


async def cancelled_when_it_arrives(scope: Scope, receive: Receive, send: Send) -> None:
    """Polls by short deadlines, so that bytes often arrive in the very turn in which the deadline ends."""
    total, cancelled = 0, 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), HURRY_SECONDS)
        except asyncio.TimeoutError:
            cancelled += 1
            continue
        total += len(message["body"])
        if not message.get("more_body"):
            break
    await answer(send, {"total": total, "cancelled": cancelled})


async def read_at_gate(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads nothing until the gate opens, then everything."""
    key = argument(scope)
    note(key, "started")
    await gate(key).wait()
    total = pieces = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            note(key, {"left after": total})
            return
        total += len(message.get("body", b""))
        pieces += 1
        if not message.get("more_body"):
            break
    await answer(send, {"total": total, "pieces": pieces})


async def answer_early(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading the body."""
    await answer(send, b"early")


async def both_ways(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends each piece back as soon as it comes."""
    await begin(send)
    while True:
        message = await receive()
        if message.get("body"):
            await more(send, message["body"])
        if not message.get("more_body"):
            break
    await end(send)


application = routed(
    messages, after_body, after_answer, after_answer_unread, waiting_during_answer, leaving, two_waiters, cancelled_receive, cancelled_often,
    cancelled_when_it_arrives, read_at_gate, answer_early, both_ways,
)
