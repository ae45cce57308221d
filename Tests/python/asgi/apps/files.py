"""Sends files by their path and by their descriptor."""
from __future__ import annotations

import builtins
import os

from common import Receive, Scope, Send, answer, begin, end, literal, more, note, raised
from common import application as routed


async def pathsend(scope: Scope, receive: Receive, send: Send) -> None:
    """By path. What is refused is noted, and the body is another."""
    key, path, headers = literal(scope)
    await begin(send, 200, headers)
    try:
        await send({"type": "http.response.pathsend", "path": path})
    except Exception as error:
        note(key, raised(error))
        await end(send, b"no such file")
        return
    note(key, "sent")


async def zerocopysend(scope: Scope, receive: Receive, send: Send) -> None:
    """Several times from one open file, which is closed as soon as the last `send` has returned."""
    key, path, parts = literal(scope)
    await begin(send)
    with builtins.open(path, "rb") as file:
        for part in parts:
            if isinstance(part, bytes):
                await more(send, part)
            else:
                await send({"type": "http.response.zerocopysend", "file": file, "more_body": True, **part})
        position = os.lseek(file.fileno(), 0, os.SEEK_CUR)
    await end(send)
    note(key, {"position": position})


async def zerocopysend_last(scope: Scope, receive: Receive, send: Send) -> None:
    """The file is the whole body."""
    key, path, headers, part = literal(scope)
    await begin(send, 200, headers)
    with builtins.open(path, "rb") as file:
        try:
            await send({"type": "http.response.zerocopysend", "file": file, **part})
        except Exception as error:
            note(key, raised(error))
            raise
        note(key, "sent")
        note(key, {"closed": file.closed, "readable": len(os.pread(file.fileno(), 1, 0))})


async def zerocopysend_wrong(scope: Scope, receive: Receive, send: Send) -> None:
    """What is no file: refused, so that the application can answer something else."""
    key, message = literal(scope)
    await begin(send)
    try:
        await send({"type": "http.response.zerocopysend", **message})
    except Exception as error:
        note(key, raised(error))
        await end(send, b"refused")


async def descriptors(scope: Scope, receive: Receive, send: Send) -> None:
    """How many descriptors the server has open on regular files."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.path.isfile(f"/proc/self/fd/{name}")
        except OSError:
            pass
    await answer(send, count)


application = routed(pathsend, zerocopysend, zerocopysend_last, zerocopysend_wrong, descriptors)
