"""What the applications of all frameworks do the same way."""
from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from pathlib import Path
from typing import Any, AsyncIterator, BinaryIO, Iterator

STATIC_DIRECTORY = Path(os.environ["STATIC_DIRECTORY"])
TICK_SECONDS = 0.01
HASH_PIECE_BYTES = 1 << 20

_async_requests = 0


def note(key: str, fact: Any = None) -> None:
    """A line of output, in one write, for the test to wait for."""
    os.write(1, f"@{key} {fact!r}\n".encode())


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield (b"%d," % number).ljust(size, b".")
        if number % 100 == 0:
            await asyncio.sleep(0)


async def events(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield b"data: %d\n\n" % number
        await asyncio.sleep(TICK_SECONDS)


async def events_forever(key: str) -> AsyncIterator[bytes]:
    """Notes its end, however it comes."""
    try:
        async for event in events(1 << 30):
            yield event
    finally:
        note(key, "ended")


async def failing_pieces() -> AsyncIterator[bytes]:
    yield b"begun"
    await asyncio.sleep(TICK_SECONDS)
    raise RuntimeError("failed after the start")


def sync_pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b"%d," % number


def digest(name: str, file: BinaryIO) -> dict[str, Any]:
    hashed, size = hashlib.sha256(), 0
    while piece := file.read(HASH_PIECE_BYTES):
        hashed.update(piece)
        size += len(piece)
    return {"name": name, "size": size, "sha256": hashed.hexdigest()}


def thread_facts() -> dict[str, Any]:
    """Called in a sync endpoint."""
    return {"thread": threading.get_native_id(), "alive": threading.active_count(), "is_main": threading.current_thread() is threading.main_thread()}


def count_async_request() -> dict[str, Any]:
    global _async_requests
    _async_requests += 1
    return {"count": _async_requests}
