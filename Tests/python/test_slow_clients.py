"""Clients that hold half a request do not slow down the others: not a hundred, and not more than a core has receive buffers."""
from __future__ import annotations

import os
import time
from typing import Callable

import pytest

from crowd import Crowd
from raw_http import Connection, get
from server_process import Server

StartServer = Callable[..., Server]
REQUESTS = 2000
# A check of function, on machines with other work: a core that waits for a slow client would be slower by far more.
FACTOR_MAX = 5.0
SECONDS_SPARE = 0.005
HALVES = {
    "head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-",
    "length": b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc",
    "chunk": b"POST /json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc",
}
# The receive ring has 256 buffers to begin with.
CLIENTS = [100, 600]


def p99_seconds(connection: Connection) -> float:
    seconds = []
    request = get("/")
    for _ in range(REQUESTS):
        started = time.perf_counter()
        assert connection.request(request).status == 200
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[REQUESTS * 99 // 100]


@pytest.mark.parametrize("clients", CLIENTS)
@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
def test_half_requests(server: StartServer, half: bytes, clients: int) -> None:
    running = server("--cores", str(min(os.sched_getaffinity(0))), "--timeout-header", "60", "--timeout-body", "60")
    with Connection(running.address) as fast:
        p99_seconds(fast)
        alone = p99_seconds(fast)
        with Crowd(running.address, clients) as slow:
            slow.send(half)
            beside = p99_seconds(fast)
            # And while each of them sends one byte now and then.
            for each in slow.sockets[::10]:
                each.send(b"a")
            dripping = p99_seconds(fast)
    print(f"p99 {alone * 1e6:.0f} us alone, {beside * 1e6:.0f} us beside {clients}, {dripping * 1e6:.0f} us while they drip")
    assert max(beside, dripping) <= alone * FACTOR_MAX + SECONDS_SPARE
