"""Fixtures: a server that the tests of one file share, servers of a test's own, and keys for what applications note.

A file says what it serves: APPLICATION = "module:attribute", of the directory `apps`, and OPTIONS where it needs some.
A run with MARTLET_TEST_FULL=1 (Tools/test --full) repeats everything on each engine; otherwise the server chooses, and test_engines.py looks at both.
"""
from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Callable, Iterator

import pytest

from application_server import ApplicationServer
from io_uring_permission import reason_without_io_uring
from raw_http import Connection

APPLICATIONS = Path(__file__).parent / "apps"
ENGINES = ["uring", "epoll"] if os.environ.get("MARTLET_TEST_FULL") else ["auto"]

Serve = Callable[..., ApplicationServer]
_keys = itertools.count(1)


@pytest.fixture(scope="module", params=ENGINES)
def engine_options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param == "auto":
        return ()
    if request.param == "uring" and (reason := reason_without_io_uring()):
        pytest.skip(reason)
    return ("--engine", request.param)


@pytest.fixture
def serve(engine_options: tuple[str, ...]) -> Iterator[Serve]:
    """Starts servers with options of the test's own: `serve("lifespans:failing", "--lifespan", "on")`. A crash of one fails the test."""
    started: list[ApplicationServer] = []

    def start(application: str, *options: str, **settings: object) -> ApplicationServer:
        started.append(ApplicationServer(application, *engine_options, *options, directory=APPLICATIONS, **settings))
        return started[-1]

    yield start
    finish_all(started)


@pytest.fixture(scope="module")
def _of_this_file(request: pytest.FixtureRequest, engine_options: tuple[str, ...]) -> Iterator[dict[str, ApplicationServer]]:
    holder: dict[str, ApplicationServer] = {}
    yield holder
    finish_all(list(holder.values()))


@pytest.fixture
def served(request: pytest.FixtureRequest, engine_options: tuple[str, ...], _of_this_file: dict[str, ApplicationServer]) -> Iterator[ApplicationServer]:
    """The server that the tests of the file share. The test in which it ends fails; the next one gets a new one."""
    if "server" not in _of_this_file:
        options = getattr(request.module, "OPTIONS", ())
        _of_this_file["server"] = ApplicationServer(request.module.APPLICATION, *engine_options, *options, directory=APPLICATIONS)
    server = _of_this_file["server"]
    yield server
    if not server.is_running:
        _of_this_file.pop("server").finish()


@pytest.fixture
def connection(served: ApplicationServer) -> Iterator[Connection]:
    with Connection(served.address) as connection:
        yield connection


@pytest.fixture
def key() -> str:
    """A name that no other test notes under."""
    return f"k{next(_keys)}"


def finish_all(servers: list[ApplicationServer]) -> None:
    faults = []
    for server in servers:
        try:
            server.finish()
        except AssertionError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
