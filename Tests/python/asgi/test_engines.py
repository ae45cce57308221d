"""Both engines serve the same: a request of each kind, and a stop, on io_uring and on epoll."""
from __future__ import annotations

import ast
from pathlib import Path
from urllib.parse import quote

from application_server import ApplicationServer, seconds_until_stopped
from asgi.conftest import APPLICATIONS
from asgi.script import body, more, script, start
from raw_http import Connection, chunked, get, post

ENGINE_NAMES = {"uring": "io_uring", "epoll": "epoll"}


def test_engine(engine: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 1000)
    server = ApplicationServer("engines:application", "--engine", engine, directory=APPLICATIONS)
    try:
        assert ENGINE_NAMES[engine] in server.output, "the log does not say which engine runs"
        with Connection(server.address) as connection:
            assert connection.request(get("/hello")).body == b"hello"
            assert connection.request(post(bytes(500_000))).body == bytes(500_000)
            assert connection.request(chunked(b"x" * 100_000, 999)).body == b"x" * 100_000
            assert connection.request(get(script("key", start(), more(b"a"), body(b"b")))).body == b"ab"
            assert connection.request(get("/pathsend?" + quote(repr(("key", str(file), []))))).body == file.read_bytes()
            connection.send(get("/sleep?20") + get("/hello"))
            assert [connection.response().body, connection.response().body] == [b"slept 20", b"hello"]
        with Connection(server.address) as connection:
            connection.send(get("/leaving?leaving"))
            server.notes("leaving", 2)
        assert server.notes("leaving", 4)[-1] == {"type": "http.disconnect"}
        with Connection(server.address) as connection:
            connection.send(get("/flood?" + quote(repr(("flood", 1600)))))
            assert "blocked at" in server.note("flood")
        assert server.notes("flood", 2)[1]["name"] == "ClientDisconnected"
        assert ast.literal_eval(server.ask("/threads").body.decode()) == "in a thread"
        with Connection(server.address) as connection:
            connection.send(get("/sleep?300"))
            assert server.ask("/hello").body == b"hello"
            server.signal(15)
            assert connection.response().body == b"slept 300"
        assert seconds_until_stopped(server) < 5
        assert not server.has_logged_an_error, server.output
    finally:
        server.finish()
