"""Response splitting: what an application sends as a field can neither end the head nor begin another field."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, script, start

APPLICATION = "sending:application"

VALUES = [b"a\r\nx-injected: 1", b"a\nx-injected: 1", b"a\rx-injected: 1", b"a\0b", b"a\r\n\r\n<html>", b"\r\n", b"a\x0bb\x7f\x1b"]
NAMES = [b"", b"x y", b"x:y", b"x\r\ny", b"x\n", b"x\0", b"x\t", b" x", b"x ", b"(x)", b"x\xe9", b"x/y", b"x@y", b"x\"y"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", [b"x-own", b"location", b"set-cookie", b"content-type"])
def test_value(served: ApplicationServer, key: str, name: bytes, value: bytes) -> None:
    response = asked(served, script(key, start(200, [(name, value)]), body(b"first"), start(400), body(b"refused")))
    assert (response.status, response.body) == (400, b"refused")
    assert response.field("x-injected") is None
    refused = served.note(key)
    assert name.decode() in refused["text"] or "header" in refused["text"]
    assert "\r" not in refused["text"] and "\n" not in refused["text"], "the log could be split as well"


@pytest.mark.parametrize("name", NAMES)
def test_name(served: ApplicationServer, key: str, name: bytes) -> None:
    response = asked(served, script(key, start(200, [(name, b"value")]), body(b"first"), start(400), body(b"refused")))
    assert (response.status, response.body) == (400, b"refused")
    assert served.note(key) != "end"


@pytest.mark.parametrize("value", [b"", b"a", b"\t", b"a\tb", b"\x80\xff", "€".encode(), b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
def test_values_that_are_allowed(served: ApplicationServer, key: str, value: bytes) -> None:
    response = asked(served, script(key, start(200, [(b"x-own", value)]), body(b"x")))
    assert response.field("x-own") == value.decode("latin-1").strip("\t ")


def test_names_that_are_allowed(served: ApplicationServer, key: str) -> None:
    name = b"!#$%&'*+-.^_`|~09azAZ"
    assert asked(served, script(key, start(200, [(name, b"1")]), body(b"x"))).field(name.decode()) == "1"


def test_huge_head(served: ApplicationServer, key: str) -> None:
    """Many or long fields are sent whole, or refused as a whole."""
    headers = [(b"x-%d" % number, b"v" * 20) for number in range(40)]
    response = asked(served, script(key, start(200, headers), body(b"x")))
    assert [pair for pair in response.fields if pair[0].startswith("x-")] == [(name.decode(), value.decode()) for name, value in headers]
