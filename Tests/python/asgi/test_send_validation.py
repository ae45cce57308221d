"""Messages that the specification does not know are refused inside the application, by a sentence that names the key; what is merely more is accepted."""
from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, more, script, start

APPLICATION = "sending:application"
START = "http.response.start"
BODY = "http.response.body"

# What is sent first, and what its refusal has to name.
REFUSED_AT_START = {
    "no type": ({}, "type"),
    "type of another type": ({"type": 5}, "type"),
    "bytes as type": ({"type": b"http.response.start", "status": 200}, "type"),
    "unknown type": ({"type": "http.response.strat", "status": 200}, "http.response.strat"),
    "message of a websocket": ({"type": "websocket.accept"}, "websocket.accept"),
    "message of the lifespan": ({"type": "lifespan.startup.complete"}, "lifespan.startup.complete"),
    "what only the server sends": ({"type": "http.request", "body": b""}, "http.request"),
    "body before start": (body(b"early"), START),
    "no status": ({"type": START}, "status"),
    "status as text": (start("200"), "status"),
    "no integer": (start(200.0), "status"),
    "status None": (start(None), "status"),
    "status of two digits": (start(99), "status"),
    "status of four digits": (start(1000), "status"),
    "negative status": (start(-200), "status"),
    "huge status": (start(1 << 80), "status"),
    "interim status": (start(100), "status"),
    "headers as text": (start(200, "x: y"), "headers"),
    "headers as number": (start(200, 7), "headers"),
    "header that is no pair": (start(200, [(b"a", b"b", b"c")]), "headers"),
    "header of one part": (start(200, [(b"a",)]), "headers"),
    "header as bytes": (start(200, [b"ab"]), "headers"),
    "header None": (start(200, [None]), "headers"),
    "name as text": (start(200, [("x-name", b"value")]), "headers"),
    "value as text": (start(200, [(b"x-name", "value")]), "headers"),
    "value None": (start(200, [(b"x-name", None)]), "headers"),
    "not a dictionary": ([("type", START)], "dict"),
    "None": (None, "dict"),
}
REFUSED_AFTER_START = {
    "second start": (start(), START),
    "body as text": (body("text"), "body"),
    "body as list": (body([b"text"]), "body"),
    "body as number": (body(3), "body"),
    "unknown type": ({"type": "http.response.bdoy"}, "http.response.bdoy"),
    "no type": ({"body": b"text"}, "type"),
    "not a dictionary": (b"text", "dict"),
}


def refusal(server: ApplicationServer, key: str, index: int) -> dict[str, Any]:
    notes = server.notes(key, 2)
    assert notes[1] == "end", f"more than one message was refused: {notes}"
    assert notes[0]["index"] == index
    return notes[0]


def is_sentence_about(text: str, name: str) -> bool:
    return name in text and len(text.split()) >= 4


@pytest.mark.parametrize("case", REFUSED_AT_START)
def test_refused_at_the_start(served: ApplicationServer, key: str, case: str) -> None:
    """The application may still answer properly afterwards: what was refused has changed nothing."""
    message, name = REFUSED_AT_START[case]
    response = asked(served, script(key, message, start(201), body(b"after all")))
    assert (response.status, response.body) == (201, b"after all")
    refused = refusal(served, key, 0)
    assert is_sentence_about(refused["text"], name), refused
    assert "OSError" not in refused["bases"], "that would look like a client that has left"


@pytest.mark.parametrize("case", REFUSED_AFTER_START)
def test_refused_after_the_start(served: ApplicationServer, key: str, case: str) -> None:
    message, name = REFUSED_AFTER_START[case]
    response = asked(served, script(key, start(201), more(b"before, "), message, body(b"after")))
    assert (response.status, response.body) == (201, b"before, after")
    refused = refusal(served, key, 2)
    assert is_sentence_about(refused["text"], name), refused
    assert "OSError" not in refused["bases"]


def test_refused_and_not_caught_is_an_error_of_the_application(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start("200"), route="strict-script"))
    assert response.status == 500
    assert "status" not in response.body.decode(), "clients are not told what went wrong"
    served.wait_for_output(r"^Traceback")


def test_more_keys_are_accepted(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(200, [], future=1, trailers=False), body(b"a", more_body=True, other=None), body(b"b", and_="so on")))
    assert (response.status, response.body) == (200, b"ab")
    assert served.note(key) == "end"


@pytest.mark.parametrize("messages, expected", [
    ([{"type": START, "status": 200}, {"type": BODY, "body": b"x"}], b"x"),
    ([start(), {"type": BODY}], b""),
    ([start(), {"type": BODY, "more_body": True}, body(b"x")], b"x"),
    ([start(), more(b""), more(b""), body(b"")], b""),
    ([start(), body(b"x", more_body=False)], b"x"),
], ids=["no headers", "no body", "no body but more", "empty bodies", "said to be the last"])
def test_keys_with_defaults(served: ApplicationServer, key: str, messages: list[object], expected: bytes) -> None:
    response = asked(served, script(key, *messages))
    assert (response.status, response.body) == (200, expected)
    assert served.note(key) == "end"


def test_after_the_last_body_messages_are_ignored(served: ApplicationServer, key: str) -> None:
    response = asked(served, script(key, start(), body(b"whole"), body(b"late"), body(b"later", more_body=True), start(500)))
    assert (response.status, response.body) == (200, b"whole")
    assert served.note(key) == "end"


@pytest.mark.parametrize("kind", ["list of lists", "tuple of tuples", "generator", "iterable", "items of a dictionary", "map"])
def test_iterables_of_headers(served: ApplicationServer, kind: str) -> None:
    response = asked(served, "/headers-of-every-kind?" + quote(repr(kind)))
    assert response.status == 200
    assert [pair for pair in response.fields if pair[0].startswith("x-")] == [("x-one", "1"), ("x-two", "2")]


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview"])
def test_kinds_of_bytes(served: ApplicationServer, kind: str) -> None:
    """Frameworks pass views through; a buffer that is changed after `send` changes nothing that was sent."""
    assert asked(served, "/bodies-of-every-kind?" + quote(repr(kind))).body == b"content"


def test_status_of_the_standard_library(served: ApplicationServer) -> None:
    assert asked(served, "/status-of-every-kind?0").status == 418


def test_one_dictionary_for_all_messages(served: ApplicationServer) -> None:
    assert asked(served, "/message-reused?0").body == b"012."


def test_exception_of_the_applications_own_iterable(served: ApplicationServer, key: str) -> None:
    response = asked(served, "/headers-that-raise?" + quote(repr(key)))
    assert response.body == b"recovered"
    assert served.note(key)["name"] == "LookupError"


def test_fields_of_the_application_come_in_order_with_duplicates(served: ApplicationServer, key: str) -> None:
    headers = [(b"x-b", b"1"), (b"Set-Cookie", b"a=1"), (b"X-A", b"2"), (b"set-cookie", b"b=2"), (b"x-b", b""), (b"x-high", b"\xe9")]
    response = asked(served, script(key, start(200, headers), body(b"x")))
    own = [pair for pair in response.fields if pair[0] in ("x-a", "x-b", "set-cookie", "x-high")]
    assert own == [(name.decode().lower(), value.decode("latin-1")) for name, value in headers]


@pytest.mark.parametrize("status", [200, 201, 299, 400, 404, 418, 451, 500, 503, 599])
def test_status(served: ApplicationServer, key: str, status: int) -> None:
    assert asked(served, script(key, start(status), body(b"x"))).status == status
