"""A plain ASGI application that needs everything of an event loop: timers, threads, processes, signals, sockets of its own."""
from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import threading
import time


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    await ROUTES[scope["path"]](scope, receive, send)


async def lifespan(scope, receive, send):
    await receive()
    arrived = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, arrived.set)
    scope["state"]["signal"] = arrived
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def hello(scope, receive, send):
    await answer(send, b"Hello, World!")


async def echo(scope, receive, send):
    """Piece by piece, as it comes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def stream(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(5):
        await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body"})


async def sleep(scope, receive, send):
    started = time.monotonic()
    await asyncio.sleep(0.05)
    await answer(send, time.monotonic() - started)


async def thread(scope, receive, send):
    def work():
        time.sleep(0.02)
        return threading.current_thread() is threading.main_thread()

    await answer(send, await asyncio.get_running_loop().run_in_executor(None, work))


async def process(scope, receive, send):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(input()[::-1]); raise SystemExit(7)", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate(b"drow\n")
    await answer(send, [output.decode().strip(), child.returncode])


async def signalled(scope, receive, send):
    await asyncio.wait_for(scope["state"]["signal"].wait(), 10)
    await answer(send, True)


async def sockets(scope, receive, send):
    """Descriptors of the application's own, which asyncio watches."""
    left, right = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=left)
    loop = asyncio.get_running_loop()
    right.setblocking(False)
    writer.write(b"x" * 1_000_000)
    received = 0
    while received < 1_000_000:
        received += len(await loop.sock_recv(right, 65536))
    right.close()
    writer.close()
    await answer(send, [received, (await reader.read()).decode()])


async def where(scope, receive, send):
    import martlet

    loop = asyncio.get_running_loop()
    await answer(send, {"package": martlet.__file__, "loop": type(loop).__module__, "python": "%d.%d.%d" % sys.version_info[:3]})


ROUTES = {
    "/": hello, "/echo": echo, "/stream": stream, "/sleep": sleep, "/thread": thread, "/process": process, "/signal": signalled, "/sockets": sockets,
    "/where": where,
}
