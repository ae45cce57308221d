"""What the application is told about a request: types and values of the scope, to the letter of ASGI www 2.5."""
from __future__ import annotations

import ast
import socket
from pathlib import Path
from typing import Any

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, Response, get

APPLICATION = "scopes:application"


def scope_of(response: Response) -> dict[str, Any]:
    assert response.status == 200
    return ast.literal_eval(response.body.decode())["scope"]


@pytest.fixture
def scope(connection: Connection) -> dict[str, Any]:
    return scope_of(connection.request(get("/some/path?a=b")))


def test_is_a_dictionary_of_its_own_type(served: ApplicationServer) -> None:
    facts = ast.literal_eval(served.ask("/").body.decode())
    assert facts["is_dict"]
    assert facts["has_state"]
    assert facts["scope"]["type"] == "http"


def test_versions(scope: dict[str, Any]) -> None:
    assert scope["asgi"]["version"] == "3.0"
    assert scope["asgi"]["spec_version"] == "2.5"


def test_method_scheme_and_path(scope: dict[str, Any]) -> None:
    assert (scope["method"], scope["scheme"], scope["http_version"]) == ("GET", "http", "1.1")
    assert (scope["path"], scope["raw_path"], scope["query_string"], scope["root_path"]) == ("/some/path", b"/some/path", b"a=b", "")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY", "X-OWN"])
def test_methods_are_passed_on(connection: Connection, method: str) -> None:
    assert scope_of(connection.request(get("/", method=method, *["Content-Length: 0"])))["method"] == method


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_version_of_the_protocol(connection: Connection, version: str) -> None:
    assert scope_of(connection.request(get("/", version=version)))["http_version"] == version


@pytest.mark.parametrize("raw, decoded", [
    ("/", "/"),
    ("/a%20b", "/a b"),
    ("/a+b", "/a+b"),
    ("/%E2%82%AC", "/€"),
    ("/%F0%9F%90%A6/x", "/🐦/x"),
    ("/a%2Fb", "/a/b"),
    ("/%25", "/%"),
    ("/a%00b", "/a\0b"),
    ("//double//slash", "//double//slash"),
    ("/./../dots", "/./../dots"),
    ("/semi;colon=1", "/semi;colon=1"),
    ("/lower%c3%a9", "/loweré"),
    ("/literal%3Fquestion", "/literal?question"),
])
def test_path_is_decoded_and_raw_path_is_not(connection: Connection, raw: str, decoded: str) -> None:
    scope = scope_of(connection.request(get(raw + "?q=1")))
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (decoded, raw.encode(), b"q=1")


@pytest.mark.parametrize("raw", ["/%FF", "/%E2%82", "/%C0%AF"])
def test_path_that_is_not_utf_8(connection: Connection, raw: str) -> None:
    """Refused, or given to the application without loss in raw_path; never a connection that dies without an answer."""
    response = connection.request(get(raw))
    assert response.status in (200, 400)
    if response.status == 200:
        scope = scope_of(response)
        assert scope["raw_path"] == raw.encode()
        assert isinstance(scope["path"], str)


@pytest.mark.parametrize("query", [b"", b"a=1&a=2", b"%zz", b"a%20b+c", b"?", b"/?&=%", b"a" * 4000])
def test_query_is_raw_bytes(connection: Connection, query: bytes) -> None:
    assert scope_of(connection.request(get(f"/?{query.decode()}")))["query_string"] == query


def test_no_query_is_an_empty_one(connection: Connection) -> None:
    assert scope_of(connection.request(get("/path")))["query_string"] == b""


@pytest.mark.parametrize("target, path, query", [
    ("http://example.org/abs/path?x=1", "/abs/path", b"x=1"),
    ("http://example.org", "/", b""),
    ("http://example.org?x", "/", b"x"),
])
def test_absolute_form(connection: Connection, target: str, path: str, query: bytes) -> None:
    scope = scope_of(connection.request(f"GET {target} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode()))
    assert (scope["path"], scope["query_string"]) == (path, query)


def test_options_of_the_server(connection: Connection) -> None:
    scope = scope_of(connection.request(get("*", method="OPTIONS")))
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("OPTIONS", "*", b"*")


def test_headers_keep_order_duplicates_and_values(connection: Connection) -> None:
    lines = ["X-B: 2", "X-A: 1", "Cookie: a=1", "X-B: 1, 3", "cookie: b=2", "X-Empty:", "X-Space:  in  between  ", "X_Under: u"]
    scope = scope_of(connection.request(get("/", *lines)))
    assert [tuple(pair) for pair in scope["headers"]] == [
        (b"host", b"localhost"), (b"x-b", b"2"), (b"x-a", b"1"), (b"cookie", b"a=1"), (b"x-b", b"1, 3"), (b"cookie", b"b=2"),
        (b"x-empty", b""), (b"x-space", b"in  between"), (b"x_under", b"u"),
    ]


def test_header_values_are_bytes_as_received(connection: Connection) -> None:
    value = bytes(range(0x80, 0x100))
    connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-High: " + value + b"\r\n\r\n")
    assert dict(map(tuple, scope_of(connection.response())["headers"]))[b"x-high"] == value


def test_framing_fields_are_shown_too(connection: Connection) -> None:
    names = [name for name, _ in scope_of(connection.request(get("/", "Content-Length: 3", "Connection: keep-alive", method="POST") + b"abc"))["headers"]]
    assert names == [b"host", b"content-length", b"connection"]


def test_client_and_server(served: ApplicationServer) -> None:
    with Connection(served.address) as connection:
        host, port = connection.socket.getsockname()
        scope = scope_of(connection.request(get("/")))
    assert tuple(scope["client"]) == (host, port)
    assert tuple(scope["server"]) == served.address
    assert type(scope["client"][1]) is int and type(scope["server"][1]) is int


def test_ipv6(serve: Serve) -> None:
    with Connection(serve(APPLICATION, "--host", "::1").address) as connection:
        host, port = connection.socket.getsockname()[:2]
        scope = scope_of(connection.request(get("/")))
        assert tuple(scope["client"]) == (host, port)
        assert tuple(scope["server"]) == connection.socket.getpeername()[:2]


def test_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with Connection(serve(APPLICATION, "--uds", path).address) as connection:
        scope = scope_of(connection.request(get("/")))
    assert tuple(scope["server"]) == (path, None)
    assert scope.get("client") is None


def test_listening_socket_of_the_parent(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = serve(APPLICATION, "--fd", str(listener.fileno()), descriptors=(listener.fileno(),))
        address = listener.getsockname()
        with Connection(address) as connection:
            assert tuple(scope_of(connection.request(get("/")))["server"]) == address
        server.stop()


def test_extensions_that_are_named_are_those_that_work(scope: dict[str, Any]) -> None:
    """`websocket.http.response` and `tls` belong to other connections; `debug` and `push` are never offered."""
    extensions = scope["extensions"]
    assert set(extensions) == {
        "http.response.pathsend", "http.response.zerocopysend", "http.response.trailers", "http.response.early_hint",
    }
    assert all(value == {} for value in extensions.values())


def test_early_hints_are_not_offered_to_http_1_0(connection: Connection) -> None:
    assert "http.response.early_hint" not in scope_of(connection.request(get("/", version="1.0"))).get("extensions", {})


def test_each_request_has_a_scope_of_its_own(connection: Connection) -> None:
    """Nothing that the first request brought is there in the second, on the same connection."""
    connection.request(get("/first?query", "X-First: 1"))
    scope = scope_of(connection.request(get("/second")))
    assert (scope["path"], scope["query_string"], [name for name, _ in scope["headers"]]) == ("/second", b"", [b"host"])
