"""Nothing grows: blocks of memory, references of shared objects, tasks and resident memory are the same before and after many requests.

Every path is in it: whole and streamed answers, bodies, failures at each point, refused messages, cancelled calls, and clients that leave.
"""
from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Callable

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, Cut, chunked, get, post

APPLICATION = "growing:application"
BATCH = 100
# What caches and the collector's own rhythm need; a single block lost in one path would be several times as many in a round.
BLOCKS_MAX = 150
REFERENCES_MAX = 5
TASKS_MAX = 2
RESIDENT_BYTES_MAX = 6 << 20
ROUNDS_MAX = 4
FAILURES_MAX = 500
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Facts:
    blocks: int
    tasks: int
    references: dict[str, int]
    resident_bytes: int


def facts(server: ApplicationServer) -> Facts:
    found: dict[str, Any] = {}
    for _ in range(3):
        found = ast.literal_eval(server.ask("/facts").body.decode())
    return Facts(found["blocks"], found["tasks"], found["references"], server.resident_bytes)


def assert_flat(server: ApplicationServer, work: Callable[[], None]) -> None:
    """Pools and caches fill up at their own pace, so the work is done some times over; what leaks does so in every round."""
    before = facts(server)
    for _ in range(ROUNDS_MAX):
        work()
        after = facts(server)
        growth = {name: after.references[name] - count for name, count in before.references.items()}
        found = {
            "references": {name: count for name, count in growth.items() if abs(count) > REFERENCES_MAX},
            "tasks": max(0, after.tasks - before.tasks - TASKS_MAX),
            "blocks": max(0, after.blocks - before.blocks - BLOCKS_MAX),
            "resident_bytes": max(0, after.resident_bytes - before.resident_bytes - RESIDENT_BYTES_MAX),
        }
        print(f"blocks {after.blocks - before.blocks:+d}, resident {(after.resident_bytes - before.resident_bytes) >> 10:+d} KiB, above the bounds: {found}")
        if not any(found.values()):
            return
        before = after
    raise AssertionError(f"grows in each of {ROUNDS_MAX} rounds: {found}")


def pipelined(server: ApplicationServer, request: bytes, count: int) -> None:
    """Many equal requests whose answers are of one length, as bytes: parsing them would take longer than serving them."""
    with Connection(server.address) as connection:
        connection.send(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.socket.recv(65536)
        head = received.partition(b"\r\n\r\n")[0] + b"\r\n"
        assert head.startswith(b"HTTP/1.1 200 ")
        match = LENGTH.search(head)
        assert match, "the answer has no length"
        size = len(head) + 2 + int(match[1])
        connection.skip(size - len(received))
        for _ in range(count // BATCH):
            connection.send(request * BATCH)
            connection.skip(size * BATCH)
        # Still in step?
        assert connection.request(get("/hello")).body == b"hello"


def one_by_one(server: ApplicationServer, request: bytes, count: int) -> None:
    """On one connection for as long as it lasts, whatever the answer is."""
    connection = Connection(server.address)
    for _ in range(count):
        try:
            closes = connection.request(request).closes
        except Cut:
            closes = True
        if closes:
            connection.socket.close()
            connection = Connection(server.address)
    connection.socket.close()


def left(server: ApplicationServer, request: bytes, count: int, is_begun: bool = True) -> None:
    """Clients that leave in the middle of the answer, or of the wait for it."""
    for _ in range(count):
        with Connection(server.address) as connection:
            connection.send(request)
            if is_begun:
                assert connection.socket.recv(1000)


def every_path(server: ApplicationServer, count: int) -> None:
    """Twice as many requests as `count`. The paths of failures are slower for the client, and log much: fewer of them."""
    few = min(max(count // 50, 20), FAILURES_MAX)
    pipelined(server, get("/shared"), count)
    pipelined(server, post(b"x" * 100, target="/read"), count // 2)
    pipelined(server, chunked(b"x" * 100, 30, target="/read"), count // 4)
    pipelined(server, get("/receives-twice"), count // 4)
    for request in [get("/fails"), get("/fails-in-the-middle"), get("/returns"), get("/refused"), get("/streamed"), get("/shared", method="HEAD"),
                    b"malformed\r\n\r\n", get("/shared", "Connection: close"), get("/streamed", version="1.0"), post(b"unread", target="/shared")]:
        one_by_one(server, request, few)
    left(server, get("/stream"), few)
    left(server, get("/waits"), few, is_begun=False)
    left(server, post(b"half a body", target="/read")[:-3], few, is_begun=False)


def test_nothing_grows(serve: Serve) -> None:
    server = serve(APPLICATION)
    every_path(server, 2500)
    assert_flat(server, lambda: every_path(server, 45_000))


@pytest.mark.long
def test_a_million_requests(serve: Serve) -> None:
    server = serve(APPLICATION)
    every_path(server, 50_000)
    assert_flat(server, lambda: every_path(server, 460_000))


@pytest.mark.long
def test_a_hundred_thousand_connections(serve: Serve) -> None:
    server = serve(APPLICATION)
    request = get("/shared", "Connection: close")

    def connections(count: int) -> None:
        for _ in range(count):
            with Connection(server.address) as connection:
                assert connection.request(request).status == 200

    connections(5_000)
    assert_flat(server, lambda: connections(100_000))


@pytest.mark.long
def test_ten_thousand_cancelled_streams(serve: Serve) -> None:
    server = serve(APPLICATION)
    left(server, get("/stream"), 500)
    assert_flat(server, lambda: left(server, get("/stream"), 10_000))
