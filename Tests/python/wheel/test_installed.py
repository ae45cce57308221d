"""A repaired wheel, installed where no Swift is, serves: with every interpreter of this machine, and with both engines."""
from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from installation import Installation, each_interpreter
from interpreters import Interpreter, all_interpreters
from raw_http import Connection, chunked, get, post
from server_process import REPOSITORY, Server

WHOLE_SECONDS_MAX = 3300
# The directories of tests that are about the Python package.
SUITES = [directory for directory in sorted((REPOSITORY / "Tests/python").iterdir()) if (directory / "conftest.py").is_file() and directory.name != "wheel"]

Serve = Callable[..., Server]


@pytest.fixture
def own_installation(install: Callable[[Interpreter], Installation]) -> Installation:
    return install(next(each for each in all_interpreters() if each.is_own))


def exercise(server: Server, installation: Installation, pid: int | None = None) -> None:
    """Asks for everything that the application has. `pid` is the process that serves."""
    with Connection(server.address) as connection:
        def ask(target: str) -> Any:
            response = connection.request(get(target))
            assert response.status == 200, (target, server.output)
            return json.loads(response.body)

        assert connection.request(get("/")).body == b"Hello, World!"
        facts = ask("/where")
        assert Path(facts["package"]).is_relative_to(installation.packages) and facts["python"] == installation.interpreter.release
        assert facts["loop"] == "martlet.loop"
        body = bytes(range(256)) * 1200
        assert connection.request(post(body)).body == body
        assert connection.request(chunked(body, 5000)).body == body
        assert connection.request(get("/stream")).body == b"0\n1\n2\n3\n4\n"
        assert ask("/sleep") >= 0.049
        assert ask("/thread") is False
        assert ask("/process") == ["word", 7]
        assert ask("/sockets") == [1_000_000, ""]
        connection.send(get("/signal"))
        server.process.send_signal(signal.SIGUSR1)
        assert connection.response().body == b"true"


def test_serves_everything(installation: Installation, serve: Serve) -> None:
    server = serve(installation, "everything:app")
    exercise(server, installation)
    assert server.stop() == 0
    assert "Traceback" not in server.output, server.output


@pytest.mark.parametrize("debug", ["", "1"], ids=["fast", "debug"])
def test_serves_everything_with_each_engine(own_installation: Installation, serve: Serve, engine: str, debug: str) -> None:
    server = serve(own_installation, "everything:app", "--engine", engine, PYTHONASYNCIODEBUG=debug)
    exercise(server, own_installation)
    assert server.stop() == 0
    assert "Traceback" not in server.output, server.output


def test_several_workers(own_installation: Installation, serve: Serve, engine: str) -> None:
    server = serve(own_installation, "everything:app", "--engine", engine, "--workers", "2")
    for _ in range(20):
        with Connection(server.address) as connection:
            assert connection.request(get("/")).body == b"Hello, World!"
    assert server.stop() == 0


def test_loads_nothing_of_swift(installation: Installation) -> None:
    script = "import martlet.loop; print(*{line.split()[-1] for line in open('/proc/self/maps') if '/' in line})"
    ended = subprocess.run([installation.python, "-c", script], env=installation.environ, capture_output=True, text=True, check=True, timeout=30)
    mapped = ended.stdout.split()
    assert any("_martlet" in path for path in mapped)
    assert [path for path in mapped if "swift" in path.lower() or "uring" in Path(path).name or "dispatch" in path.lower()] == []


def test_says_its_version(installation: Installation) -> None:
    said = subprocess.run([installation.command, "--version"], env=installation.environ, capture_output=True, text=True, check=True, timeout=30).stdout
    assert f"CPython {installation.interpreter.release}" in said


@pytest.mark.long
@pytest.mark.parametrize("interpreter", each_interpreter())
def test_whole(interpreter: Interpreter, install: Callable[[Interpreter], Installation]) -> None:
    """Every test of the Python package, run by this interpreter on what the wheel has installed."""
    if interpreter.is_own:
        pytest.skip("the tests themselves run with this one")
    installation = install(interpreter)
    requirements = REPOSITORY / "Tests/python/requirements.txt"
    subprocess.run([installation.python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True, timeout=300)
    environ = {**installation.environ, "PATH": "/usr/bin:/bin", "MARTLET_PACKAGES": str(installation.packages), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [installation.python, "-m", "pytest", "-q", *SUITES], cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=WHOLE_SECONDS_MAX)
    sys.stdout.write(ended.stdout)
    assert ended.returncode == 0, ended.stdout[-10_000:]
