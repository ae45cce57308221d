"""Starlette's middleware that runs the application in a task of its own, and what goes through it; requests that are asked whether they are disconnected."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator

import httpx
import pytest

from application_server import ApplicationServer
from frameworks.conftest import start
from raw_http import Connection, get


@pytest.fixture(scope="module")
def starlette(files: Path) -> Iterator[ApplicationServer]:
    server = start("starlette", files)
    yield server
    server.finish()


@pytest.fixture
def through(starlette: ApplicationServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{starlette.url}/middleware", timeout=20, trust_env=False) as client:
        yield client


def test_answers(through: httpx.Client, files: Path) -> None:
    for _ in range(20):
        response = through.get("/json")
        assert (response.json(), response.headers["x-middleware"]) == ({"hello": "world"}, "seen")
    data = {"text": "x" * 100_000}
    assert through.post("/json", json=data).json() == data
    assert through.get("/static/large.bin").content == (files / "large.bin").read_bytes()


def test_streams(through: httpx.Client) -> None:
    assert len(through.get("/stream?count=500&size=1000").content) == 500_000
    with through.stream("GET", "/events", headers={"accept-encoding": "identity"}) as response:
        assert [line for line in response.iter_lines() if line] == ["data: 0", "data: 1", "data: 2"]


def test_background_task(starlette: ApplicationServer, through: httpx.Client, key: str) -> None:
    assert through.post(f"/background?key={key}").text == "accepted"
    assert starlette.note(key) == "done"


def test_failure_before_the_start(through: httpx.Client) -> None:
    assert through.get("/fail").status_code == 500
    assert through.get("/json").json() == {"hello": "world"}


@pytest.mark.parametrize("prefix", ["", "/middleware"])
def test_client_leaves(starlette: ApplicationServer, key: str, prefix: str) -> None:
    with Connection(starlette.address) as connection:
        connection.send(get(f"{prefix}/forever?key={key}", "Accept-Encoding: identity"))
        assert connection.socket.recv(1000)
    assert starlette.note(key) == "ended"


def test_request_is_asked_whether_it_is_disconnected(starlette: ApplicationServer, key: str) -> None:
    """Starlette asks by a call of receive that it cancels at once, a hundred times a second."""
    with Connection(starlette.address) as connection:
        connection.send(get(f"/until-disconnected?key={key}"))
        assert starlette.note(key) == "started"
    assert starlette.notes(key, 2)[1] == "ended"
