"""Fields that the server adds to an answer: Date and Server unless they are not wanted, and those that an option names."""
from __future__ import annotations

from email.utils import parsedate_to_datetime

from asgi.conftest import Serve
from asgi.script import asked, body, more, script, start


def test_date_and_server(serve: Serve) -> None:
    response = serve("sending:application").ask("/hello")
    assert parsedate_to_datetime(response.field("date")).year >= 2026
    assert "martlet" in response.field("server").lower()


def test_neither_is_wanted(serve: Serve) -> None:
    server = serve("sending:application", "--no-date-header", "--no-server-header")
    for target in ["/hello", "/nothing", script("key", start(), more(b"a"), body(b"b"))]:
        response = asked(server, target)
        assert (response.field("date"), response.field("server")) == (None, None)


def test_fields_of_an_option(serve: Serve) -> None:
    server = serve("sending:application", "--header", "X-First: 1", "--header", "X-Second:two words")
    for target in ["/hello", script("key", start(), more(b"a"), body(b"b")), script("key", start(204), body())]:
        response = asked(server, target)
        assert (response.field("x-first"), response.field("x-second")) == ("1", "two words")
