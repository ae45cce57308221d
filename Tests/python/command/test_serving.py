"""One process, from the first line of its log to its exit status: where it listens, what it calls, how it stops."""
from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from martlet_process import APPS, Martlet, run_martlet
from raw_http import Connection, Cut, get

StartMartlet = Callable[..., Martlet]


def ask(running: Martlet, target: str = "/", address: Any = None) -> dict[str, Any]:
    with Connection(address or running.address) as connection:
        response = connection.request(get(target))
    assert response.status == 200
    answer: dict[str, Any] = json.loads(response.body)
    return answer


def test_serves(martlet: StartMartlet) -> None:
    running = martlet("plain:app")
    assert ask(running, "/some/path") == {
        "pid": running.pid, "path": "/some/path", "root_path": "", "state": ["since"], "affinity": sorted(os.sched_getaffinity(0)), "loop": "martlet.loop",
        "environ": None,
    }
    assert running.workers == []
    assert running.stop() == 0
    output = running.output
    assert f"(ASGI, {'io_uring' if 'uring' in running.command else 'epoll'}, pid {running.pid})" in output
    steps = ["plain is imported", "application starts", "Martlet 0.", '- "GET /some/path HTTP/1.1" 200 OK', "application stops"]
    assert [output.index(step) for step in steps] == sorted(output.index(step) for step in steps), output


@pytest.mark.parametrize(("target", "shown"), [
    ("plain:app", "ASGI"), ("plain:instance", "ASGI"), ("plain:partial", "ASGI"), ("plain:Twice", "ASGI 2"), ("plain:without_lifespan", "ASGI"),
    ("plain:make", "ASGI"),
])
def test_every_kind_of_application(martlet: StartMartlet, target: str, shown: str) -> None:
    running = martlet(target)
    assert f"({shown}, " in running.output
    assert ask(running)["path"] == "/"
    assert ("say --factory" in running.output) == (target == "plain:make")


def test_factory(martlet: StartMartlet) -> None:
    running = martlet("plain:make", "--factory")
    assert ask(running)["path"] == "/"
    assert "say --factory" not in running.output


def test_directory_of_the_application(martlet: StartMartlet, tmp_path: Path) -> None:
    assert ask(martlet("plain:app", "--app-dir", str(APPS), directory=tmp_path))["path"] == "/"


def test_options_from_file_and_environment(martlet: StartMartlet, tmp_path: Path) -> None:
    (tmp_path / "martlet.toml").write_text('app = "plain:app"\nport = 0\nroot-path = "/file"\nserver-header = false\n')
    (tmp_path / "env").write_text("FROM_FILE=yes\n")
    running = martlet(listens=False, directory=tmp_path, environ={"MARTLET_APP_DIR": str(APPS), "MARTLET_ENV_FILE": "env", "MARTLET_HEADER": "X-A: b\nX-C: d"})
    with Connection(running.address) as connection:
        response = connection.request(get("/file/x"))
    answer = json.loads(response.body)
    assert (answer["root_path"], answer["environ"]) == ("/file", "yes")
    assert (response.field("x-a"), response.field("x-c"), response.field("server")) == ("b", "d", None)
    assert response.field("date") is not None


def test_server_and_date_fields(martlet: StartMartlet) -> None:
    with Connection(martlet("plain:app").address) as connection:
        response = connection.request(get("/"))
        assert (response.field("server") or "").startswith("martlet")
        assert response.field("date")
    with Connection(martlet("plain:app", "--no-server-header", "--no-date-header").address) as connection:
        response = connection.request(get("/"))
        assert (response.field("server"), response.field("date")) == (None, None)


# Where it listens.


def test_several_addresses(martlet: StartMartlet, tmp_path: Path) -> None:
    binds = [argument for address in ("127.0.0.1:0", "127.0.0.1:0", "unix:a.sock") for argument in ("--bind", address)]
    running = martlet("plain:app", *binds, "--app-dir", str(APPS), directory=tmp_path, expects=3)
    ports = [int(address.rsplit(":", 1)[1]) for address in running.addresses if address.startswith("http")]
    assert len(set(ports)) == 2
    for address in (*(("127.0.0.1", port) for port in ports), str(tmp_path / "a.sock")):
        assert ask(running, address=address)["pid"] == running.pid


def test_unix_socket(martlet: StartMartlet, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    running = martlet("plain:app", "--uds", "a.sock", "--uds-permissions", "640", "--app-dir", str(APPS), directory=tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert ask(running, address=str(path))["path"] == "/"
    assert running.stop() == 0
    assert not path.exists()


def test_descriptor(martlet: StartMartlet) -> None:
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        running = martlet("plain:app", "--fd", str(given.fileno()), descriptors=[given.fileno()])
        assert running.port == given.getsockname()[1]
    assert ask(running)["path"] == "/"


def test_sockets_of_systemd(martlet: StartMartlet) -> None:
    """The launcher becomes the server by exec, so it knows the process id, as systemd does."""
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        number = given.fileno()
        program = (
            f"import os, sys; os.dup2({number}, 3)\n"
            "os.execve(sys.argv[1], sys.argv[1:], {**os.environ, 'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'})"
        )
        launcher = [sys.executable, "-c", program]
        running = martlet("plain:app", listens=False, launcher=launcher, descriptors=[number])
        assert running.addresses == [f"http://127.0.0.1:{given.getsockname()[1]}"]
    assert ask(running)["path"] == "/"


def test_systemd_is_notified(martlet: StartMartlet, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        running = martlet("plain:app", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
        running.stop()
        assert manager.recv(100) == b"STOPPING=1"


def test_port_in_use() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        result = run_martlet("plain:app", "--port", str(holder.getsockname()[1]))
    assert result.returncode == 1
    assert "in use" in result.stderr
    # Found out before the application is loaded.
    assert "plain is imported" not in result.stderr


# How it stops, and does not start.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stops_at_once_when_idle(martlet: StartMartlet, number: int) -> None:
    running = martlet("plain:app")
    running.signal(number)
    assert running.wait(3) == 0
    assert "application stops" in running.output
    assert "Traceback" not in running.output


def test_request_in_flight_is_finished(martlet: StartMartlet) -> None:
    running = martlet("plain:app")
    with Connection(running.address) as connection:
        connection.send(get("/slow?1"))
        time.sleep(0.3)
        running.signal(signal.SIGTERM)
        assert connection.response().status == 200
    assert running.wait(5) == 0


def test_bound_of_the_stop(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--timeout-graceful-shutdown", "1")
    with Connection(running.address) as connection:
        connection.send(get("/never"))
        time.sleep(0.3)
        started = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait(6) == 0
        assert 0.8 < time.monotonic() - started < 4
        with pytest.raises((Cut, ConnectionResetError)):
            connection.response()
    assert "application stops" in running.output


def test_no_time_to_stop_in(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--timeout-graceful-shutdown", "0")
    with Connection(running.address) as connection:
        connection.send(get("/never"))
        time.sleep(0.3)
        running.signal(signal.SIGTERM)
        assert running.wait(3) == 0


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT), (signal.SIGQUIT,)], ids=["INT-INT", "TERM-INT", "QUIT"])
def test_stop_at_once(martlet: StartMartlet, numbers: tuple[int, ...]) -> None:
    running = martlet("plain:app")
    with Connection(running.address) as connection:
        connection.send(get("/never"))
        time.sleep(0.3)
        for number in numbers:
            running.signal(number)
            time.sleep(0.3)
        assert running.wait(3) == 128 + numbers[-1]


def test_application_that_blocks_does_not_outlive_the_bound(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--timeout-graceful-shutdown", "0.5")
    with Connection(running.address) as connection:
        connection.send(get("/block"))
        time.sleep(0.3)
        running.signal(signal.SIGTERM)
        assert running.wait(8) == 1
    assert "blocks its thread" in running.output


def test_threads_that_do_not_end_do_not_hold_it(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--timeout-graceful-shutdown", "0.5")
    ask(running, "/thread")
    running.signal(signal.SIGTERM)
    assert running.wait(8) == 1
    assert "application stops" in running.output


def test_lifespan_that_does_not_end_is_cancelled(martlet: StartMartlet) -> None:
    running = martlet("plain:slow_stop", "--timeout-graceful-shutdown", "0.5")
    running.signal(signal.SIGTERM)
    assert running.wait(5) == 1
    assert "did not end within" in running.output


def test_lifespan_that_cannot_stop(martlet: StartMartlet) -> None:
    running = martlet("plain:cannot_stop")
    running.signal(signal.SIGTERM)
    assert running.wait(5) == 1
    assert "the database does not let go" in running.output


def test_lifespan_that_cannot_start(engine: str) -> None:
    result = run_martlet("plain:cannot_start", "--port", "0", "--engine", engine)
    assert result.returncode == 1
    assert "the database is away" in result.stderr
    assert "listening" not in result.stderr


def test_lifespan_on_needs_one(engine: str) -> None:
    result = run_martlet("plain:without_lifespan", "--port", "0", "--lifespan", "on", "--engine", engine)
    assert result.returncode == 1
    assert "AssertionError" in result.stderr


def test_lifespan_off(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--lifespan", "off")
    assert ask(running)["state"] == []
    assert running.stop() == 0
    assert "application st" not in running.output


def test_nobody_is_accepted_before_the_application_has_started(engine: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Martlet("plain:slow_start", "--port", str(port), "--engine", engine, expects=0)
    try:
        running.wait_for_output("application is starting")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        running.signal(signal.SIGTERM)
        assert running.wait(5) == 0
    finally:
        running.kill()


def test_hup_and_worker_signals_do_not_end_it(martlet: StartMartlet) -> None:
    running = martlet("plain:app")
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU):
        running.process.send_signal(number)
    running.wait_for_output("only with --workers", 2)
    assert ask(running)["path"] == "/"


# Its log.


def test_no_access_log(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--no-access-log")
    ask(running)
    assert running.stop() == 0
    assert "GET" not in running.output


def test_level_of_the_log(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--log-level", "warning", "--bind", "unix:a.sock", expects=0)
    try:
        running.wait_for_output("application starts")
        assert running.stop() == 0
        assert "INFO" not in running.output
    finally:
        (APPS / "a.sock").unlink(missing_ok=True)


def test_application_that_fails_is_logged(martlet: StartMartlet) -> None:
    running = martlet("plain:app")
    with Connection(running.address) as connection:
        assert connection.request(get("/fail")).status == 500
    running.stop()
    assert "RuntimeError: the application has failed on purpose" in running.output
    assert '"GET /fail HTTP/1.1" 500 Internal Server Error' in running.output


# From Python.

CALL = """
import martlet, plain
martlet.run({app}, port=0, engine={engine!r}, {options})
print("run has returned")
"""


@pytest.mark.parametrize("app", ["plain.app", "'plain:app'"])
def test_run(martlet: StartMartlet, engine: str, app: str) -> None:
    running = martlet(script=CALL.format(app=app, engine=engine, options="root_path='/pre', header=[('X-A', 'b')]"))
    assert ask(running)["root_path"] == "/pre"
    assert running.stop() == 0
    assert "run has returned" in running.output


@pytest.mark.parametrize(("options", "error"), [
    ("prot=1", "ValueError|UsageError: prot: there is no such option"), ("reload=True", "reload: Reloading"), ("workers=2", "must be given as text"),
    ("host=3", "host: 3 is not a text"),
])
def test_run_with_wrong_options(engine: str, options: str, error: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s)ended with 1 before.*(?:{error})"):
        Martlet(script=CALL.format(app="plain.app", engine=engine, options=options))
