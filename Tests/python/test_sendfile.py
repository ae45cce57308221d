"""/sendfile?NAME sends a file of --root DIR, and nothing outside of it."""
from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, get
from server_process import Server

ESCAPES = [
    "../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "folder/../../secret.txt", "./../secret.txt", "..\\secret.txt",
    "../root-beside/secret.txt", "/etc/passwd", "//etc/passwd", "%2fetc/passwd", "link-out", "small.txt%00", "..", ".", "",
]


@pytest.mark.parametrize("name", ["empty", "small.txt", "large.bin"])
def test_file(connection: Connection, root: Path, name: str) -> None:
    response = connection.request(get(f"/sendfile?{name}"))
    assert response.status == 200
    assert response.field("content-length") == str((root / name).stat().st_size)
    assert response.body == (root / name).read_bytes()
    assert connection.request(get("/")).body == b"Hello, World!"


@pytest.mark.parametrize("name", ["empty", "small.txt", "large.bin"])
def test_head(connection: Connection, root: Path, name: str) -> None:
    response = connection.request(get(f"/sendfile?{name}", method="HEAD"))
    assert response.status == 200
    assert response.field("content-length") == str((root / name).stat().st_size)
    assert connection.request(get("/")).body == b"Hello, World!"


def test_missing(connection: Connection) -> None:
    assert connection.request(get("/sendfile?absent")).status == 404
    assert connection.request(get("/")).status == 200


def test_directory_is_no_file(connection: Connection) -> None:
    assert connection.request(get("/sendfile?folder")).status in (403, 404)


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_outside(hello: Server, name: str) -> None:
    with Connection(hello.address) as connection:
        response = connection.request(get(f"/sendfile?{name}"))
    assert response.status in (400, 403, 404)
    assert b"secret" not in response.body
    assert b"root:" not in response.body


def test_pipelined_between_other_answers(connection: Connection, root: Path) -> None:
    connection.send((get("/") + get("/sendfile?large.bin") + get("/sendfile?small.txt")) * 3)
    for _ in range(3):
        assert connection.response().body == b"Hello, World!"
        assert connection.response().body == (root / "large.bin").read_bytes()
        assert connection.response().body == (root / "small.txt").read_bytes()


def test_slow_reader_gets_it_whole(hello: Server, root: Path) -> None:
    with Connection(hello.address, receive_buffer=65536) as connection:
        assert connection.request(get("/sendfile?large.bin")).body == (root / "large.bin").read_bytes()


def test_close_after_the_file(connection: Connection, root: Path) -> None:
    response = connection.request(get("/sendfile?large.bin", "Connection: close"))
    assert response.body == (root / "large.bin").read_bytes()
    assert connection.seconds_until_closed() < 1


def test_clients_that_leave_in_mid_file(hello: Server) -> None:
    for _ in range(20):
        with Connection(hello.address, receive_buffer=4096) as leaving:
            leaving.send(get("/sendfile?large.bin"))
            leaving.socket.recv(100)
    with Connection(hello.address) as staying:
        assert staying.request(get("/sendfile?small.txt")).status == 200


def test_descriptors_are_given_back(hello: Server) -> None:
    descriptors = Path(f"/proc/{hello.pid}/fd")
    with Connection(hello.address) as connection:
        connection.request(get("/sendfile?small.txt"))
        before = len(list(descriptors.iterdir()))
        for _ in range(100):
            connection.request(get("/sendfile?small.txt"))
            connection.request(get("/sendfile?small.txt", method="HEAD"))
            connection.request(get("/sendfile?absent"))
        assert len(list(descriptors.iterdir())) <= before + 2


def test_file_that_shrinks_is_cut_visibly(server: Callable[..., Server], tmp_path: Path) -> None:
    """The promised length cannot be kept: the client must see that, never a made-up end."""
    file = tmp_path / "shrinking"
    file.write_bytes(b"x" * (32 << 20))
    running = server("--root", str(tmp_path))
    with Connection(running.address, receive_buffer=4096) as connection:
        connection.send(get("/sendfile?shrinking"))
        connection.socket.recv(10)
        file.write_bytes(b"x")
        assert len(connection.rest()) < 32 << 20
    with Connection(running.address) as other:
        assert other.request(get("/")).status == 200
