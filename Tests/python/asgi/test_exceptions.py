"""Applications that fail: 500 when nothing was sent, a visible cut otherwise, and always a traceback in the log."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, more, run, script, start
from raw_http import Connection, Cut, get, post

APPLICATION = "sending:application"
PAUSE = 0.05


def failing(key: str, *messages: object) -> str:
    return script(key, *messages, route="fail-after")


def assert_is_an_error(server: ApplicationServer, key: str, target: str) -> None:
    response = asked(server, target)
    assert response.status == 500
    assert key not in response.body.decode(), "clients are not told what went wrong"
    assert response.field("x-own") is None
    server.wait_for_output(rf"^Traceback [\s\S]*ValueError: the application of {key} has failed")


def test_before_the_start(served: ApplicationServer, key: str) -> None:
    assert_is_an_error(served, key, failing(key))


def test_between_start_and_body(served: ApplicationServer, key: str) -> None:
    """The start waits for the first piece of body, so that it can still be replaced."""
    assert_is_an_error(served, key, failing(key, start(200, [(b"x-own", b"1"), (b"content-length", b"3")])))


def test_chunked_answer_is_cut(served: ApplicationServer, key: str) -> None:
    """What the application had time to send is there; the end is not."""
    received = run(served, failing(key, start(), more(b"begun"), PAUSE))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"begun" in received
    assert not received.endswith(b"0\r\n\r\n")
    served.wait_for_output(rf"^Traceback [\s\S]*ValueError: the application of {key} has failed")


def test_answer_with_a_length_is_cut(served: ApplicationServer, key: str) -> None:
    received = run(served, failing(key, start(200, [(b"content-length", b"10")]), more(b"begun"), PAUSE))
    assert received.endswith(b"\r\n\r\nbegun")


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")]], ids=["chunked", "length"])
def test_failure_right_after_the_first_piece(served: ApplicationServer, key: str, headers: list[object]) -> None:
    """How much has gone out by then is open; that it is not all can be seen."""
    received = run(served, failing(key, start(200, headers), more(b"begun")))
    assert received == b"" or b"begun".startswith(received.partition(b"\r\n\r\n")[2][-5:]) or received.endswith(b"5\r\nbegun\r\n")
    served.wait_for_output(rf"^Traceback [\s\S]*ValueError: the application of {key} has failed")


def test_connection_is_not_used_again(served: ApplicationServer, key: str) -> None:
    """What follows on the connection must not be taken for the rest of the answer."""
    with Connection(served.address) as connection:
        connection.send(get(failing(key, start(), more(b"begun"))) + get("/hello"))
        with pytest.raises(Cut) as cut:
            connection.response()
        assert b"hello" not in cut.value.received


def test_after_the_end_the_answer_stands(served: ApplicationServer, key: str) -> None:
    response = asked(served, failing(key, start(), body(b"whole")))
    assert (response.status, response.body) == (200, b"whole")
    served.wait_for_output(rf"^Traceback [\s\S]*ValueError: the application of {key} has failed")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_return_without_answer(served: ApplicationServer, method: str) -> None:
    assert asked(served, "/nothing", "Content-Length: 0", method=method).status == 500


def test_return_after_the_start_alone(served: ApplicationServer, key: str) -> None:
    assert asked(served, script(key, start(200))).status == 500


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")]], ids=["chunked", "length"])
def test_return_in_the_middle_of_the_body(served: ApplicationServer, key: str, headers: list[object]) -> None:
    with Connection(served.address) as connection:
        connection.send(get(script(key, start(200, headers), more(b"begun"))))
        with pytest.raises(Cut):
            connection.response()


def test_not_derived_from_exception(served: ApplicationServer) -> None:
    """One request must not be able to end the server for all."""
    assert asked(served, "/base-exception").status == 500
    assert asked(served, "/hello").body == b"hello"


def test_failure_with_an_unread_body(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        connection.send(post(bytes(300_000), target=failing(key)))
        assert connection.response().status == 500
    assert asked(served, "/hello").body == b"hello"


def test_head(served: ApplicationServer, key: str) -> None:
    assert asked(served, failing(key), method="HEAD").status == 500


def test_failures_in_a_pipeline(served: ApplicationServer, key: str) -> None:
    """A failure before the start is an answer like others: those behind it come, or the connection says that it closes."""
    with Connection(served.address) as connection:
        connection.send(get("/hello") + get(failing(key)) + get("/hello"))
        assert connection.response().body == b"hello"
        failed = connection.response()
        assert failed.status == 500
        if not failed.closes:
            assert connection.response().body == b"hello"
