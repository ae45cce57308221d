"""What `receive` returns, and when: the body without its framing, then one disconnect, never the same thing again and again."""
from __future__ import annotations

import ast
import socket
from typing import Any

import pytest

from application_server import ApplicationServer
from raw_http import Connection, chunked, get, post

APPLICATION = "receiving:application"
REQUEST = "http.request"
DISCONNECT = {"type": "http.disconnect"}


def messages_of(body: bytes) -> list[dict[str, Any]]:
    return ast.literal_eval(body.decode())


def joined(messages: list[dict[str, Any]]) -> bytes:
    """The body that the messages make, which must be of the right form."""
    assert all(message["type"] == REQUEST and type(message.get("body", b"")) is bytes for message in messages)
    assert [bool(message.get("more_body")) for message in messages] == [True] * (len(messages) - 1) + [False]
    return b"".join(message.get("body", b"") for message in messages)


@pytest.mark.parametrize("request_", [get("/messages"), post(b"", target="/messages"), chunked(b"", 1, target="/messages")], ids=["get", "length-0", "chunked"])
def test_empty_body(connection: Connection, request_: bytes) -> None:
    assert joined(messages_of(connection.request(request_).body)) == b""


@pytest.mark.parametrize("size", [1, 1000, 65536, 300_000])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_body_without_its_framing(connection: Connection, form: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    request = post(body, target="/messages") if form == "length" else chunked(body, 1000, target="/messages")
    assert joined(messages_of(connection.request(request).body)) == body


def test_chunks_byte_by_byte(connection: Connection) -> None:
    connection.send_in_pieces(chunked(b"hello, world", 5, target="/messages"), 1)
    assert joined(messages_of(connection.response().body)) == b"hello, world"


def test_chunk_extensions_and_trailers_are_not_body(connection: Connection) -> None:
    head = get("/messages", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST")
    connection.send(head + b"5;name=value\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert joined(messages_of(connection.response().body)) == b"hello"
    assert connection.request(get("/hello")).body == b"hello"


def test_pieces_come_as_they_arrive(connection: Connection) -> None:
    """A body is not collected first: each piece is answered before the next is sent."""
    connection.send(get("/both-ways", "Transfer-Encoding: chunked", method="POST"))
    received = b""
    for piece in [b"one", b"two", b"three"]:
        connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        while piece not in received:
            data = connection.socket.recv(65536)
            assert data, received
            received += data
    connection.send(b"0\r\n\r\n")
    while not received.endswith(b"\r\n0\r\n\r\n"):
        received += connection.socket.recv(65536)


def test_waits_after_the_body_until_the_client_leaves(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(post(b"body", target=f"/after-body?{key}"))
        assert served.note(key) == "waits"
    assert served.notes(key, 2)[1] == DISCONNECT


def test_disconnect_once_the_answer_is_complete(served: ApplicationServer, connection: Connection, key: str) -> None:
    """The client is still there: the request is over nevertheless."""
    assert connection.request(post(b"body", target=f"/after-answer?{key}")).body == b"answered"
    assert served.notes(key, 2) == [DISCONNECT] * 2
    assert connection.request(get("/hello")).body == b"hello"


def test_disconnect_after_the_answer_to_an_unread_request(served: ApplicationServer, connection: Connection, key: str) -> None:
    """Of a request that was answered without being read, at most the body comes before the disconnect."""
    assert connection.request(get(f"/after-answer-unread?{key}")).body == b"answered"
    assert served.note(key) in ("http.disconnect", "http.request")


def test_waiting_task_ends_with_the_answer(served: ApplicationServer, connection: Connection, key: str) -> None:
    assert connection.request(get(f"/waiting-during-answer?{key}")).body == b"a"
    assert served.notes(key, 2) == [False, DISCONNECT]


def test_client_leaves_before_its_body_is_whole(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(post(b"0123456789", target=f"/leaving?{key}")[:-5])
        received = served.notes(key, 2)
        assert received[1]["more_body"] is True
    notes = served.notes(key, len(received) + 2)
    assert [note for note in notes[1:] if note["type"] == REQUEST and not note["more_body"]] == []
    assert notes[-2:] == [DISCONNECT] * 2


@pytest.mark.parametrize("end", ["close", "reset"])
def test_client_leaves_while_the_application_works(served: ApplicationServer, key: str, end: str) -> None:
    with Connection(served.address) as connection:
        connection.send(get(f"/leaving?{key}"))
        served.notes(key, 2)
        if end == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert served.notes(key, 4)[2:] == [DISCONNECT] * 2


def test_two_tasks_learn_of_the_disconnect(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(get(f"/two-waiters?{key}"))
        assert served.note(key) == "started"
    assert served.notes(key, 3)[1:] == [DISCONNECT] * 2


def test_receive_can_be_given_up_and_called_again(served: ApplicationServer, connection: Connection, key: str) -> None:
    data = post(b"late", target=f"/cancelled-receive?{key}")
    connection.send(data[:-4])
    assert served.notes(key, 2) == ["gave up"] * 2
    connection.send(data[-4:])
    assert connection.response().body == b"late"


@pytest.mark.parametrize("route", ["cancelled-often", "cancelled-when-it-arrives"])
def test_nothing_is_lost_with_a_cancelled_call(connection: Connection, route: str) -> None:
    pieces = [b"%d" % number * (number % 700 + 1) for number in range(600)]
    connection.send(get(f"/{route}", "Transfer-Encoding: chunked", method="POST"))
    for piece in pieces:
        connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")
    facts = ast.literal_eval(connection.response().body.decode())
    assert facts["total"] == sum(map(len, pieces))


def test_pipelined_request_is_neither_body_nor_disconnect(served: ApplicationServer, key: str) -> None:
    """More bytes behind the request are the next request; that the client has left behind them is seen nevertheless."""
    with Connection(served.address) as connection:
        connection.send(get(f"/after-body?{key}") + get("/hello"))
        assert served.note(key) == "waits"
        assert served.noted(key) == ["waits"]
    assert served.notes(key, 2)[1] == DISCONNECT
