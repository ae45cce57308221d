"""Where an answer ends: a length when the body is whole at once, chunks otherwise, the end of the connection for a 1.0 client; no body where there is none."""
from __future__ import annotations

import hashlib

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, more, run, script, start
from raw_http import Connection, get

APPLICATION = "sending:application"
LENGTH_5 = [(b"content-length", b"5")]


def test_whole_body_has_a_length(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(), body(b"hello")))
    assert (response.field("content-length"), response.field("transfer-encoding"), response.body) == ("5", None, b"hello")


def test_empty_body_has_a_length(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(), body()))
    assert (response.field("content-length"), response.body) == ("0", b"")


def test_body_in_pieces_is_chunked(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(), more(b"he"), more(b"l"), more(b""), body(b"lo")))
    assert (response.field("content-length"), response.field("transfer-encoding"), response.body) == (None, "chunked", b"hello")


def test_length_of_the_application_is_kept(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(200, LENGTH_5), more(b"he"), more(b"l"), body(b"lo")))
    assert (response.field("content-length"), response.field("transfer-encoding"), response.body) == ("5", None, b"hello")


def test_length_that_is_reached_before_the_last_message(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(200, LENGTH_5), more(b"hello"), more(b""), body()))
    assert response.body == b"hello"
    assert served.note(key) == "end"


@pytest.mark.parametrize("messages", [[body(b"hello")], [more(b"he"), body(b"llo")]], ids=["whole", "pieces"])
@pytest.mark.parametrize("headers", [[], LENGTH_5], ids=["no length", "length"])
def test_http_1_0(served: ApplicationServer, key: str, messages: list[object], headers: list[object]) -> None:
    """A 1.0 client knows no chunks."""
    with Connection(served.address) as connection:
        response = connection.request(get(script(key, start(200, headers), *messages), version="1.0"))
        assert response.body == b"hello"
        assert response.field("transfer-encoding") is None
        connection.seconds_until_closed()


def test_http_1_0_keeps_the_connection_only_with_a_length(served: ApplicationServer, key: str) -> None:
    with Connection(served.address) as connection:
        response = connection.request(get(script(key, start(), body(b"hello")), "Connection: keep-alive", version="1.0"))
        assert (response.body, (response.field("connection") or "").lower()) == (b"hello", "keep-alive")
        streamed = connection.request(get(script(key, start(), more(b"hel"), body(b"lo")), "Connection: keep-alive", version="1.0"))
        assert (streamed.body, streamed.closes) == (b"hello", True)


@pytest.mark.parametrize("headers", [[], LENGTH_5], ids=["no length", "length"])
@pytest.mark.parametrize("messages", [[body(b"hello")], [more(b"he"), body(b"llo")], [body()]], ids=["whole", "pieces", "nothing"])
def test_head(served: ApplicationServer, key: str, messages: list[object], headers: list[object]) -> None:
    response = asked(served, script(key, start(200, headers), *messages), method="HEAD")
    assert response.status == 200
    if headers:
        assert response.field("content-length") == "5"
    assert served.note(key) == "end"


@pytest.mark.parametrize("messages", [[body()], [body(b"hello")], [more(b"he"), body(b"llo")]], ids=["nothing", "whole", "pieces"])
@pytest.mark.parametrize("status", [204, 304])
def test_status_without_body(served: ApplicationServer, key: str, status: int, messages: list[object]) -> None:
    """The body that the application sends nevertheless is dropped, and the connection serves the next request."""
    assert asked(served, script(key, start(status), *messages)).status == status
    assert served.note(key) == "end"


def test_204_says_no_length(served: ApplicationServer, key: str) -> None:
    assert asked(served, script(key, start(204, LENGTH_5), body(b"hello"))).field("content-length") is None


def test_304_may_say_the_length_of_the_other_answer(served: ApplicationServer, key: str) -> None:
    assert asked(served, script(key, start(304, LENGTH_5), body())).field("content-length") in ("5", None)


@pytest.mark.parametrize("messages", [[body()], [more(b""), body()]], ids=["at once", "in pieces"])
def test_304_says_no_length_of_its_own(served: ApplicationServer, key: str, messages: list[object]) -> None:
    assert asked(served, script(key, start(304), *messages)).field("content-length") is None


@pytest.mark.parametrize("messages", [
    [more(b"hel"), body(b"lo and more")],
    [more(b"hello"), body(b"more")],
    [more(b"hello more"), body(b"")],
    [body(b"hello and more")],
], ids=["last piece", "one piece too many", "first piece", "whole"])
def test_body_longer_than_its_length(served: ApplicationServer, key: str, messages: list[object]) -> None:
    """Not a byte more goes out than was announced; a 500 where nothing was sent yet. The next request is not answered in the middle."""
    with Connection(served.address) as connection:
        connection.send(get(script(key, start(200, LENGTH_5), *messages)) + get("/hello", "Connection: close"))
        received = connection.rest()
    head, _, rest = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200 "):
        assert len(rest[:5]) <= 5 and b"hello".startswith(rest[:5])
        following = rest[5:]
        assert following == b"" or following.startswith(b"HTTP/1.1 200 ")
        assert b" more" not in rest and b"and" not in rest
    else:
        assert received == b"" or head.startswith(b"HTTP/1.1 500 ")
    refused = served.note(key)
    assert refused != "end", "the application is not told"
    assert "ength" in refused["text"]


@pytest.mark.parametrize("messages", [
    [body(b"hel")], [more(b"h"), body(b"el")], [body()], [more(b"hel"), body()],
], ids=["whole", "pieces", "nothing", "empty end"])
def test_body_shorter_than_its_length(served: ApplicationServer, key: str, messages: list[object]) -> None:
    """Never an answer that looks whole: cut, or a 500 where nothing was sent yet; and never reused."""
    with Connection(served.address) as connection:
        connection.send(get(script(key, start(200, LENGTH_5), *messages)) + get("/hello"))
        received = connection.rest()
    head, _, rest = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200 "):
        assert rest in (b"", b"h", b"hel")
    else:
        assert received == b"" or head.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("headers", [
    [(b"content-length", b"abc")],
    [(b"content-length", b"-1")],
    [(b"content-length", b"+5")],
    [(b"content-length", b"")],
    [(b"content-length", b"5"), (b"content-length", b"6")],
    [(b"content-length", b"99999999999999999999999")],
], ids=["letters", "negative", "sign", "empty", "two that differ", "too large"])
def test_length_that_is_none(served: ApplicationServer, key: str, headers: list[object]) -> None:
    response = asked(served, script(key, start(200, headers), body(b"hello"), start(503), body(b"instead")))
    assert (response.status, response.body) == (503, b"instead")
    assert "content-length" in served.note(key)["text"].lower()


@pytest.mark.parametrize("coding", [b"chunked", b"gzip, chunked", b"identity", b"Chunked"])
@pytest.mark.parametrize("messages", [[body(b"hello")], [more(b"he"), body(b"llo")]], ids=["whole", "pieces"])
def test_transfer_encoding_is_the_servers(served: ApplicationServer, key: str, coding: bytes, messages: list[object]) -> None:
    """The application's own is ignored: the server frames, once."""
    response = asked(served, script(key, start(200, [(b"Transfer-Encoding", coding)]), *messages))
    assert response.body == b"hello"
    assert response.field("transfer-encoding") in (None, "chunked")


def test_close_of_the_application_is_kept(served: ApplicationServer, key: str) -> None:
    assert asked(served, script(key, start(200, [(b"Connection", b"close")]), body(b"hello"))).closes


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 16383, 16384, 65535, 65536, 65537, 1_000_000, 10_000_000])
@pytest.mark.parametrize("route", ["whole", "whole-with-length", "halves", "halves-with-length"])
def test_sizes(served: ApplicationServer, route: str, size: int) -> None:
    """Every byte of it, whatever size the server copies, shares or splits."""
    with Connection(served.address) as connection:
        for count in [size, 5]:
            assert connection.request(get(f"/sized?('{route}',{count})")).body == hashlib.shake_256(b"body").digest(count)


def test_date_and_server_stand_there_once(served: ApplicationServer, key: str) -> None:
    plain = asked(served, script(key, start(), body(b"x")))
    assert plain.field("date") and plain.field("server")
    own = asked(served, script(key, start(200, [(b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"Server", b"own")]), body(b"x")))
    assert (own.field("date"), own.field("server")) == ("Thu, 01 Jan 1970 00:00:00 GMT", "own")


def test_nothing_is_sent_behind_an_answer(served: ApplicationServer, key: str) -> None:
    received = run(served, script(key, start(), body(b"hello"), body(b"more"), body(b"and more")))
    assert received.endswith(b"\r\n\r\nhello")
