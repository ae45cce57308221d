"""Applications in every shape: functions, instances, partial ones, factories, nested attributes, and the two callables of ASGI 2."""
from __future__ import annotations

import pytest

from asgi.conftest import Serve
from raw_http import post
from raw_http import Connection


@pytest.mark.parametrize("attribute, options", [
    ("plain", ()),
    ("instance", ()),
    ("partial", ()),
    ("Nested.attribute", ()),
    ("make", ("--factory",)),
    ("LegacyClass", ()),
    ("LegacyClass", ("--interface", "asgi2")),
    ("legacy_function", ("--interface", "asgi2")),
    ("wrapped", ("--interface", "asgi3")),
], ids=lambda value: value if isinstance(value, str) else "_".join(value))
def test_serves(serve: Serve, attribute: str, options: tuple[str, ...]) -> None:
    server = serve(f"interfaces:{attribute}", *options)
    assert server.ask("/hello").body == b"hello"
    with Connection(server.address) as connection:
        assert connection.request(post(b"body")).body == b"body"
    assert server.stop() == 0
    assert not server.has_logged_an_error, server.output


def test_version_that_asgi_2_is_told(serve: Serve) -> None:
    assert serve("interfaces:LegacyClass").ask("/version").body in (b"2.0", b"3.0")


def test_legacy_application_that_cannot_be_made(serve: Serve) -> None:
    server = serve("interfaces:legacy_that_fails", "--interface", "asgi2")
    assert server.ask("/hello").status == 500
    server.wait_for_output(r"^Traceback [\s\S]*ValueError: no instance for this scope")
