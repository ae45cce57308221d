"""The application of `Tools/serve`: its page, its API, its stream."""
from __future__ import annotations

import json
import signal
from typing import Callable, Iterator

import pytest

from martlet_process import Martlet
from raw_http import Connection, get, post
from server_process import REPOSITORY

StartMartlet = Callable[..., Martlet]


@pytest.fixture
def example(martlet: StartMartlet) -> Iterator[Martlet]:
    yield martlet("app:app", "--workers", "2", "--timeout-graceful-shutdown", "1", directory=REPOSITORY / "Tools/example")


def test_page(example: Martlet) -> None:
    with Connection(example.address) as connection:
        response = connection.request(get("/"))
        assert (response.status, response.field("content-type")) == (200, "text/html; charset=utf-8")
        assert b"<title>Martlet serves</title>" in response.body
        assert connection.request(get("/absent")).status == 404
        assert connection.request(post(b"x", target="/")).status == 405


def test_api(example: Martlet) -> None:
    with Connection(example.address) as connection:
        facts = json.loads(connection.request(get("/api/worker")).body)
        assert facts["process"] in example.workers
        counted = json.loads(connection.request(post(b"to be or not to be", target="/api/words")).body)
        assert (counted["words"], counted["different"], counted["most"][0]) == (6, 4, ["to", 2])


def test_events_go_on_until_the_client_leaves(example: Martlet) -> None:
    with Connection(example.address) as connection:
        connection.send(get("/events"))
        received = b""
        while received.count(b"data: ") < 2:
            received += connection.socket.recv(65536)
        assert b"text/event-stream" in received
    # An open stream does not hold the server up beyond its bound.
    with Connection(example.address) as connection:
        connection.send(get("/events"))
        assert connection.socket.recv(10)
        example.signal(signal.SIGTERM)
        example.wait_for_output("Stopping")
    assert example.wait(10) == 0
