"""Expect: 100-continue (RFC 9110 §10.1.1)."""
from __future__ import annotations

import time

import pytest

from raw_http import Connection, get, post

EXPECT = "Expect: 100-continue"


def head(length: int, *fields: str, version: str = "1.1", target: str = "/echo") -> bytes:
    return get(target, f"Content-Length: {length}", *fields, version=version, method="POST")


@pytest.mark.parametrize("spelling", [EXPECT, "expect:100-Continue"])
def test_continue_comes_before_the_body(connection: Connection, spelling: str) -> None:
    connection.send(head(5, spelling))
    assert connection.response().status == 100
    connection.send(b"hello")
    assert connection.response().body == b"hello"
    assert connection.request(get("/")).status == 200


def test_continue_for_a_chunked_body(connection: Connection) -> None:
    connection.send(get("/echo", "Transfer-Encoding: chunked", EXPECT, method="POST"))
    assert connection.response().status == 100
    connection.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert connection.response().body == b"hello"


def test_body_that_is_already_there(connection: Connection) -> None:
    """The interim answer may be left out then; the final one may not be lost."""
    connection.send(post(b"hello", EXPECT))
    response = connection.response()
    if response.status == 100:
        response = connection.response()
    assert (response.status, response.body) == (200, b"hello")
    assert connection.request(get("/")).status == 200


def test_without_body_there_is_nothing_to_continue(connection: Connection) -> None:
    response = connection.request(get("/", EXPECT))
    assert response.body == b"Hello, World!"


def test_http_1_0_gets_no_interim_answer(connection: Connection) -> None:
    connection.send(head(5, EXPECT, version="1.0"))
    time.sleep(0.2)
    connection.send(b"hello")
    response = connection.response()
    assert (response.status, response.body) == (200, b"hello")


def test_other_expectations_are_refused(connection: Connection) -> None:
    response = connection.request(head(5, "Expect: a-miracle"))
    assert (response.status, response.closes) == (417, True)
    connection.seconds_until_closed()


def test_unread_body_closes_the_connection(connection: Connection) -> None:
    """The route does not read: whether the client will send the body is unknown, so what follows must not be parsed."""
    connection.send(head(5, EXPECT, target="/"))
    response = connection.response()
    if response.status == 100:
        connection.send(b"hello")
        assert connection.response().status == 200
        return
    assert (response.status, response.closes) == (200, True)
    connection.send_in_pieces(get("/json"), 1000)
    connection.seconds_until_closed()
