"""Several requests at once on one connection: answered in their order, each whole, however slow one of them is."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from raw_http import Connection, chunked, get, post

APPLICATION = "connecting:application"


def test_slow_ones_do_not_let_fast_ones_pass(connection: Connection) -> None:
    connection.send(get("/sleep?50") + get("/number?1") + get("/sleep?20") + get("/number?2"))
    assert [connection.response().body for _ in range(4)] == [b"slept 50", b"1:", b"slept 20", b"2:"]


def test_a_hundred_at_once(connection: Connection) -> None:
    connection.send(b"".join(post(b"body %d" % index, target=f"/number?{index}") for index in range(100)))
    assert [connection.response().body for _ in range(100)] == [b"%d:body %d" % (index, index) for index in range(100)]


def test_every_framing_in_one_pipeline(connection: Connection) -> None:
    connection.send(
        get("/number?1") + post(b"two", target="/number?2") + chunked(b"three", 2, target="/number?3") + get("/number?4", method="HEAD") + get("/sleep?1")
    )
    bodies = [connection.response().body for _ in range(3)]
    assert connection.response(is_head=True).status == 200
    assert [*bodies, connection.response().body] == [b"1:", b"2:two", b"3:three", b"slept 1"]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_however_the_bytes_are_cut(connection: Connection, size: int) -> None:
    connection.send_in_pieces(get("/number?1") + post(b"two", target="/number?2") + chunked(b"three", 2, target="/number?3"), size)
    assert [connection.response().body for _ in range(3)] == [b"1:", b"2:two", b"3:three"]


def test_nothing_behind_a_close(connection: Connection) -> None:
    connection.send(get("/number?1") + get("/number?2", "Connection: close") + get("/number?3"))
    assert connection.response().body == b"1:"
    last = connection.response()
    assert (last.body, last.closes) == (b"2:", True)
    connection.seconds_until_closed()


def test_malformed_one_behind_good_ones(connection: Connection) -> None:
    """The good ones are answered first."""
    connection.send(get("/sleep?20") + get("/number?1") + b"GET / HTTP/1.1\r\nbad field\r\n\r\n")
    assert [connection.response().body, connection.response().body] == [b"slept 20", b"1:"]
    refused = connection.response()
    assert (refused.status, refused.closes) == (400, True)


def test_many_behind_a_slow_one_are_held_back(served: ApplicationServer, key: str) -> None:
    """More pipelined bytes than anybody wants to keep stay with the client; all of them are answered in the end."""
    before = served.resident_bytes
    count = 2000
    request = post(bytes(4000), target="/number?1")
    with Connection(served.address, timeout=20) as connection:
        connection.send(get(f"/read-at-gate?{key}"))
        assert served.note(key) == "started"
        connection.socket.setblocking(False)
        data = memoryview(request * count)
        sent = 0
        try:
            while sent < len(data):
                sent += connection.socket.send(data[sent:])
        except BlockingIOError:
            pass
        connection.socket.settimeout(20)
        assert served.resident_bytes - before < 8 << 20
        served.open_gate(key)
        assert connection.response().body == b""
        whole = sent // len(request)
        for _ in range(whole):
            assert connection.response().body == b"1:" + bytes(4000)


def test_connections_run_beside_each_other(served: ApplicationServer) -> None:
    connections = [Connection(served.address) for _ in range(10)]
    try:
        for connection in connections:
            connection.send(get("/together"))
        assert max(int(connection.response().body) for connection in connections) > 5
    finally:
        for connection in connections:
            connection.socket.close()
