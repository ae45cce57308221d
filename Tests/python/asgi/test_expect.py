"""`Expect: 100-continue`: the interim answer is sent when the application first asks for the body, and not otherwise."""
from __future__ import annotations

import select

import pytest

from application_server import ApplicationServer
from raw_http import Connection, get, post

APPLICATION = "connecting:application"
EXPECT = "Expect: 100-continue"


def head(target: str, *fields: str, version: str = "1.1") -> bytes:
    return get(target, "Content-Length: 4", *fields, EXPECT, method="POST", version=version)


def test_sent_when_the_application_first_reads(served: ApplicationServer, connection: Connection, key: str) -> None:
    connection.send(head(f"/read-at-gate?{key}"))
    assert served.note(key) == "started"
    assert not select.select([connection.socket], [], [], 0.2)[0], "sent before the application asked"
    served.open_gate(key)
    assert connection.response().status == 100
    connection.send(b"body")
    assert connection.response().body == b"body"
    assert connection.request(get("/hello")).body == b"hello"


def test_not_sent_when_the_application_does_not_read(served: ApplicationServer, connection: Connection, key: str) -> None:
    """Whether the client sends its body nevertheless is unknown, so the connection cannot be used again."""
    connection.send(head(f"/unread?{key}"))
    response = connection.response()
    assert (response.status, response.body, response.closes) == (200, b"unread", True)
    connection.seconds_until_closed()


def test_chunked_body(connection: Connection) -> None:
    connection.send(get("/echo", "Transfer-Encoding: chunked", EXPECT, method="POST"))
    assert connection.response().status == 100
    connection.send(b"4\r\nbody\r\n0\r\n\r\n")
    assert connection.response().body == b"body"


def test_sent_once(connection: Connection) -> None:
    connection.send(get("/echo", "Content-Length: 200000", EXPECT, method="POST"))
    assert connection.response().status == 100
    connection.send_in_pieces(bytes(200_000), 10_000)
    assert connection.response().body == bytes(200_000)


def test_body_that_did_not_wait(connection: Connection) -> None:
    """The interim answer may be left out then; the final one may not be lost."""
    connection.send(post(b"body", EXPECT))
    response = connection.response()
    assert (response if response.status == 200 else connection.response()).body == b"body"


def test_not_sent_in_the_middle_of_the_answer(connection: Connection) -> None:
    """The application reads when it has begun to answer: an interim answer comes before the final one or not at all."""
    connection.send(head("/answer-then-read"))
    received = b""
    for expected in [b"begun ", b"body"]:
        while expected not in received:
            data = connection.socket.recv(65536)
            assert data
            received += data
        if expected == b"begun ":
            connection.send(b"body")
    assert b"HTTP/1.1 100" not in received.partition(b"HTTP/1.1 200 ")[2]


def test_http_1_0_knows_no_interim_answer(connection: Connection) -> None:
    connection.send(head("/echo", version="1.0"))
    assert not select.select([connection.socket], [], [], 0.2)[0]
    connection.send(b"body")
    assert connection.response().body == b"body"


@pytest.mark.parametrize("field", ["Expect: a-miracle", "Expect: 100-continue, a-miracle"])
def test_other_expectations(connection: Connection, field: str) -> None:
    assert connection.request(get("/echo", "Content-Length: 4", field, method="POST")).status == 417
