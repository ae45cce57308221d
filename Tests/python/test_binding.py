"""Where the server listens: every address family, several at once, and clear words when it cannot."""
from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, get
from server_process import Server, run_to_end

StartServer = Callable[..., Server]


@pytest.fixture
def short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Paths of Unix sockets have at most 107 bytes, so it is relative."""
    monkeypatch.chdir(tmp_path)
    return "server.sock"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_port_zero_takes_any_and_prints_it(server: StartServer) -> None:
    first, second = server("--bind", "127.0.0.1:0"), server("--bind", "127.0.0.1:0")
    assert first.port != second.port
    for running in (first, second):
        with Connection(running.address) as connection:
            assert connection.request(get("/")).status == 200


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6(server: StartServer) -> None:
    running = server("--bind", "[::1]:0")
    assert running.url.startswith("http://[::1]:")
    with Connection(running.address) as connection:
        assert connection.request(get("/")).body == b"Hello, World!"


def test_unix(server: StartServer, short_path: str) -> None:
    running = server("--bind", f"unix:{short_path}")
    assert running.url == f"unix:{short_path}"
    connections = [Connection(short_path) for _ in range(20)]
    for connection in connections:
        with connection:
            assert connection.request(get("/")).body == b"Hello, World!"
    assert running.stop() == 0
    assert not os.path.exists(short_path)


def test_unix_socket_of_a_dead_server_is_replaced(server: StartServer, short_path: str) -> None:
    dead = server("--bind", f"unix:{short_path}")
    dead.kill()
    assert os.path.exists(short_path)
    server("--bind", f"unix:{short_path}")
    with Connection(short_path) as connection:
        assert connection.request(get("/")).status == 200


def test_unix_path_that_is_a_file_is_left_alone(engine: str, short_path: str) -> None:
    Path(short_path).write_text("precious")
    result = run_to_end("--engine", engine, "--bind", f"unix:{short_path}")
    assert result.returncode not in (0, 2)
    assert short_path in result.stderr
    assert Path(short_path).read_text() == "precious"


def test_several_at_once(server: StartServer, short_path: str) -> None:
    running = server("--bind", "127.0.0.1:0", "--bind", "127.0.0.1:0", "--bind", f"unix:{short_path}")
    assert len(set(running.addresses)) == 3
    for address in running.addresses:
        target = address[5:] if address.startswith("unix:") else ("127.0.0.1", int(address.rsplit(":", 1)[1]))
        with Connection(target) as connection:
            assert connection.request(get("/")).status == 200


def test_port_in_use(engine: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = run_to_end("--engine", engine, "--bind", f"127.0.0.1:{port}")
    # Not a wrong option, so not 2.
    assert result.returncode not in (0, 2)
    assert result.returncode > 0
    assert f"127.0.0.1:{port}" in result.stderr
    assert "in use" in result.stderr
    assert "Fatal error" not in result.stderr


def test_address_of_somebody_else(engine: str) -> None:
    result = run_to_end("--engine", engine, "--bind", "192.0.2.1:0")
    assert result.returncode > 0
    assert "192.0.2.1" in result.stderr


def test_port_is_free_again_at_once(server: StartServer) -> None:
    first = server()
    with Connection(first.address) as connection:
        assert connection.request(get("/")).status == 200
        port = first.port
        first.kill()
    assert server("--bind", f"127.0.0.1:{port}").port == port


def test_every_core_answers(server: StartServer) -> None:
    running = server("--cores", ",".join(map(str, sorted(os.sched_getaffinity(0)))))
    for _ in range(50):
        with Connection(running.address) as connection:
            assert connection.request(get("/")).status == 200
