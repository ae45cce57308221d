"""Bounds on one request and on many: each answered with its status before the application is bothered, and room again as soon as somebody is done."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, Cut, chunked, get, post

APPLICATION = "receiving:application"


def refusal(server: ApplicationServer, request: bytes) -> int:
    """The status; the connection is closed after it, and the server goes on."""
    with Connection(server.address) as connection:
        connection.send_in_pieces(request, 65536)
        response = connection.response()
        assert response.closes
        connection.seconds_until_closed()
    assert server.ask("/hello").body == b"hello"
    return response.status


def test_request_line(serve: Serve) -> None:
    server = serve(APPLICATION, "--limit-request-line", "1000")
    assert server.ask("/hello?" + "a" * 900).status == 200
    assert refusal(server, get("/hello?" + "a" * 1000)) == 414
    assert refusal(server, b"GET /" + b"a" * 100_000) == 414


def test_head(serve: Serve) -> None:
    server = serve(APPLICATION, "--limit-request-head", "4000", "--limit-request-line", "2000")
    assert server.ask("/hello", "X: " + "a" * 3500).status == 200
    assert refusal(server, get("/hello", "X: " + "a" * 4000)) == 431
    assert refusal(server, get("/hello", "X: " + "a" * 100_000)[:-4]) == 431


def test_fields(serve: Serve) -> None:
    server = serve(APPLICATION, "--limit-request-fields", "10")
    # One is Host.
    assert server.ask("/hello", *[f"X-{number}: 1" for number in range(9)]).status == 200
    assert refusal(server, get("/hello", *[f"X-{number}: 1" for number in range(10)])) == 431


def test_there_are_limits_without_options(serve: Serve) -> None:
    server = serve(APPLICATION)
    assert refusal(server, get("/" + "a" * 20_000)) == 414
    assert refusal(server, get("/", "X: " + "a" * 100_000)) == 431
    assert refusal(server, get("/", *[f"X-{number}: 1" for number in range(150)])) == 431


def test_announced_body(serve: Serve, key: str) -> None:
    """The application never hears of it."""
    server = serve(APPLICATION, "--limit-request-body", "1000")
    with Connection(server.address) as connection:
        assert connection.request(post(bytes(1000), target="/echo")).body == bytes(1000)
    assert refusal(server, post(bytes(1001), target=f"/leaving?{key}")) == 413
    assert server.noted(key) == []


def test_announced_body_is_refused_before_it_is_sent(serve: Serve) -> None:
    server = serve(APPLICATION, "--limit-request-body", "1000")
    assert refusal(server, get("/echo", "Content-Length: 100000000", "Expect: 100-continue", method="POST")) == 413


def test_chunked_body(serve: Serve, key: str) -> None:
    """It shows only while it is read: the application is told that this was all, the client why."""
    server = serve(APPLICATION, "--limit-request-body", "1000")
    with Connection(server.address) as connection:
        assert connection.request(chunked(bytes(1000), 100, target="/echo")).body == bytes(1000)
    assert refusal(server, chunked(bytes(5000), 100, target=f"/leaving?{key}")) == 413
    server.wait_for_output(rf"^@{key} .*http\.disconnect")


def test_concurrency(serve: Serve) -> None:
    """Past it 503 with Retry-After, and the application is not called; a slot that becomes free serves again."""
    server = serve("stopping:application", "--limit-concurrency", "2")
    held = [Connection(server.address) for _ in range(2)]
    try:
        for connection in held:
            connection.send(post(b"12", target="/reads?held")[:-1])
        server.notes("held", 2)
        with Connection(server.address) as extra:
            response = extra.request(get("/reads?extra"))
            assert response.status == 503
            assert int(response.field("retry-after")) >= 0
        assert server.noted("extra") == []
        held[0].send(b"2")
        assert held[0].response().body == b"2"
        assert server.ask("/hello").body == b"hello"
        held[1].send(b"2")
        assert held[1].response().body == b"2"
    finally:
        for connection in held:
            connection.socket.close()


def test_concurrency_counts_requests_and_not_connections(serve: Serve) -> None:
    server = serve("connecting:application", "--limit-concurrency", "2")
    idle = [Connection(server.address) for _ in range(10)]
    try:
        for connection in idle:
            assert connection.request(get("/hello")).status == 200
    finally:
        for connection in idle:
            connection.socket.close()


def test_overload_passes(serve: Serve) -> None:
    """A wave of ten times the limit: everybody is answered, nobody is lost, and afterwards all is as before."""
    server = serve("connecting:application", "--limit-concurrency", "5")
    for _ in range(5):
        wave = [Connection(server.address) for _ in range(50)]
        try:
            for connection in wave:
                connection.send(get("/sleep?20"))
            statuses = [connection.response().status for connection in wave]
        finally:
            for connection in wave:
                connection.socket.close()
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) >= 5
    assert server.ask("/sleep?1").body == b"slept 1"


@pytest.mark.parametrize("request_", [
    b"GET / HTTP/1.1\r\n\r\n", b"garbage\r\n\r\n", get("/", "Content-Length: 3", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
    get("/", "Content-Length: x"), b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", get("/", "bad name: 1"), get("/", "X: a\0b"),
], ids=["no host", "garbage", "two framings", "length", "two hosts", "name", "zero"])
def test_malformed(serve: Serve, request_: bytes) -> None:
    server = serve(APPLICATION)
    assert refusal(server, request_) == 400
    assert server.stop() == 0
    assert "Traceback" not in server.output


def test_chunks_that_are_malformed(serve: Serve, key: str) -> None:
    """The application has begun to read: it is told that no more comes, and the client that it was wrong."""
    server = serve(APPLICATION)
    with Connection(server.address) as connection:
        connection.send(get(f"/leaving?{key}", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n")
        server.notes(key, 2)
        connection.send(b"nonsense\r\n")
        try:
            assert connection.response().status == 400
        except Cut as cut:
            assert cut.received == b""
    server.wait_for_output(rf"^@{key} .*http\.disconnect")
