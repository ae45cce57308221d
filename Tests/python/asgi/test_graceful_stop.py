"""SIGTERM and SIGINT: what is in flight is finished, one bound for all of it, then the disconnect, then cancellation; status 0, and it always ends."""
from __future__ import annotations

import signal
import socket
import time

import pytest

from application_server import ApplicationServer, seconds_until_stopped
from asgi.conftest import Serve
from raw_http import Connection, Cut, get, post

APPLICATION = "stopping:application"
# What an idle connection is left, and the machine being busy.
GRACE_SECONDS_MAX = 4.0
SPARE_SECONDS = 5.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_without_connections(serve: Serve, number: int) -> None:
    server = serve(APPLICATION)
    assert server.ask("/hello").status == 200
    assert seconds_until_stopped(server, number) < GRACE_SECONDS_MAX
    assert len(server.noted("shutdown")) == 1
    assert not server.has_logged_an_error, server.output


def test_idle_connections(serve: Serve) -> None:
    server = serve(APPLICATION)
    with Connection(server.address) as silent, Connection(server.address) as idle:
        assert idle.request(get("/hello")).status == 200
        assert seconds_until_stopped(server) < GRACE_SECONDS_MAX
        silent.seconds_until_closed()
        idle.seconds_until_closed()


def test_idle_connection_is_answered_once_more(serve: Serve) -> None:
    """A client that was just sending does not lose its request; it is told to close."""
    server = serve(APPLICATION)
    with Connection(server.address) as idle, Connection(server.address) as busy:
        assert idle.request(get("/hello")).status == 200
        busy.send(get("/second?busy"))
        server.note("busy")
        server.signal(signal.SIGTERM)
        wait_until_stopping(server)
        last = idle.request(get("/hello"))
        assert (last.body, last.closes) == (b"hello", True)
        idle.seconds_until_closed()
        assert busy.response().body == b"finished"
    assert server.wait() == 0


def wait_until_stopping(server: ApplicationServer) -> None:
    """The server says so in its log."""
    server.wait_for_output(r"(?i)\b(shutting down|stopping|draining)\b")


@pytest.mark.parametrize("route, expected", [("second", b"finished"), ("stream-of-a-second", b"0123456789")])
def test_request_in_flight_is_finished(serve: Serve, route: str, expected: bytes) -> None:
    server = serve(APPLICATION)
    connections = [Connection(server.address) for _ in range(10)]
    try:
        for connection in connections:
            connection.send(get(f"/{route}?key"))
        server.notes("key", len(connections))
        server.signal(signal.SIGTERM)
        for connection in connections:
            response = connection.response()
            assert (response.status, response.body) == (200, expected)
            if route == "second":
                assert response.closes
            connection.seconds_until_closed()
    finally:
        for connection in connections:
            connection.socket.close()
    assert server.wait() == 0
    assert server.noted("key").count("answered") == len(connections)
    assert server.output.rindex("@key 'answered'") < server.output.index("@shutdown"), "the lifespan ended before the last request"
    assert not server.has_logged_an_error, server.output


def test_body_in_flight_is_finished(serve: Serve) -> None:
    server = serve(APPLICATION)
    data = post(b"0123456789", target="/reads?key")
    with Connection(server.address) as connection:
        connection.send(data[:-5])
        server.note("key")
        server.signal(signal.SIGTERM)
        wait_until_stopping(server)
        connection.send(data[-5:])
        response = connection.response()
        assert (response.body, response.closes) == (b"10", True)
    assert server.wait() == 0


def test_open_stream_is_told_at_the_bound(serve: Serve) -> None:
    """It is left alone until then."""
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(get("/events?key"))
        server.note("key")
        assert connection.socket.recv(1000)
        seconds = seconds_until_stopped(server)
    assert 0.7 < seconds < 1 + SPARE_SECONDS
    assert server.noted("key") == ["started", "http.disconnect"]
    assert len(server.noted("shutdown")) == 1
    assert "Traceback" not in server.output


def test_stream_that_never_receives_is_cancelled(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(get("/deaf?key"))
        server.note("key")
        assert 0.7 < seconds_until_stopped(server) < 1 + SPARE_SECONDS
        with pytest.raises(Cut):
            connection.response()
    assert server.noted("key") == ["started", "cancelled"]
    assert len(server.noted("shutdown")) == 1


def test_disconnect_comes_before_cancellation(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(get("/hears-but-stays?key"))
        server.note("key")
        assert seconds_until_stopped(server) < 1 + SPARE_SECONDS
    assert server.noted("key") == ["started", "http.disconnect", "cancelled"]


def test_application_that_cannot_be_cancelled(serve: Serve) -> None:
    """It does not hold the server either. The status may tell."""
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(get("/immortal?key"))
        server.note("key")
        server.signal(signal.SIGTERM)
        assert server.wait(1 + 2 * SPARE_SECONDS) >= 0


@pytest.mark.parametrize("beginning", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-"], ids=["line", "fields"])
def test_half_a_head(serve: Serve, beginning: bytes) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "2")
    with Connection(server.address) as connection:
        connection.send(beginning)
        assert server.ask("/hello").status == 200
        assert seconds_until_stopped(server) < 2 + SPARE_SECONDS


def test_half_a_body(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(post(b"never whole", target="/reads?key")[:-1])
        server.note("key")
        assert seconds_until_stopped(server) < 1 + SPARE_SECONDS
    assert server.noted("key")[1:] in (["http.disconnect"], [])


def test_client_that_does_not_read(serve: Serve) -> None:
    server = serve("pushing:application", "--timeout-graceful-shutdown", "1")
    with Connection(server.address) as connection:
        connection.send(get("/flood?%28%27key%27%2C1600%29"))
        assert "blocked at" in server.note("key")
        assert seconds_until_stopped(server) < 1 + SPARE_SECONDS


def test_every_kind_at_once(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "2")
    requests = [
        get("/second?second"), get("/events?events"), get("/deaf?deaf"), get("/hears-but-stays?hears"), post(b"12", target="/reads?reads")[:-1], b"GET /",
    ]
    connections = [Connection(server.address) for _ in requests]
    try:
        for connection, request in zip(connections, requests):
            connection.send(request)
        for key in ["second", "events", "deaf", "hears", "reads"]:
            server.note(key)
        server.signal(signal.SIGTERM)
        assert connections[0].response().body == b"finished"
        assert server.wait(2 + SPARE_SECONDS) == 0
    finally:
        for connection in connections:
            connection.socket.close()
    assert len(server.noted("shutdown")) == 1


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_second_interrupt_ends_now(serve: Serve, first: int) -> None:
    server = serve(APPLICATION, "--timeout-graceful-shutdown", "30")
    with Connection(server.address) as connection:
        connection.send(get("/deaf?key"))
        server.note("key")
        server.signal(first)
        wait_until_stopping(server)
        assert server.is_running
        started = time.monotonic()
        server.signal(signal.SIGINT)
        status = server.wait(SPARE_SECONDS)
        assert status >= 0 or status == -signal.SIGINT
        assert time.monotonic() - started < 3


def test_second_term_changes_nothing(serve: Serve) -> None:
    """Supervisors repeat themselves; the requests in flight are finished all the same."""
    server = serve(APPLICATION)
    with Connection(server.address) as connection:
        connection.send(get("/second?key"))
        server.note("key")
        server.signal(signal.SIGTERM)
        wait_until_stopping(server)
        server.signal(signal.SIGTERM)
        assert connection.response().body == b"finished"
    assert server.wait() == 0


def test_socket_file_is_removed(serve: Serve, tmp_path: object) -> None:
    path = f"{tmp_path}/socket"
    server = serve(APPLICATION, "--uds", path)
    assert server.ask("/hello").body == b"hello"
    assert server.stop() == 0
    with pytest.raises(OSError), socket.socket(socket.AF_UNIX) as late:
        late.connect(path)


def test_signal_while_idle_under_load_loses_no_request(serve: Serve) -> None:
    """Each request that was sent before the close was announced is answered; a client that is told to close has lost nothing."""
    server = serve(APPLICATION)
    connections = [Connection(server.address) for _ in range(50)]
    try:
        for connection in connections:
            assert connection.request(get("/hello")).body == b"hello"
        server.signal(signal.SIGTERM)
        for connection in connections:
            connection.send(get("/hello"))
        for connection in connections:
            response = connection.response()
            assert (response.status, response.body) == (200, b"hello")
    finally:
        for connection in connections:
            connection.socket.close()
    assert server.wait() == 0
