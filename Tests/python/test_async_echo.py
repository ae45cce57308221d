"""Bodies that an async handler reads in pieces and sends back in pieces: whole, and with back-pressure both ways."""
from __future__ import annotations

import random
import socket
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, chunked, get, post
from server_process import Server

StartServer = Callable[..., Server]
TARGET = "/async-echo"
MEBIBYTE = 1 << 20
SIZES = [0, 1, 4096, 100_000, 5 * MEBIBYTE]
STALL_SECONDS = 1.0


def body_of(size: int) -> bytes:
    # Seeded: a failure repeats.
    return random.Random(size).randbytes(size)


def exchange(connection: Connection, data: bytes) -> bytes:
    """Sends and receives at once: an echo of more than the buffers between hold would otherwise wait for itself."""
    sender = threading.Thread(target=connection.send_in_pieces, args=(data, 1 << 16), daemon=True)
    sender.start()
    response = connection.response()
    sender.join(10)
    assert response.status == 200
    return response.body


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("encode", [post, lambda body, target: chunked(body, 5000, target=target)], ids=["content-length", "chunked"])
def test_bodies_come_back(connection: Connection, size: int, encode: Callable[..., bytes]) -> None:
    body = body_of(size)
    assert exchange(connection, encode(body, target=TARGET)) == body
    assert connection.request(get("/async")).body == b"Hello, World!"


def test_byte_by_byte(connection: Connection) -> None:
    connection.send_in_pieces(post(b"in very small pieces", target=TARGET), 1, pause=0.0005)
    assert connection.response().body == b"in very small pieces"


def test_pipelined_bodies_stay_apart(connection: Connection) -> None:
    bodies = [body_of(size) for size in (1, 0, 4095, 4096, 4097, 3)]
    connection.send(b"".join(post(body, target=TARGET) if index % 2 else chunked(body, 1000, target=TARGET) for index, body in enumerate(bodies)))
    assert [connection.response().body for _ in bodies] == bodies


def test_pieces_come_back_as_they_come(connection: Connection) -> None:
    """The second piece is sent after the first has come back."""
    connection.send(get(TARGET, "Transfer-Encoding: chunked", method="POST") + b"5\r\nfirst\r\n")
    received = b""
    while b"first" not in received:
        received += connection.socket.recv(1 << 16)
    connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
    while not received.endswith(b"0\r\n\r\n"):
        received += connection.socket.recv(1 << 16)
    assert b"second" in received


def test_continue_comes_before_the_body(connection: Connection) -> None:
    connection.send(post(b"", "Expect: 100-continue", target=TARGET).replace(b"Content-Length: 0", b"Content-Length: 5"))
    assert connection.response().status == 100
    connection.send(b"hello")
    assert connection.response().body == b"hello"


def resident_bytes(server: Server) -> int:
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def test_client_that_does_not_read_is_not_read_from(server: StartServer) -> None:
    """An echo whose answer nobody takes stops taking the body; nothing but the buffers between is held, and it goes on where it was."""
    running = server()
    size = 64 * MEBIBYTE
    body = body_of(MEBIBYTE)
    with Connection(running.address, receive_buffer=65_536) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        before = resident_bytes(running)
        connection.send(post(b"", target=TARGET).replace(b"Content-Length: 0", f"Content-Length: {size}".encode()))
        connection.socket.setblocking(False)
        sent, progressed = 0, time.monotonic()
        while sent < size and time.monotonic() - progressed < STALL_SECONDS:
            try:
                sent += connection.socket.send(body[sent % MEBIBYTE:])
                progressed = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < size / 2, "the whole body was taken though nothing of its echo was read"
        # The kernel's buffers are its own.
        assert resident_bytes(running) - before < 8 * MEBIBYTE
        connection.socket.settimeout(10)

        def send_rest() -> None:
            position = sent
            while position < size:
                position += connection.socket.send(body[position % MEBIBYTE:])

        sender = threading.Thread(target=send_rest, daemon=True)
        sender.start()
        answer = connection.response()
        sender.join(10)
        assert answer.body == body * (size // MEBIBYTE)


def test_clients_that_leave_in_mid_body(server: StartServer) -> None:
    """Resets and plain closes; a thousand of them leave nothing that the next requests would miss."""
    running = server()
    for number in range(1100):
        with Connection(running.address) as leaving:
            leaving.send(post(body_of(100_000), target=TARGET)[:50_000])
            if number % 2:
                leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with Connection(running.address) as connection:
        assert connection.request(post(b"still here", target=TARGET)).body == b"still here"
