"""`http.response.trailers`: fields behind the body, for clients that said that they read them."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, more, script, start
from raw_http import Connection, Cut, Response, get

APPLICATION = "hinting:application"
TE = ("TE: trailers", "Connection: TE")


def trailers(*headers: object, **others: object) -> dict[str, object]:
    return {"type": "http.response.trailers", "headers": list(headers), **others}


def asked_with_trailers(server: ApplicationServer, target: str) -> Response:
    with Connection(server.address) as connection:
        connection.send(get(target, *TE))
        response = connection.response(has_trailers=True)
        assert connection.request(get("/hello")).body == b"hello"
        return response


@pytest.mark.parametrize("messages", [[body(b"hello")], [more(b"he"), body(b"llo")], [body()]], ids=["whole", "pieces", "nothing"])
def test_sent_behind_the_body(served: ApplicationServer, key: str, messages: list[object]) -> None:
    response = asked_with_trailers(served, script(key, start(200, [], trailers=True), *messages, trailers((b"X-Sum", b"1"), (b"x-other", b"2"))))
    assert response.body in (b"hello", b"")
    assert response.trailers == (("x-sum", "1"), ("x-other", "2"))
    assert served.note(key) == "end"


def test_in_several_messages(served: ApplicationServer, key: str) -> None:
    messages = [trailers((b"x-a", b"1"), more_trailers=True), trailers(more_trailers=True), trailers((b"x-b", b"2"))]
    response = asked_with_trailers(served, script(key, start(200, [], trailers=True), body(b"hello"), *messages))
    assert (response.body, response.trailers) == (b"hello", (("x-a", "1"), ("x-b", "2")))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("messages", [[body(b"hello")], [more(b"he"), body(b"llo")]], ids=["whole", "pieces"])
def test_dropped_for_clients_that_did_not_ask(served: ApplicationServer, key: str, messages: list[object], version: str) -> None:
    response = asked(served, script(key, start(200, [], trailers=True), *messages, trailers((b"x-sum", b"1"))), version=version)
    assert (response.body, response.trailers) == (b"hello", ())
    assert served.note(key) == "end"


def test_head_has_none(served: ApplicationServer, key: str) -> None:
    target = script(key, start(200, [], trailers=True), body(b"hello"), trailers((b"x-sum", b"1")))
    assert asked(served, target, *TE[:1], "Connection: TE", method="HEAD").trailers == ()


def test_not_announced(served: ApplicationServer, key: str) -> None:
    """Without `trailers` in the start the answer ends with the body; what comes then is ignored."""
    assert asked_with_trailers(served, script(key, start(), body(b"hello"), trailers((b"x-sum", b"1")))).trailers == ()


def test_announced_but_too_early(served: ApplicationServer, key: str) -> None:
    target = script(key, start(200, [], trailers=True), more(b"he"), trailers((b"x-early", b"1")), body(b"llo"), trailers((b"x-sum", b"1")))
    response = asked_with_trailers(served, target)
    assert (response.body, response.trailers) == (b"hello", (("x-sum", "1"),))
    assert "http.response.trailers" in served.note(key)["text"]


def test_announced_but_not_sent(served: ApplicationServer, key: str) -> None:
    """The application has returned too early: the answer does not look whole."""
    with Connection(served.address) as connection:
        connection.send(get(script(key, start(200, [], trailers=True), body(b"hello")), *TE))
        with pytest.raises(Cut):
            connection.response(has_trailers=True)


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"host", b"trailer", b"connection", b"set-cookie"])
def test_fields_that_belong_in_front(served: ApplicationServer, key: str, name: bytes) -> None:
    target = script(key, start(200, [], trailers=True), body(b"hello"), trailers((name, b"1")), trailers((b"x-sum", b"1")))
    response = asked_with_trailers(served, target)
    if name != b"set-cookie":
        assert name.decode() not in dict(response.trailers)
    assert response.body == b"hello"


@pytest.mark.parametrize("header", [(b"x-a", b"1\r\nx-b: 2"), (b"x a", b"1"), (b"x-a", "text"), None, (b"x-a",)], ids=str)
def test_refused(served: ApplicationServer, key: str, header: object) -> None:
    target = script(key, start(200, [], trailers=True), body(b"hello"), trailers(header), trailers((b"x-sum", b"1")))
    assert asked_with_trailers(served, target).trailers == (("x-sum", "1"),)
    assert served.note(key)["text"]
