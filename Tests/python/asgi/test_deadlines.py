"""Deadlines of what a client sends: 408 for half a head and for a body that stalls, and nobody who keeps them is hurt."""
from __future__ import annotations

import time

from asgi.conftest import Serve
from raw_http import Connection, Cut, get, post

APPLICATION = "receiving:application"


def test_half_a_head(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-header", "1")
    with Connection(server.address) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: local")
        started = time.monotonic()
        response = connection.response()
        assert (response.status, response.closes) == (408, True)
        assert 0.5 < time.monotonic() - started < 4


def test_head_that_drips(serve: Serve) -> None:
    """The deadline is one for the whole head: a byte now and then does not extend it."""
    server = serve(APPLICATION, "--timeout-header", "1")
    with Connection(server.address) as connection:
        started = time.monotonic()
        connection.socket.settimeout(0.1)
        received = b""
        for byte in get("/hello", "X: " + "a" * 100):
            connection.send_in_pieces(bytes([byte]), 1)
            try:
                received = connection.socket.recv(1000)
                break
            except TimeoutError:
                pass
        assert received.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started < 4


def test_silent_connection(serve: Serve) -> None:
    """It has asked for nothing, so it is not answered, only closed."""
    server = serve(APPLICATION, "--timeout-header", "1", "--timeout-keep-alive", "1")
    with Connection(server.address) as connection:
        assert connection.seconds_until_closed() < 4


def test_body_that_stalls(serve: Serve, key: str) -> None:
    """The application learns that the client is gone; the client gets 408 if nothing was sent."""
    server = serve(APPLICATION, "--timeout-body-window", "1")
    with Connection(server.address) as connection:
        connection.send(post(bytes(1000), target=f"/leaving?{key}")[:-500])
        try:
            response = connection.response()
            assert (response.status, response.closes) == (408, True)
        except Cut as cut:
            assert cut.received == b""
    server.wait_for_output(rf"^@{key} .*http\.disconnect")
    assert server.ask("/hello").body == b"hello"


def test_steady_body_may_take_long(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-body-window", "1")
    body = bytes(60_000)
    with Connection(server.address) as connection:
        connection.send(get("/echo", f"Content-Length: {len(body)}", method="POST"))
        for start in range(0, len(body), 2000):
            connection.send(body[start:start + 2000])
            time.sleep(0.08)
        assert connection.response().body == body


def test_client_that_stops_reading(serve: Serve, key: str) -> None:
    """Given up on after a while: `send` says so, and it is no error of the application."""
    server = serve("pushing:application", "--timeout-write", "1")
    with Connection(server.address) as connection:
        connection.send(get(f"/flood?%28%27{key}%27%2C1600%29"))
        assert "blocked at" in server.note(key)
        assert "OSError" in server.notes(key, 2, 8)[1]["bases"]
    assert server.ask("/hello").body == b"hello"
    server.stop()
    assert not server.has_logged_an_error, server.output


def test_application_that_takes_long_is_not_timed_out(serve: Serve, key: str) -> None:
    """The deadlines are the client's; that of a request is off unless it is wanted."""
    server = serve("connecting:application", "--timeout-header", "1", "--timeout-body-window", "1", "--timeout-write", "1", "--timeout-keep-alive", "1")
    with Connection(server.address) as connection:
        assert connection.request(get("/sleep?1300")).body == b"slept 1300"
