"""What the hello server's routes answer, seen byte by byte."""
from __future__ import annotations

import email.utils
import json
import time

import pytest

from raw_http import Connection, get
from server_process import Server


def test_hello(connection: Connection) -> None:
    response = connection.request(get("/"))
    assert (response.status, response.body) == (200, b"Hello, World!")
    assert response.field("content-length") == "13"
    assert response.field("content-type").startswith("text/plain")


def test_json(connection: Connection) -> None:
    response = connection.request(get("/json"))
    assert response.status == 200
    assert response.field("content-type") == "application/json"
    assert json.loads(response.body) == {"message": "Hello, World!"}


def test_date_and_server(connection: Connection) -> None:
    response = connection.request(get("/"))
    date = response.field("date")
    assert date.endswith(" GMT")
    assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 3
    assert response.field("server").lower().startswith("martlet")


def test_stream_is_chunked(connection: Connection) -> None:
    response = connection.request(get("/stream"))
    assert response.status == 200
    assert response.field("transfer-encoding") == "chunked"
    assert response.body
    assert connection.request(get("/")).status == 200


def test_stream_to_http_1_0_ends_with_the_connection(hello: Server, connection: Connection) -> None:
    with Connection(hello.address) as other:
        expected = other.request(get("/stream")).body
    response = connection.request(get("/stream", version="1.0"))
    assert response.status == 200
    assert response.field("transfer-encoding") is None
    assert response.body == expected
    connection.seconds_until_closed()


@pytest.mark.parametrize("target", ["/later", "/async"])
def test_answers_that_come_later(connection: Connection, target: str) -> None:
    for _ in range(3):
        response = connection.request(get(target))
        assert response.status == 200
        assert response.body
    assert connection.request(get("/")).body == b"Hello, World!"


@pytest.mark.parametrize("target", ["/later", "/async", "/stream"])
def test_client_that_leaves_before_the_answer(hello: Server, target: str) -> None:
    for _ in range(20):
        with Connection(hello.address) as leaving:
            leaving.send(get(target) * 3)
    with Connection(hello.address) as staying:
        assert staying.request(get(target)).status == 200


def test_unknown_path(connection: Connection) -> None:
    assert connection.request(get("/no-such-route")).status == 404
    assert connection.request(get("/")).status == 200


@pytest.mark.parametrize("target", ["/?", "/?a=b&c=%20", "http://localhost/"])
def test_forms_of_the_same_target(connection: Connection, target: str) -> None:
    assert connection.request(get(target)).body == b"Hello, World!"


@pytest.mark.parametrize("target", ["/", "/json"])
def test_head_is_get_without_body(connection: Connection, target: str) -> None:
    whole = connection.request(get(target))
    head = connection.request(get(target, method="HEAD"))
    assert head.status == whole.status
    assert [field for field in head.fields if field[0] != "date"] == [field for field in whole.fields if field[0] != "date"]
    assert connection.request(get(target)).body == whole.body


def test_head_of_a_stream(connection: Connection) -> None:
    assert connection.request(get("/stream", method="HEAD")).status == 200
    assert connection.request(get("/")).body == b"Hello, World!"


def test_no_content(connection: Connection) -> None:
    assert connection.request(get("/empty")).status == 204
    assert connection.request(get("/")).body == b"Hello, World!"


def test_body_that_nobody_reads_is_not_taken_for_a_request(connection: Connection) -> None:
    """The next answer is to the next request, or the connection is closed; never to the body."""
    smuggled = get("/json")
    connection.send(get("/", f"Content-Length: {len(smuggled)}") + smuggled + get("/no-such-route"))
    first = connection.response()
    assert first.body == b"Hello, World!"
    if first.closes:
        connection.seconds_until_closed()
    else:
        assert connection.response().status == 404
