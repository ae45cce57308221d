"""How long a connection lives, and the order of what is answered on it."""
from __future__ import annotations

import random

import pytest

from raw_http import Connection, get, post
from server_process import Server


def test_http_1_1_stays_open(connection: Connection) -> None:
    for _ in range(5):
        response = connection.request(get("/"))
        assert response.status == 200
        assert not response.closes


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close", "close, te"])
def test_http_1_1_closes_when_asked(connection: Connection, value: str) -> None:
    response = connection.request(get("/", f"Connection: {value}"))
    assert (response.status, response.closes) == (200, True)
    assert connection.seconds_until_closed() < 1


def test_http_1_0_closes(connection: Connection) -> None:
    assert connection.request(get("/", version="1.0")).body == b"Hello, World!"
    assert connection.seconds_until_closed() < 1


def test_http_1_0_needs_no_host(connection: Connection) -> None:
    assert connection.request(b"GET / HTTP/1.0\r\n\r\n").body == b"Hello, World!"
    assert connection.seconds_until_closed() < 1


def test_http_1_0_stays_open_when_asked(connection: Connection) -> None:
    for _ in range(3):
        response = connection.request(get("/", "Connection: Keep-Alive", version="1.0"))
        assert response.status == 200
        assert response.field("connection").lower() == "keep-alive"


def test_requests_behind_a_close_are_not_answered(connection: Connection) -> None:
    connection.send(get("/", "Connection: close") + get("/json"))
    assert connection.response().body == b"Hello, World!"
    assert connection.seconds_until_closed() < 1


def test_hundred_pipelined_in_order(connection: Connection) -> None:
    connection.send(b"".join(post(b"number %d" % number) for number in range(100)))
    assert [connection.response().body for _ in range(100)] == [b"number %d" % number for number in range(100)]


def test_pipelined_with_slow_ones_between_in_order(connection: Connection) -> None:
    """An answer that is ready must wait for those before it."""
    targets = ["/", "/later", "/json", "/async", "/stream", "/sendfile?small.txt", "/no-such-route"] * 5
    alone = {target: connection.request(get(target)) for target in set(targets)}
    connection.send(b"".join(get(target) for target in targets))
    for target in targets:
        response = connection.response()
        assert (target, response.status, response.body) == (target, alone[target].status, alone[target].body)


def test_half_closed_client_is_answered(connection: Connection) -> None:
    connection.send(get("/") + get("/json"))
    connection.socket.shutdown(1)
    assert connection.response().body == b"Hello, World!"
    assert connection.response().status == 200
    assert connection.seconds_until_closed() < 1


@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_pieces_of_a_pipeline(connection: Connection, size: int) -> None:
    data = get("/") + post(b"body") + get("/json") + get("/", method="HEAD")
    connection.send_in_pieces(data, size, pause=0.0003)
    assert connection.response().body == b"Hello, World!"
    assert connection.response().body == b"body"
    assert connection.response().field("content-type") == "application/json"
    assert connection.response(is_head=True).field("content-length") == "13"


def test_one_empty_line_before_a_request_is_ignored(connection: Connection) -> None:
    assert connection.request(b"\r\n" + get("/")).status == 200
    assert connection.request(b"\r\n" + get("/")).status == 200


def test_many_connections_at_once(hello: Server) -> None:
    connections = [Connection(hello.address) for _ in range(300)]
    try:
        random.Random(1).shuffle(connections)
        for number, connection in enumerate(connections):
            connection.send(post(b"%d" % number))
        assert [connection.response().body for connection in connections] == [b"%d" % number for number in range(300)]
    finally:
        for connection in connections:
            connection.socket.close()


def test_client_that_does_not_read_stops_only_itself(hello: Server) -> None:
    with Connection(hello.address, receive_buffer=65536) as greedy, Connection(hello.address) as other:
        greedy.send(get("/sendfile?large.bin") * 8)
        for _ in range(20):
            assert other.request(get("/")).status == 200
        for _ in range(8):
            assert len(greedy.response().body) == 1 << 22
