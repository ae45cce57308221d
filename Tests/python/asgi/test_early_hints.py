"""`http.response.early_hint`: a 103 before the answer, while the answer is being made; nothing for clients that do not know it."""
from __future__ import annotations

import pytest

from application_server import ApplicationServer
from asgi.script import asked, body, more, script, start
from raw_http import Connection, get, post

APPLICATION = "hinting:application"
STYLE = b"</style.css>; rel=preload; as=style"
SCRIPT = b"</script.js>; rel=preload; as=script"


def hint(*links: object) -> dict[str, object]:
    return {"type": "http.response.early_hint", "links": list(links)}


def links(fields: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in fields if name == "link"]


def test_comes_before_the_answer_is_made(served: ApplicationServer, connection: Connection, key: str) -> None:
    connection.send(get(f"/hint-then-wait?{key}"))
    early = connection.response()
    assert (early.status, links(early.fields)) == (103, [STYLE.decode()])
    served.open_gate(key)
    final = connection.response()
    assert (final.status, final.body) == (200, b"made")
    assert connection.request(get("/hello")).body == b"hello"


def test_several_links_and_several_hints(connection: Connection, key: str) -> None:
    connection.send(get(script(key, hint(STYLE, SCRIPT), hint(STYLE), start(), body(b"x"))))
    first, second, final = connection.response(), connection.response(), connection.response()
    assert (first.status, ", ".join(links(first.fields))) == (103, f"{STYLE.decode()}, {SCRIPT.decode()}")
    assert (second.status, links(second.fields)) == (103, [STYLE.decode()])
    assert (final.status, final.body, links(final.fields)) == (200, b"x", [])


def test_not_for_http_1_0(served: ApplicationServer, key: str) -> None:
    """It does not know interim answers: the hint is dropped or refused, and the answer is there."""
    assert asked(served, script(key, hint(STYLE), start(), body(b"x")), version="1.0").status == 200


def test_in_the_middle_of_the_answer_it_is_too_late(served: ApplicationServer, key: str) -> None:
    """Whether it is refused or dropped: it is not written into the body."""
    response = asked(served, script(key, start(), more(b"a"), hint(STYLE), body(b"b")))
    assert (response.status, response.body) == (200, b"ab")


@pytest.mark.parametrize("message", [
    {"type": "http.response.early_hint"}, {"type": "http.response.early_hint", "links": 3}, hint("text"), hint(None),
    hint(b"a\r\nx-injected: 1"), hint(b"a\nb"),
], ids=str)
def test_refused(served: ApplicationServer, key: str, message: dict[str, object]) -> None:
    response = asked(served, script(key, message, start(), body(b"x")))
    assert (response.status, response.field("x-injected")) == (200, None)
    assert "link" in served.note(key)["text"]


def test_with_continue(connection: Connection) -> None:
    connection.send(get("/hint-then-read", "Content-Length: 4", "Expect: 100-continue", method="POST"))
    assert [connection.response().status, connection.response().status] == [103, 100]
    connection.send(b"body")
    assert connection.response().body == b"body"


def test_in_a_pipeline(connection: Connection, key: str) -> None:
    connection.send(post(b"first") + get(script(key, hint(STYLE), start(), body(b"second"))) + post(b"third"))
    assert [(response.status, response.body) for response in (connection.response() for _ in range(4))] == [
        (200, b"first"), (103, b""), (200, b"second"), (200, b"third"),
    ]
