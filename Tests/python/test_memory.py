"""What the server costs in memory: at rest, and for each connection that says nothing.

PSS counts a page that several processes share by parts, so a server that runs beside others of its program looks smaller, never larger.
"""
from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

import pytest

from crowd import Crowd, raise_descriptor_limit
from raw_http import Connection, get
from server_process import Server

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


def test_at_rest(server: StartServer) -> None:
    running = server()
    with Connection(running.address) as connection:
        assert connection.request(get("/")).status == 200
    assert pss(running) <= REST_BYTES_MAX


def test_idle_connections(server: StartServer) -> None:
    """Ten thousand that have had one answer each and keep the connection."""
    raise_descriptor_limit(IDLE_CONNECTIONS)
    running = server("--timeout-keep-alive", "120", "--timeout-header", "120")
    with Crowd(running.address, WARM_UP_CONNECTIONS) as few:
        for _ in range(WARM_UP_ROUNDS):
            assert few.ask(get("/")) == WARM_UP_CONNECTIONS
    before = pss(running)
    with Crowd(running.address, IDLE_CONNECTIONS) as crowd:
        assert crowd.ask(get("/")) == IDLE_CONNECTIONS
        idle = pss(running)
        # All of them are still there, and served.
        assert crowd.ask(get("/")) == IDLE_CONNECTIONS
    per_connection = (idle - before) / IDLE_CONNECTIONS
    print(f"{before} bytes before, {idle} with {IDLE_CONNECTIONS} idle connections: {per_connection:.0f} bytes each")
    assert per_connection <= IDLE_BYTES_PER_CONNECTION_MAX
    assert idle <= IDLE_TOTAL_BYTES_MAX


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
