"""What the server costs in memory: at rest, and for each connection that says nothing.

PSS counts a page that several processes share by parts, and the program's text as far as it is mapped. The kernel maps more of a file that was just
written (its cache is in large pieces then: 2 MB more) than of one that was read, so these servers run from a copy that nobody shares, read from disk.
"""
from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from crowd import Crowd, raise_descriptor_limit
from raw_http import Connection, get
from server_process import PROGRAM, Server

StartServer = Callable[..., Server]
REST_BYTES_MAX = 4_500_000
IDLE_CONNECTIONS = 10_000
IDLE_BYTES_PER_CONNECTION_MAX = 256
IDLE_TOTAL_BYTES_MAX = 8_000_000
# So many that each core has used every one of its receive buffers.
WARM_UP_CONNECTIONS = 64
WARM_UP_ROUNDS = 60


def pss(server: Server) -> int:
    """Bytes of memory that are the server's own, with its part of what it shares."""
    rollup = Path(f"/proc/{server.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)[1]) * 1024


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy whose pages are not in the kernel's cache."""
    copy = tmp_path / "martlet-hello"
    shutil.copy(PROGRAM, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return copy


def test_at_rest(server: StartServer, program: Path) -> None:
    running = server(program=program)
    with Connection(running.address) as connection:
        assert connection.request(get("/")).status == 200
    assert pss(running) <= REST_BYTES_MAX


@dataclass
class Idle:
    """Bytes of the server's own memory: after a load, and then with idle connections."""

    before: int
    after: int


@pytest.fixture
def idle(server: StartServer, program: Path) -> Idle:
    """Ten thousand connections that have had one answer each and are kept."""
    raise_descriptor_limit(IDLE_CONNECTIONS)
    running = server("--timeout-keep-alive", "120", "--timeout-header", "120", program=program)
    with Crowd(running.address, WARM_UP_CONNECTIONS) as few:
        for _ in range(WARM_UP_ROUNDS):
            assert few.ask(get("/")) == WARM_UP_CONNECTIONS
    before = pss(running)
    with Crowd(running.address, IDLE_CONNECTIONS) as crowd:
        assert crowd.ask(get("/")) == IDLE_CONNECTIONS
        after = pss(running)
        # All of them are still there, and served.
        assert crowd.ask(get("/")) == IDLE_CONNECTIONS
    print(f"{before} bytes before, {after} with {IDLE_CONNECTIONS}: {(after - before) / IDLE_CONNECTIONS:.0f} bytes each")
    return Idle(before, after)


def test_each_idle_connection(idle: Idle) -> None:
    assert idle.after - idle.before <= IDLE_CONNECTIONS * IDLE_BYTES_PER_CONNECTION_MAX


def test_all_with_idle_connections(idle: Idle) -> None:
    assert idle.after <= IDLE_TOTAL_BYTES_MAX


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHos"], ids=["nothing", "half-a-head"])
def test_connections_that_come_and_go_leave_nothing(server: StartServer, sent: bytes) -> None:
    running = server()

    def wave() -> None:
        with Crowd(running.address, 1000) as crowd:
            crowd.send(sent or get("/"))
            if not sent:
                assert crowd.answers() == 1000

    wave()
    wave()
    before = pss(running)
    for _ in range(5):
        wave()
    # Not exact: which core gets how many is the kernel's choice, and each keeps what its largest wave took.
    assert pss(running) - before <= 5 * 1000 * 4096 // 4
