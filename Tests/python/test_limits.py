"""Bounds on how many: back-pressure or 503, never growth, and room again as soon as somebody leaves."""
from __future__ import annotations

import os
import resource
import socket
import time
from typing import Callable

import pytest

from raw_http import Connection, Cut, get
from server_process import Server

StartServer = Callable[..., Server]
LIMIT = 4


def first_core() -> str:
    """The limit is per core: with one core it is exact."""
    return str(min(os.sched_getaffinity(0)))


def is_served(connection: Connection) -> bool:
    """Answered with 200. Refused with 503, cut, or left waiting all count as not served."""
    connection.socket.settimeout(0.5)
    try:
        connection.send(get("/"))
        response = connection.response()
    except (Cut, socket.timeout, BrokenPipeError, ConnectionResetError):
        return False
    assert response.status in (200, 503)
    if response.status == 503:
        assert response.closes
    return response.status == 200


def test_connections(server: StartServer) -> None:
    running = server("--cores", first_core(), "--limit-connections", str(LIMIT))
    held = [Connection(running.address) for _ in range(LIMIT)]
    try:
        assert all(is_served(connection) for connection in held)
        with Connection(running.address) as extra:
            assert not is_served(extra)
        assert all(is_served(connection) for connection in held)
        held.pop().socket.close()
        deadline = time.monotonic() + 5
        served = False
        while not served and time.monotonic() < deadline:
            with Connection(running.address) as next_one:
                served = is_served(next_one)
        assert served
    finally:
        for connection in held:
            connection.socket.close()


def test_waves_above_the_limit_leave_nothing_behind(server: StartServer) -> None:
    running = server("--cores", first_core(), "--limit-connections", str(LIMIT))
    for _ in range(10):
        wave = [Connection(running.address) for _ in range(LIMIT * 3)]
        for connection in wave:
            connection.socket.close()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with Connection(running.address) as connection:
            if is_served(connection):
                return
    raise AssertionError("nobody is served after the waves have gone")


def test_requests_per_connection(server: StartServer) -> None:
    running = server("--limit-requests", str(LIMIT))
    for _ in range(2):
        with Connection(running.address) as connection:
            responses = [connection.request(get("/")) for _ in range(LIMIT)]
            assert [response.status for response in responses] == [200] * LIMIT
            assert [response.closes for response in responses] == [False] * (LIMIT - 1) + [True]
            assert connection.seconds_until_closed() < 1


def test_pipelined_requests_above_the_limit_are_not_answered(server: StartServer) -> None:
    running = server("--limit-requests", str(LIMIT))
    with Connection(running.address) as connection:
        connection.send(get("/") * (LIMIT + 3))
        assert [connection.response().closes for _ in range(LIMIT)] == [False] * (LIMIT - 1) + [True]
        assert connection.seconds_until_closed() < 1


@pytest.mark.long
def test_thousands_of_idle_connections(server: StartServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    running = server("--timeout-header", "60", "--timeout-keep-alive", "60")
    connections = [Connection(running.address) for _ in range(4000)]
    try:
        for connection in connections[::100]:
            assert connection.request(get("/")).status == 200
    finally:
        for connection in connections:
            connection.socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
