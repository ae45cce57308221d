"""Where the application is mounted: `path` includes `root_path`, whether the proxy in front strips the prefix or not."""
from __future__ import annotations

import ast

import pytest

from application_server import ApplicationServer
from raw_http import Connection, get

APPLICATION = "scopes:application"
OPTIONS = ("--root-path", "/pre")


@pytest.mark.parametrize("received, path", [
    ("/x", "/pre/x"),
    ("/pre/x", "/pre/x"),
    ("/pre", "/pre"),
    ("/pre/", "/pre/"),
    ("/", "/pre/"),
    ("/prefix", "/pre/prefix"),
    ("/pre%2Fx", "/pre/x"),
    ("/%70re/x", "/pre/x"),
    ("/x/pre/y", "/pre/x/pre/y"),
    ("/Pre/x", "/pre/Pre/x"),
    ("/caf%C3%A9", "/pre/café"),
])
def test_path_includes_the_root(connection: Connection, received: str, path: str) -> None:
    scope = ast.literal_eval(connection.request(get(received + "?q")).body.decode())["scope"]
    assert (scope["path"], scope["root_path"], scope["query_string"]) == (path, "/pre", b"q")


def test_raw_path_is_what_was_received(served: ApplicationServer) -> None:
    for received in ["/a%20b", "/pre/a%20b"]:
        scope = ast.literal_eval(served.ask(received).body.decode())["scope"]
        assert scope["raw_path"] == received.encode()
