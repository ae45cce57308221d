"""An application for tests: who answers, how it was called, slowly, not at all; and one for each way in which applications differ."""
from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import threading
import time
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
        return
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(float(scope["query_string"] or b"1"))
    elif path == "/never":
        await asyncio.sleep(3600)
    elif path == "/block":
        time.sleep(float(scope["query_string"] or b"3600"))
    elif path == "/thread":
        threading.Thread(target=time.sleep, args=(3600,)).start()
    elif path == "/exit":
        os._exit(int(scope["query_string"] or b"3"))
    elif path == "/fail":
        raise RuntimeError("the application has failed on purpose")
    facts = {
        "pid": os.getpid(), "path": path, "root_path": scope["root_path"], "state": sorted(scope.get("state", {})),
        "affinity": sorted(os.sched_getaffinity(0)), "loop": type(asyncio.get_running_loop()).__module__, "environ": os.environ.get("FROM_FILE"),
    }
    await answer(send, json.dumps(facts).encode())


async def answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            scope["state"]["since"] = time.time()
            print("application starts", flush=True)
            await send({"type": "lifespan.startup.complete"})
        else:
            print("application stops", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
            return


def make() -> Any:
    return app


partial = functools.partial(app)


class Instance:
    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app(scope, receive, send)


instance = Instance()


class Twice:
    """ASGI 2: made of the scope, then called."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self._scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await app(self._scope, receive, send)


async def without_lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await app(scope, receive, send)


async def cannot_start(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the database is away"})


async def slow_start(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        print("application is starting", flush=True)
        await asyncio.sleep(3600)


async def slow_stop(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(3600)
    await app(scope, receive, send)


async def cannot_stop(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "lifespan":
        await app(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "the database does not let go"})


async def starts_once(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Starts as long as there is no file called `stop` where the process stands."""
    if scope["type"] == "lifespan" and os.path.exists("stop"):
        await cannot_start(scope, receive, send)
    await app(scope, receive, send)


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


class Rsgi:
    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        return None


rsgi = Rsgi()
number = 3
print("plain is imported", file=sys.stderr)
