"""Deadlines: a slow peer is ended in time, and says nothing about the others."""
from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, Cut, get, post
from server_process import Server

# The deadline of one second in these tests, with room for a coarse timer and a busy machine.
EARLY, LATE = 0.8, 4.0
StartServer = Callable[..., Server]


def test_header_deadline(server: StartServer) -> None:
    running = server("--timeout-header", "1")
    with Connection(running.address) as connection:
        started = time.monotonic()
        connection.send(b"GET / HTTP/1.1\r\nHost: loc")
        response = connection.response()
        assert (response.status, response.closes) == (408, True)
        connection.seconds_until_closed()
        assert EARLY < time.monotonic() - started < LATE


def test_handler_deadline_does_not_count_a_slow_body(server: StartServer) -> None:
    running = server("--timeout-handler", "1")
    with Connection(running.address) as connection:
        connection.send_in_pieces(post(b"12345678", target="/async-echo"), 30, pause=0.5)
        assert connection.response().body == b"12345678"


def test_slow_reader_of_shared_bytes_is_not_cut(server: StartServer, tmp_path: Path) -> None:
    """A megabyte that is not copied, taken at 250 kB per second: the whole lasts longer than the deadline, but some of it goes out all the time.

    Over a Unix socket, whose buffer is small and stays so."""
    running = server("--bind", f"unix:{tmp_path}/socket", "--timeout-write", "2")
    with Connection(running.address) as connection:
        connection.send(get("/bytes?1048576", "Connection: close"))
        received, started = b"", time.monotonic()
        while data := connection.socket.recv(25_000):
            received += data
            time.sleep(0.1)
        assert time.monotonic() - started > 3.5
        assert received.split(b"\r\n\r\n", 1)[1] == b"m" * (1 << 20)


def test_header_deadline_is_not_prolonged_by_progress(server: StartServer) -> None:
    running = server("--timeout-header", "1")
    with Connection(running.address) as connection:
        started = time.monotonic()
        connection.send_in_pieces(get("/", "X-Slow: " + "a" * 40), 1, pause=0.05)
        assert connection.response().status == 408
        connection.seconds_until_closed()
        # The pieces alone take four seconds; the answer was there when the sending failed or ended.
        assert time.monotonic() - started > EARLY


def test_header_deadline_counts_per_request(server: StartServer) -> None:
    running = server("--timeout-header", "1", "--timeout-keep-alive", "10")
    with Connection(running.address) as connection:
        for _ in range(3):
            assert connection.request(get("/")).status == 200
            time.sleep(0.6)
        connection.send(get("/")[:10])
        assert connection.response().status == 408


def test_connection_that_never_says_anything(server: StartServer) -> None:
    running = server("--timeout-header", "1", "--timeout-keep-alive", "1")
    with Connection(running.address) as connection:
        started = time.monotonic()
        rest = connection.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")
        assert EARLY < time.monotonic() - started < LATE


def test_keep_alive_deadline(server: StartServer) -> None:
    running = server("--timeout-keep-alive", "1")
    with Connection(running.address) as connection:
        assert connection.request(get("/")).status == 200
        assert EARLY < connection.seconds_until_closed() < LATE


def test_keep_alive_deadline_starts_anew(server: StartServer) -> None:
    running = server("--timeout-keep-alive", "1")
    with Connection(running.address) as connection:
        for _ in range(4):
            assert connection.request(get("/")).status == 200
            time.sleep(0.6)
        assert connection.request(get("/")).status == 200


@pytest.mark.parametrize("begun", [
    post(b"0123456789")[:-5],
    get("/echo", "Transfer-Encoding: chunked", method="POST") + b"a\r\n01234",
], ids=["content-length", "chunked"])
def test_body_deadline(server: StartServer, begun: bytes) -> None:
    running = server("--timeout-body", "1")
    with Connection(running.address) as connection:
        started = time.monotonic()
        connection.send(begun)
        try:
            response = connection.response()
            assert (response.status, response.closes) == (408, True)
            connection.seconds_until_closed()
        except Cut:
            # The echo may have begun its answer; then only the end of the connection can say it.
            pass
        assert EARLY < time.monotonic() - started < LATE


def test_write_deadline(server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(64 << 20))
    running = server("--timeout-write", "1", "--root", str(tmp_path))
    with Connection(running.address, receive_buffer=4096) as connection:
        connection.send(get("/sendfile?large"))
        time.sleep(LATE)
        assert len(connection.rest()) < 64 << 20


def test_write_deadline_spares_slow_progress(server: StartServer, tmp_path: Path) -> None:
    # More than the buffers of both ends hold, so that the server has to wait for the reader.
    size = 16 << 20
    (tmp_path / "file").write_bytes(bytes(size))
    running = server("--timeout-write", "1", "--root", str(tmp_path))
    with Connection(running.address, receive_buffer=1 << 18) as connection:
        connection.send(get("/sendfile?file", "Connection: close"))
        started, received = time.monotonic(), 0
        while data := connection.socket.recv(1 << 18):
            received += len(data)
            time.sleep(0.02)
        assert received > size
        assert time.monotonic() - started > 1


def test_deadlines_of_one_do_not_touch_others(server: StartServer) -> None:
    running = server("--timeout-header", "1")
    with Connection(running.address) as slow, Connection(running.address) as quick:
        slow.send(b"GET ")
        started = time.monotonic()
        while time.monotonic() - started < 2:
            assert quick.request(get("/")).status == 200
            time.sleep(0.01)
        assert slow.response().status == 408


def test_slow_handlers_are_not_slow_peers(server: StartServer) -> None:
    running = server("--timeout-header", "1", "--timeout-body", "1", "--timeout-keep-alive", "1")
    with Connection(running.address) as connection:
        for target in ("/later", "/async", "/stream"):
            assert connection.request(get(target)).status == 200
