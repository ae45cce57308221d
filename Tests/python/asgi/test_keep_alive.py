"""Connections that serve more than one request: when they stay, when they go, and that nothing is left of one request in the next."""
from __future__ import annotations

import ast
import time

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, get, post

APPLICATION = "connecting:application"


def test_many_requests_on_one_connection(connection: Connection) -> None:
    for index in range(1000):
        assert connection.request(post(b"x" * (index % 50), target=f"/number?{index}")).body == b"%d:" % index + b"x" * (index % 50)


@pytest.mark.parametrize("version, fields, stays", [
    ("1.1", (), True),
    ("1.1", ("Connection: close",), False),
    ("1.1", ("Connection: Keep-Alive",), True),
    ("1.1", ("Connection: foo, CLOSE",), False),
    ("1.0", (), False),
    ("1.0", ("Connection: keep-alive",), True),
    ("1.0", ("Connection: close",), False),
])
def test_when_a_connection_stays(connection: Connection, version: str, fields: tuple[str, ...], stays: bool) -> None:
    response = connection.request(get("/hello", *fields, version=version))
    assert response.body == b"hello"
    if stays:
        assert not response.closes
        assert connection.request(get("/hello")).body == b"hello"
    else:
        assert response.closes
        connection.seconds_until_closed()


def test_idle_connection_is_closed(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-keep-alive", "1")
    with Connection(server.address) as connection:
        for _ in range(3):
            assert connection.request(get("/sleep?300")).body == b"slept 300"
        assert 0.5 < connection.seconds_until_closed() < 3


def test_slow_answer_is_not_idleness(serve: Serve) -> None:
    server = serve(APPLICATION, "--timeout-keep-alive", "1")
    with Connection(server.address) as connection:
        assert connection.request(get("/sleep?1200")).body == b"slept 1200"


@pytest.mark.parametrize("size", [10, 100_000])
def test_body_that_nobody_read(served: ApplicationServer, key: str, size: int) -> None:
    """It is read and dropped, or the connection is closed; it is never taken for the next request."""
    with Connection(served.address) as connection:
        body = (get("/number?injected") * (size // 10))[:size]
        connection.send_in_pieces(post(body, target=f"/unread?{key}"), 1 << 16)
        first = connection.response()
        assert first.body == b"unread"
        if first.closes:
            connection.seconds_until_closed()
        else:
            assert connection.request(get("/number?next")).body == b"next:"


def test_work_after_the_answer_does_not_hold_the_connection(served: ApplicationServer, connection: Connection, key: str) -> None:
    """The answer is out at once, and others are served; the application ends in its own time."""
    started = time.monotonic()
    assert connection.request(get(f"/work-after-answer?{key}")).body == b"answered"
    assert time.monotonic() - started < 5
    served.open_gate(key)
    assert served.note(key) == "done"
    assert connection.request(get("/hello")).body == b"hello"


def test_work_after_the_answer_survives_the_client(served: ApplicationServer, key: str) -> None:
    """A background task is not ended because the client that has its answer leaves."""
    with Connection(served.address) as connection:
        assert connection.request(get(f"/work-after-answer?{key}")).body == b"answered"
    assert served.ask("/hello").body == b"hello"
    served.open_gate(key)
    assert served.note(key) == "done"


def test_empty_lines_between_requests(connection: Connection) -> None:
    assert connection.request(get("/hello")).body == b"hello"
    assert connection.request(b"\r\n" + get("/hello")).body == b"hello"


@pytest.mark.parametrize("route", ["variable", "variable-later"])
def test_context_variables_do_not_leak(served: ApplicationServer, route: str) -> None:
    """What one request sets the next does not see: one after the other, in a pipeline, and on another connection."""
    with Connection(served.address) as connection:
        for value in ["first", "second"]:
            assert connection.request(get(f"/{route}?{value}")).body in (b"default", b"default," + value.encode())
        connection.send(get(f"/{route}?third") + get(f"/{route}?fourth"))
        for value in ["third", "fourth"]:
            assert connection.response().body in (b"default", b"default," + value.encode())
    assert served.ask(f"/{route}?fifth").body in (b"default", b"default,fifth")


def test_each_request_is_a_task(served: ApplicationServer) -> None:
    """Its own, and gone when it is done: the number of tasks does not grow."""
    with Connection(served.address) as connection:
        facts = [ast.literal_eval(connection.request(get("/task")).body.decode()) for _ in range(100)]
    assert all(fact["is_new"] for fact in facts)
    assert facts[-1]["count"] <= facts[5]["count"] + 2
