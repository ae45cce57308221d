"""Once warm, a request allocates nothing: counted inside the server, in front of the C library's allocator."""
from __future__ import annotations

import mmap
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, chunked, get, post
from server_process import REPOSITORY, Server

StartServer = Callable[..., Server]
SOURCE = REPOSITORY / "Tests/allocations/count_malloc.c"
WARM_UP_REQUESTS = 3000
COUNTED_REQUESTS = 2000
PIPELINE_DEPTH = 16
ONE_KILOBYTE = bytes(range(256)) * 4
COUNTERS_BYTES = 4096


@dataclass
class Counts:
    allocations: int
    frees: int
    mappings: int

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.allocations - other.allocations, self.frees - other.frees, self.mappings - other.mappings)


class Counter:
    """The interposer's counters, and the command that puts it into a server."""

    def __init__(self, library: Path, file: Path) -> None:
        file.write_bytes(bytes(COUNTERS_BYTES))
        self.launcher = ("env", f"LD_PRELOAD={library}", f"COUNT_MALLOC_FILE={file}")
        with file.open("rb") as opened:
            self._page = mmap.mmap(opened.fileno(), COUNTERS_BYTES, prot=mmap.PROT_READ)

    def read(self) -> Counts:
        return Counts(*struct.unpack_from("=3Q", self._page))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("allocations") / "count_malloc.so"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", built, SOURCE], check=True)
    return built


@pytest.fixture
def counter(library: Path, tmp_path: Path) -> Counter:
    return Counter(library, tmp_path / "counts")


@pytest.fixture
def counted(server: StartServer, counter: Counter) -> Server:
    """One core, so that the warm-up warms all there is."""
    return server("--cores", str(min(os.sched_getaffinity(0))), launcher=counter.launcher)


def ask(connection: Connection, request: bytes, times: int, depth: int = 1) -> None:
    for _ in range(0, times, depth):
        connection.send(request * depth)
        for _ in range(depth):
            assert connection.response().status == 200


def counts_of(connection: Connection, counter: Counter, request: bytes, depth: int = 1) -> Counts:
    """What the counted requests add, after the warm-up."""
    ask(connection, request, WARM_UP_REQUESTS, depth)
    before = counter.read()
    ask(connection, request, COUNTED_REQUESTS, depth)
    return counter.read() - before


FREE_OF_ALLOCATION = {
    "text": (get("/"), 1),
    "text-pipelined": (get("/"), PIPELINE_DEPTH),
    "json": (get("/json"), 1),
    "json-pipelined": (get("/json"), PIPELINE_DEPTH),
    "echo-length": (post(ONE_KILOBYTE), 1),
    "echo-chunked": (chunked(ONE_KILOBYTE, 300), 1),
    "echo-pipelined": (post(ONE_KILOBYTE), PIPELINE_DEPTH),
    "ticket": (get("/later"), 1),
    "ticket-pipelined": (get("/later"), PIPELINE_DEPTH),
    "bytes": (get("/bytes?1024"), 1),
    "bytes-of-four-blocks": (get("/bytes?16384"), 1),
    "whole-body": (post(ONE_KILOBYTE, target="/json"), 1),
}


@pytest.mark.parametrize(("request_bytes", "depth"), FREE_OF_ALLOCATION.values(), ids=FREE_OF_ALLOCATION.keys())
def test_no_allocation(counted: Server, counter: Counter, request_bytes: bytes, depth: int) -> None:
    with Connection(counted.address) as connection:
        counts = counts_of(connection, counter, request_bytes, depth)
    assert (counts.allocations, counts.mappings) == (0, 0), f"{COUNTED_REQUESTS} requests cost {counts}"


def test_async_handler_allocates_once_at_most(counted: Server, counter: Counter) -> None:
    with Connection(counted.address) as connection:
        counts = counts_of(connection, counter, get("/async"))
    assert counts.allocations <= COUNTED_REQUESTS
    assert counts.mappings == 0


def test_bodies_that_arrive_in_pieces(counted: Server, counter: Counter) -> None:
    """The paths that keep bytes: a head in two pieces, and a body behind it."""
    data = post(ONE_KILOBYTE, target="/json")

    def in_pieces(connection: Connection, times: int) -> None:
        for _ in range(times):
            connection.send_in_pieces(data, 500)
            assert connection.response().status == 200

    with Connection(counted.address) as connection:
        in_pieces(connection, WARM_UP_REQUESTS)
        before = counter.read()
        in_pieces(connection, COUNTED_REQUESTS)
        counts = counter.read() - before
    assert (counts.allocations, counts.mappings) == (0, 0)


def test_connections_come_and_go(counted: Server, counter: Counter) -> None:
    def visit(times: int) -> None:
        for _ in range(times):
            with Connection(counted.address) as connection:
                assert connection.request(get("/")).status == 200

    visit(500)
    before = counter.read()
    visit(500)
    counts = counter.read() - before
    assert (counts.allocations, counts.mappings) == (0, 0)


# MARK: Canaries: without these, a counter that counts nothing would pass everything above.


def test_canary_allocations_are_seen(counted: Server, counter: Counter) -> None:
    """`/stream` makes an array for each answer."""
    with Connection(counted.address) as connection:
        counts = counts_of(connection, counter, get("/stream"))
    assert counts.allocations >= COUNTED_REQUESTS
    assert counts.frees >= COUNTED_REQUESTS


def test_canary_mappings_are_seen(counted: Server, counter: Counter) -> None:
    """A body of half a megabyte that is wanted whole takes a mapping, which is kept for the next."""
    with Connection(counted.address) as connection:
        before = counter.read()
        assert connection.request(post(bytes(1 << 19), target="/json")).status == 200
        first = counter.read()
        assert connection.request(post(bytes(1 << 19), target="/json")).status == 200
        second = counter.read()
    assert (first - before).mappings >= 1
    assert (second - first).mappings == 0


@pytest.mark.parametrize("call", ["malloc(9)", "calloc(3, 3)", "realloc(NULL, 9)", "aligned_alloc(64, 64)", "aligned()"])
def test_canary_each_kind_is_counted(library: Path, counter: Counter, tmp_path: Path, call: str) -> None:
    source = tmp_path / "program.c"
    source.write_text(
        "#include <stdlib.h>\n"
        "static void *aligned(void) { void *p = NULL; return posix_memalign(&p, 64, 64) == 0 ? p : NULL; }\n"
        "void *volatile kept;\n"
        f"int main(int count, char **words) {{ (void)words; (void)aligned; for (; count > 0; count--) {{ kept = {call}; free(kept); }} return 0; }}\n"
    )
    program = tmp_path / "program"
    subprocess.run(["cc", "-O0", "-o", program, source], check=True)

    def counts(*arguments: str) -> Counts:
        before = counter.read()
        subprocess.run([*counter.launcher, program, *arguments], check=True)
        return counter.read() - before

    one, eleven = counts(), counts(*"0123456789")
    assert eleven.allocations - one.allocations == 10
    assert eleven.frees - one.frees == 10
