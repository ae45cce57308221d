"""Answers that take their time: streams, server-sent events, failures before and after the start, and clients that leave."""
from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from application_server import ApplicationServer, seconds_until_stopped
from frameworks.conftest import start
from raw_http import Connection, get

# Those that watch for the disconnect beside a handler, and cancel it.
CANCELS_HANDLERS = {"django", "quart"}
# Those that make an answer of an exception, and log it only where they are configured to.
SILENT = {"litestar"}


def test_stream(client: httpx.Client) -> None:
    body = client.get("/stream?count=2000&size=5000").content
    assert len(body) == 2000 * 5000
    assert body.count(b",") == 2000


def test_stream_of_a_sync_iterator(client: httpx.Client) -> None:
    assert client.get("/stream-sync").content == b"".join(b"%d," % number for number in range(100))


def test_events(client: httpx.Client) -> None:
    with client.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines == ["data: 0", "data: 1", "data: 2"]


def test_events_with_curl(served: ApplicationServer) -> None:
    output = subprocess.run(["curl", "--silent", "--no-buffer", "--noproxy", "*", f"{served.url}/events"], check=True, capture_output=True, timeout=20).stdout
    assert output == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_events_come_one_by_one(served: ApplicationServer, key: str) -> None:
    """Each as soon as it is made: the stream has no end to wait for."""
    with Connection(served.address) as connection:
        connection.send(get(f"/forever?key={key}"))
        received = b""
        while b"data: 5\n\n" not in received:
            received += connection.socket.recv(65536)
    assert served.note(key) == "ended"


def test_client_leaves_a_stream(served: ApplicationServer, key: str) -> None:
    """The generator ends, every time."""
    for _ in range(20):
        with Connection(served.address) as connection:
            connection.send(get(f"/forever?key={key}"))
            assert connection.socket.recv(1000)
    served.notes(key, 20)


def test_client_leaves_a_handler(framework: str, served: ApplicationServer, key: str) -> None:
    if framework not in CANCELS_HANDLERS:
        return
    with Connection(served.address) as connection:
        connection.send(get(f"/waits?key={key}"))
        assert served.note(key) == "started"
    assert served.notes(key, 2)[1] == "cancelled"


def test_clients_that_leave_are_not_logged_as_errors(framework: str, files: Path, key: str) -> None:
    server = start(framework, files)
    try:
        for _ in range(5):
            with Connection(server.address) as connection:
                connection.send(get(f"/forever?key={key}"))
                assert connection.socket.recv(1000)
        server.notes(key, 5)
        assert server.ask("/json").status == 200
        assert server.stop() == 0
        assert "Traceback" not in server.output, server.output
    finally:
        server.finish()


def test_failure_before_the_start(framework: str, served: ApplicationServer, client: httpx.Client) -> None:
    response = client.get("/fail")
    assert response.status_code == 500
    assert "failed before the start" not in response.text
    if framework not in SILENT:
        served.wait_for_output("RuntimeError: failed before the start")
    assert client.get("/json").status_code == 200


def test_failure_after_the_start(framework: str, served: ApplicationServer, client: httpx.Client) -> None:
    """The client sees that something is missing."""
    with pytest.raises(httpx.TransportError):
        client.get("/fail-later")
    served.wait_for_output("RuntimeError: failed after the start")
    assert client.get("/json").status_code == 200


def test_head(client: httpx.Client) -> None:
    """Refused or answered, but never with a body, which would be the beginning of the next answer."""
    assert client.head("/json").content == b""
    assert client.head("/stream?count=10&size=10").content == b""
    assert client.get("/json").json() == {"hello": "world"}


def test_stop_with_an_open_stream(framework: str, files: Path, key: str) -> None:
    """It ends at the bound, whatever the framework does with the disconnect."""
    server = start(framework, files, "--timeout-graceful-shutdown", "1")
    try:
        with Connection(server.address) as connection:
            connection.send(get(f"/forever?key={key}"))
            assert connection.socket.recv(1000)
            assert seconds_until_stopped(server) < 6
        assert server.noted(key) == ["ended"]
    finally:
        server.finish()
