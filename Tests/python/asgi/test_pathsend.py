"""`http.response.pathsend`: the server sends a file by its path, whole, and says when it cannot."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from application_server import ApplicationServer
from asgi.script import asked
from raw_http import Connection, get

APPLICATION = "files:application"
LARGE_BYTES = 20 << 20


def content(size: int) -> bytes:
    """Not a repetition, so that misplaced pieces show."""
    return hashlib.shake_256(b"content").digest(size)


def target(key: str, path: object, headers: object = ()) -> str:
    return "/pathsend?" + quote(repr((key, path, headers)), safe="")


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("has_length", [True, False], ids=["length", "no length"])
def test_sizes(served: ApplicationServer, key: str, tmp_path: Path, size: int, has_length: bool) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(size))
    headers = [(b"content-length", b"%d" % size), (b"x-own", b"1")] if has_length else [(b"x-own", b"1")]
    response = asked(served, target(key, str(file), headers))
    assert (response.status, response.field("x-own")) == (200, "1")
    assert response.body == content(size)
    assert served.note(key) == "sent"


@pytest.mark.parametrize("receive_buffer", [None, 16384], ids=["fast", "slow"])
def test_large_file(served: ApplicationServer, key: str, tmp_path: Path, receive_buffer: int | None) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(LARGE_BYTES))
    assert served.ask("/hello").status == 200
    before = served.resident_bytes
    with Connection(served.address, timeout=30, receive_buffer=receive_buffer) as connection:
        connection.send(get(target(key, str(file), [(b"content-length", b"%d" % LARGE_BYTES)])))
        assert connection.response().body == content(LARGE_BYTES)
        assert connection.request(get("/hello")).body == b"hello"
    assert served.resident_bytes - before < LARGE_BYTES // 2


def test_name_that_is_not_ascii(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "Größe 🐦"
    file.write_bytes(b"content")
    assert asked(served, target(key, str(file))).body == b"content"


def test_head(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    response = asked(served, target(key, str(file), [(b"content-length", b"7")]), method="HEAD")
    assert (response.status, response.field("content-length")) == (200, "7")


def test_http_1_0(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(100_000))
    assert asked(served, target(key, str(file)), version="1.0").body == content(100_000)


@pytest.mark.parametrize("make", ["missing", "directory", "unreadable", "pipe", "empty name", "zero"])
def test_what_cannot_be_sent(served: ApplicationServer, key: str, tmp_path: Path, make: str) -> None:
    """`send` raises before anything has gone out, so that the application can send another body, or fail with a 500."""
    path = tmp_path / "it"
    if make == "directory":
        path.mkdir()
    elif make == "unreadable":
        path.symlink_to(path)
    elif make == "pipe":
        os.mkfifo(path)
    elif make == "zero":
        # The name up to the zero is one that could be sent.
        path.write_bytes(b"secret")
    name = {"empty name": "", "zero": str(path) + "\0.txt"}.get(make, str(path))
    response = asked(served, target(key, name))
    assert (response.status, response.body) == (200, b"no such file")
    refused = served.note(key)
    assert "OSError" in refused["bases"] or "ValueError" in refused["bases"]
    assert refused["name"] == "FileNotFoundError" or make != "missing"


@pytest.mark.parametrize("path", [None, 5, ["x"]], ids=["none", "number", "list"])
def test_path_of_a_wrong_type(served: ApplicationServer, key: str, path: object) -> None:
    assert asked(served, target(key, path)).body == b"no such file"
    assert "path" in served.note(key)["text"]


@pytest.mark.parametrize("data", [b"hello and more", b"hel"], ids=["longer", "shorter"])
def test_file_of_another_length_than_announced(served: ApplicationServer, key: str, tmp_path: Path, data: bytes) -> None:
    """A 500, or a cut: never more than was announced, and a shorter file never looks whole."""
    file = tmp_path / "file"
    file.write_bytes(data)
    with Connection(served.address) as connection:
        connection.send(get(target(key, str(file), [(b"content-length", b"5")])) + get("/hello", "Connection: close"))
        received = connection.rest()
    head, _, rest = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200 "):
        assert data[:5].startswith(rest[:5])
        assert rest[5:] == b"" or (len(data) > 5 and rest[5:].startswith(b"HTTP/1.1 200 "))
    else:
        assert received == b"" or head.startswith(b"HTTP/1.1 500 ")


def test_client_that_leaves_in_the_middle(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(LARGE_BYTES))
    for _ in range(20):
        with Connection(served.address, receive_buffer=16384) as connection:
            connection.send(get(target(key, str(file))))
            assert connection.socket.recv(1000)
    for note in served.notes(key, 20):
        assert note == "sent" or "OSError" in note["bases"]
    assert int(served.ask("/descriptors").body) == 0


def test_descriptors_are_closed(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    with Connection(served.address) as connection:
        for _ in range(50):
            assert connection.request(get(target(key, str(file)))).body == b"content"
    assert int(served.ask("/descriptors").body) == 0
