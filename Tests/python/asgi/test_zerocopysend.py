"""`http.response.zerocopysend`: pieces of an open file, from where the message says, mixed with ordinary body; the file stays the application's."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from application_server import ApplicationServer
from asgi.script import asked
from raw_http import Connection, get

APPLICATION = "files:application"
LARGE_BYTES = 20 << 20


def content(size: int) -> bytes:
    return hashlib.shake_256(b"content").digest(size)


def target(route: str, *arguments: object) -> str:
    return f"/{route}?" + quote(repr(arguments), safe="")


@pytest.fixture
def digits(tmp_path: Path) -> str:
    file = tmp_path / "digits"
    file.write_bytes(b"0123456789")
    return str(file)


@pytest.mark.parametrize("parts, expected, position", [
    ([{}], b"0123456789", 10),
    ([{"offset": 3}], b"3456789", 0),
    ([{"count": 4}], b"0123", 4),
    ([{"offset": 2, "count": 3}], b"234", 0),
    ([{"offset": None, "count": None}], b"0123456789", 10),
    ([{"count": 4}, {"count": 3}], b"0123456", 7),
    ([{"count": 4}, {"offset": 0, "count": 2}, {}], b"012301456789", 10),
    ([b"<", {"count": 2}, b"|", {"offset": 8}, b">"], b"<01|89>", 2),
    ([{"count": 0}, b"x"], b"x", 0),
    ([{"offset": 10}, b"x"], b"x", 0),
    ([{"count": 100}, b"x"], b"0123456789x", 10),
], ids=str)
def test_parts(served: ApplicationServer, key: str, digits: str, parts: list[object], expected: bytes, position: int) -> None:
    """Without `offset` the file's own position counts, and moves on; with it, it stays."""
    response = asked(served, target("zerocopysend", key, digits, parts))
    assert (response.status, response.body) == (200, expected)
    assert served.note(key) == {"position": position}


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")]], ids=["no length", "length"])
def test_file_is_the_whole_body(served: ApplicationServer, key: str, digits: str, headers: list[object]) -> None:
    response = asked(served, target("zerocopysend-last", key, digits, headers, {}))
    assert response.body == b"0123456789"
    assert served.notes(key, 2) == ["sent", {"closed": False, "readable": 1}]


def test_large_file_and_a_slow_reader(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    """The application closes the file when `send` has returned; what is still under way must not depend on it."""
    file = tmp_path / "file"
    file.write_bytes(content(LARGE_BYTES))
    parts = [{"offset": LARGE_BYTES // 2, "count": LARGE_BYTES // 2}, b"--", {"count": LARGE_BYTES // 2}]
    with Connection(served.address, timeout=30, receive_buffer=16384) as connection:
        body = connection.request(get(target("zerocopysend", key, str(file), parts))).body
    assert body == content(LARGE_BYTES)[LARGE_BYTES // 2:] + b"--" + content(LARGE_BYTES)[:LARGE_BYTES // 2]


def test_head(served: ApplicationServer, key: str, digits: str) -> None:
    assert asked(served, target("zerocopysend-last", key, digits, [(b"content-length", b"10")], {}), method="HEAD").field("content-length") == "10"


def test_http_1_0(served: ApplicationServer, key: str, digits: str) -> None:
    assert asked(served, target("zerocopysend", key, digits, [{"count": 4}, b"!"]), version="1.0").body == b"0123!"


@pytest.mark.parametrize("message, name", [
    ({}, "file"),
    ({"file": None}, "file"),
    ({"file": "/etc/hostname"}, "file"),
    ({"file": b"bytes"}, "file"),
], ids=str)
def test_what_is_no_file(served: ApplicationServer, key: str, message: dict[str, Any], name: str) -> None:
    response = asked(served, target("zerocopysend-wrong", key, message))
    assert (response.status, response.body) == (200, b"refused")
    assert name in served.note(key)["text"]


@pytest.mark.parametrize("part, name", [
    ({"offset": -1}, "offset"), ({"offset": "1"}, "offset"), ({"count": -1}, "count"), ({"count": 1.5}, "count"), ({"offset": 1 << 70}, "offset"),
], ids=str)
def test_wrong_numbers(served: ApplicationServer, key: str, digits: str, part: dict[str, Any], name: str) -> None:
    assert asked(served, target("zerocopysend-last", key, digits, [], part)).status == 500
    assert name in served.note(key)["text"]


def test_longer_than_its_length(served: ApplicationServer, key: str, digits: str) -> None:
    with Connection(served.address) as connection:
        connection.send(get(target("zerocopysend-last", key, digits, [(b"content-length", b"4")], {}), "Connection: close"))
        received = connection.rest()
    assert b"4567" not in received.partition(b"\r\n\r\n")[2]


def test_client_that_leaves_in_the_middle(served: ApplicationServer, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(LARGE_BYTES))
    for _ in range(20):
        with Connection(served.address, receive_buffer=16384) as connection:
            connection.send(get(target("zerocopysend-last", key, str(file), [], {})))
            assert connection.socket.recv(1000)
    served.notes(key, 20)
    assert int(served.ask("/descriptors").body) == 0
