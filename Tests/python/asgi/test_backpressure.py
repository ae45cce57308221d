"""Writing: `send` waits for a client that does not read, memory stays flat, and `send` says when the client has left."""
from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, get

APPLICATION = "pushing:application"
PIECE = b"0123456789abcdef" * 4096
PIECES = 1600  # 100 MiB
# The kernel's buffers of both ends, which grow by themselves on loopback, and the server's high-water mark.
IN_FLIGHT_BYTES_MAX = 24 << 20
GROWTH_BYTES_MAX = 24 << 20


def flood(key: str, count: int, route: str = "flood") -> bytes:
    return get(f"/{route}?" + quote(repr((key, count)), safe=""))


def assert_client_has_left(note: dict[str, Any]) -> None:
    assert note["name"] == "ClientDisconnected"
    assert "OSError" in note["bases"]
    assert note["text"], "an exception without a sentence"


def test_send_waits_for_a_client_that_does_not_read(served: ApplicationServer, key: str) -> None:
    assert served.ask("/hello").status == 200
    before = served.resident_bytes
    with Connection(served.address, timeout=30) as connection:
        connection.send(flood(key, PIECES))
        assert served.note(key)["blocked at"] < IN_FLIGHT_BYTES_MAX
        assert served.resident_bytes - before < GROWTH_BYTES_MAX
        # Others are served meanwhile.
        assert served.ask("/hello").body == b"hello"
        response = connection.response()
    assert len(response.body) == PIECES * len(PIECE)
    assert response.body.count(PIECE) == PIECES
    assert served.notes(key, 2)[-1] == "sent all"
    assert served.resident_bytes - before < GROWTH_BYTES_MAX


@pytest.mark.parametrize("end", ["close", "reset"])
def test_client_leaves_while_send_waits(served: ApplicationServer, key: str, end: str) -> None:
    with Connection(served.address) as connection:
        connection.send(flood(key, PIECES))
        assert "blocked at" in served.note(key)
        if end == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert_client_has_left(served.notes(key, 2)[1])


def test_large_piece_of_a_client_that_leaves(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(flood(key, 64 << 20, "one-large-piece"))
        assert connection.socket.recv(1000)
    assert_client_has_left(served.note(key))


def test_large_piece_is_held_once(served: ApplicationServer, key: str) -> None:
    """Sixty-four megabytes of the application's own may be copied once at most, and go when they are sent."""
    size = 64 << 20
    assert served.ask("/hello").status == 200
    before = served.resident_bytes
    with Connection(served.address, timeout=30) as connection:
        connection.send(flood(key, size, "one-large-piece"))
        assert connection.socket.recv(1000)
        assert served.resident_bytes - before < 2.2 * size
        connection.skip(size - 1000)
    assert served.note(key) == "sent all"
    assert served.ask("/hello").status == 200
    assert served.resident_bytes - before < GROWTH_BYTES_MAX


def test_client_leaves_a_stream(served: ApplicationServer, key: str) -> None:
    """Each `send` after it raises, also the last one; none of them waits."""
    with Connection(served.address) as connection:
        connection.send(get(f"/ticks?{key}"))
        assert served.note(key) == "begun"
    begun, *refusals, end = served.notes(key, 5)
    assert end == "end"
    for refusal in refusals:
        assert_client_has_left(refusal)


def test_answer_to_nobody(served: ApplicationServer, key: str) -> None:
    """The application was told that the client has left, and answers all the same."""
    with Connection(served.address) as connection:
        connection.send(get(f"/answer-late?{key}"))
        assert served.note(key) == "started"
    assert_client_has_left(served.notes(key, 2)[1])


def test_clients_that_leave_are_not_errors(serve: Serve, key: str) -> None:
    """Neither when `ClientDisconnected` leaves the application, nor when a framework's exception does that it was the reason of."""
    server = serve(APPLICATION)
    for route, begun in [("ticks", "begun"), ("ticks-wrapped", "begun"), ("answer-late", "started")]:
        with Connection(server.address) as connection:
            connection.send(get(f"/{route}?{key}-{route}"))
            assert server.note(f"{key}-{route}") == begun
        server.notes(f"{key}-{route}", 2)
    with Connection(server.address) as connection:
        connection.send(flood(f"{key}-flood", PIECES))
        assert "blocked at" in server.note(f"{key}-flood")
    server.notes(f"{key}-flood", 2)
    assert server.stop() == 0
    assert not server.has_logged_an_error, server.output


def test_own_fault_after_the_client_has_left_is_an_error(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(get(f"/fails-after-the-client?{key}"))
        assert served.note(key) == "started"
    served.wait_for_output(rf"^Traceback [\s\S]*ZeroDivisionError: own fault of {key}")


def test_slow_reader_gets_everything(served: ApplicationServer, key: str) -> None:
    count = 100
    with Connection(served.address, receive_buffer=4096, timeout=20) as connection:
        connection.send(flood(key, count))
        received = bytearray()
        while not received.endswith(b"\r\n0\r\n\r\n"):
            data = connection.socket.recv(3000)
            assert data
            received += data
    assert received.count(b"0123456789abcdef") >= count * len(PIECE) // 16 - 2 * count
    served.wait_for_output(rf"^@{key} 'sent all'$")


def test_send_that_was_given_up(served: ApplicationServer, key: str) -> None:
    """The piece may be there or not, but whole, once, and in order; those after it come."""
    count = 400
    with Connection(served.address, timeout=20) as connection:
        connection.send(flood(key, count, "cancelled-send"))
        given_up = served.note(key)
        assert isinstance(given_up, int)
        served.open_gate(key)
        received = connection.response().body
    numbers = [int.from_bytes(received[index:index + 4], "big") for index in range(0, len(received), 65536)]
    assert numbers in (list(range(count)), [number for number in range(count) if number != given_up])
    assert all(received[index * 65536:(index + 1) * 65536] == number.to_bytes(4, "big") * 16384 for index, number in enumerate(numbers))


def test_many_that_do_not_read(served: ApplicationServer, key: str) -> None:
    """Fifty of them hold fifty times the high-water mark, not fifty answers."""
    assert served.ask("/hello").status == 200
    before = served.resident_bytes
    connections = [Connection(served.address, receive_buffer=65536) for _ in range(50)]
    try:
        for number, connection in enumerate(connections):
            connection.send(flood(f"{key}-{number}", PIECES))
        for number in range(len(connections)):
            assert "blocked at" in served.note(f"{key}-{number}")
        assert served.resident_bytes - before < 2 * GROWTH_BYTES_MAX
        assert served.ask("/hello").body == b"hello"
    finally:
        for connection in connections:
            connection.socket.close()
    for number in range(len(connections)):
        assert_client_has_left(served.notes(f"{key}-{number}", 2)[1])
