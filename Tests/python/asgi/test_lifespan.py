"""The lifespan: startup before the first connection, shutdown after the last, state for every request, and honest exit codes."""
from __future__ import annotations

import ast
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from application_server import ApplicationServer, run_to_end, seconds_until_stopped
from asgi.conftest import APPLICATIONS, Serve
from raw_http import Connection, get


def state_of(server: ApplicationServer) -> dict[str, Any]:
    return ast.literal_eval(server.ask("/").body.decode())


def test_whole_life(serve: Serve) -> None:
    server = serve("lifespans:whole")
    scope = server.note("lifespan")
    assert scope["type"] == "lifespan"
    assert (scope["asgi"]["version"], scope["asgi"]["spec_version"]) == ("3.0", "2.0")
    assert server.note("state") == "dict"
    assert server.noted("message") == [{"type": "lifespan.startup"}]
    assert server.ask("/").status == 200
    assert server.stop() == 0
    assert server.noted("message") == [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert len(server.noted("ended")) == 1
    assert len(server.noted("lifespan")) == 1
    assert not server.has_logged_an_error, server.output


def test_startup_comes_before_listening_is_announced(serve: Serve) -> None:
    output = serve("lifespans:whole").output
    assert 0 <= output.index("@started") < ApplicationServer.LISTENING.search(output).start()


def test_nobody_is_served_before_the_startup_is_complete(tmp_path: Path, engine_options: tuple[str, ...]) -> None:
    """With the listening socket handed over, a client may connect early; it is answered when the application is ready."""
    file = tmp_path / "ready"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Connection(listener.getsockname()) as early:
            early.send(get("/"))
            server = PatientServer("lifespans:slow_to_start", "--fd", str(listener.fileno()), *engine_options, directory=APPLICATIONS,
                                   environment={"STARTUP_FILE": str(file)}, descriptors=(listener.fileno(),))
            try:
                server.note("starting")
                early.socket.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    early.response()
                file.touch()
                early.socket.settimeout(10)
                assert early.response().body == b"served"
                server.stop()
            finally:
                server.finish()


class PatientServer(ApplicationServer):
    """Does not wait for its startup."""

    def _wait_for_addresses(self) -> list[str]:
        return []


def test_state_is_a_shallow_copy_for_each_request(serve: Serve) -> None:
    server = serve("lifespans:whole")
    assert state_of(server) == {"number": 1, "shared": ["a"], "loop": True}
    assert state_of(server) == {"number": 1, "shared": ["a", "b"], "loop": True}
    with Connection(server.address) as connection:
        for count in (3, 4):
            found = ast.literal_eval(connection.request(get("/")).body.decode())
            assert (found["number"], len(found["shared"]), "own" in found) == (1, count, False)


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("attribute, message", [("failing", "the database is not there"), ("failing_without_message", "")])
def test_failed_startup(attribute: str, message: str, mode: str, engine_options: tuple[str, ...]) -> None:
    """Says why, listens nowhere, and ends with an error."""
    ended = run_to_end(f"lifespans:{attribute}", "--lifespan", mode, *engine_options, directory=APPLICATIONS)
    assert ended.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGILL)
    assert message in ended.stdout
    assert not ApplicationServer.LISTENING.search(ended.stdout)


@pytest.mark.parametrize("attribute", ["raising", "raising_later"])
def test_exception_is_fatal_when_the_lifespan_is_wanted(attribute: str, engine_options: tuple[str, ...]) -> None:
    ended = run_to_end(f"lifespans:{attribute}", "--lifespan", "on", *engine_options, directory=APPLICATIONS)
    assert ended.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGILL)
    assert "Traceback" in ended.stdout
    assert not ApplicationServer.LISTENING.search(ended.stdout)


def test_application_without_lifespan(serve: Serve) -> None:
    server = serve("lifespans:raising")
    assert server.ask("/").body == b"served"
    assert server.stop() == 0
    assert not server.has_logged_an_error, server.output


def test_switched_off(serve: Serve) -> None:
    """The application never hears of it, and requests have no state."""
    server = serve("lifespans:raising", "--lifespan", "off")
    assert server.ask("/").body == b"served"
    assert server.stop() == 0
    assert "no lifespan here" not in server.output


def test_lifespan_that_returns_early(serve: Serve) -> None:
    server = serve("lifespans:returning_early")
    assert server.ask("/").body == b"served"
    assert seconds_until_stopped(server) < 5


def test_messages_of_another_protocol_are_refused(serve: Serve) -> None:
    server = serve("lifespans:confused")
    assert "http.response.start" in server.note("refused")
    assert server.ask("/").body == b"served"


@pytest.mark.parametrize("attribute, reason", [
    ("raising_at_the_end", "failed during the shutdown"), ("failing_at_the_end", "the database did not close"),
])
def test_failed_shutdown_is_logged(serve: Serve, attribute: str, reason: str) -> None:
    server = serve(f"lifespans:{attribute}")
    assert server.ask("/").body == b"served"
    server.signal(signal.SIGTERM)
    assert server.wait() >= 0
    assert reason in server.output


def test_shutdown_that_hangs_is_bounded(serve: Serve) -> None:
    server = serve("lifespans:hanging_at_the_end", "--timeout-graceful-shutdown", "1")
    server.signal(signal.SIGTERM)
    assert server.wait(8) >= 0
    assert server.noted("message") == [{"type": "lifespan.shutdown"}]
