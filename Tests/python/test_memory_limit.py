"""In a memory cgroup of 16 MB: a thousand connections are served, and clients that take no answers do not get the server killed."""
from __future__ import annotations

import os
from typing import Callable, Iterator

import pytest

from crowd import Crowd
from memory_group import MemoryGroup
from raw_http import Connection, get, post
from server_process import Server

StartServer = Callable[..., Server]
LIMIT_BYTES = 16 << 20
CONNECTIONS = 1000
ROUNDS = 20
# Each keeps 4 KB until its request is whole; the cores' buffers have a quarter of the limit.
HALF_REQUESTS = 600
# Answers of 1 MB in all that each greedy client asks for and does not read.
GREEDY_CLIENTS = 400
GREEDY_REQUESTS = 64
GREEDY_ANSWER_BYTES = 16_384


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    if os.environ.get("MARTLET_NO_CGROUP") == "1":
        pytest.skip("MARTLET_NO_CGROUP=1")
    made = MemoryGroup(LIMIT_BYTES)
    yield made
    made.remove()


# The group is named first, so that it is removed after the server has stopped.
@pytest.fixture
def limited(group: MemoryGroup, server: StartServer) -> Server:
    return server(launcher=group.launcher)


def test_the_limit_is_seen(group: MemoryGroup, limited: Server) -> None:
    """Canary: the server is in the group, and its memory is counted there."""
    assert str(limited.pid) in (group.path / "cgroup.procs").read_text().split()
    assert 100_000 < group.used_bytes <= LIMIT_BYTES


def test_a_thousand_connections(group: MemoryGroup, limited: Server) -> None:
    with Crowd(limited.address, CONNECTIONS) as crowd:
        for _ in range(ROUNDS):
            assert crowd.ask(get("/bytes?1024")) == CONNECTIONS
    assert group.kills == 0


def test_half_requests(group: MemoryGroup, limited: Server) -> None:
    request = get("/bytes?1024")
    with Crowd(limited.address, HALF_REQUESTS) as crowd:
        crowd.send(request[:20])
        with Connection(limited.address) as connection:
            assert connection.request(get("/")).status == 200
        crowd.send(request[20:])
        assert crowd.answers() == HALF_REQUESTS
    assert group.kills == 0


def test_answers_that_nobody_takes(group: MemoryGroup, limited: Server) -> None:
    """Twenty-five times the limit is asked for and not read. Somebody may be cut; the server lives, and serves others meanwhile."""
    with Crowd(limited.address, GREEDY_CLIENTS) as crowd:
        crowd.send(get(f"/bytes?{GREEDY_ANSWER_BYTES}") * GREEDY_REQUESTS)
        with Connection(limited.address) as connection:
            for _ in range(20):
                assert connection.request(get("/")).status == 200
    with Connection(limited.address) as connection:
        assert connection.request(post(bytes(100_000), target="/json")).status == 200
    assert group.kills == 0
