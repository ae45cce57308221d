"""Fixtures: repaired wheels, made by Tools/wheel, and environments without Swift into which they are installed."""
from __future__ import annotations

import os
import signal
import sys
from functools import lru_cache
from pathlib import Path
from typing import Callable, Iterator

import pytest

from installation import BUILD_SECONDS_MAX, INSTALL_SECONDS_MAX, Installation, checked, each_interpreter
from installed_server import InstalledServer
from interpreters import Interpreter, builder
from server_process import REPOSITORY, Server

TEST_SECONDS_MAX = 120
LONG_SECONDS_MAX = 3600


@pytest.fixture(autouse=True)
def bounded_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """As elsewhere, but with what building and installing take."""
    seconds = LONG_SECONDS_MAX if request.node.get_closest_marker("long") else TEST_SECONDS_MAX

    def expire(*_: object) -> None:
        raise TimeoutError(f"the test took more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="session")
def make_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The repaired wheel for a version of Python; made once."""

    @lru_cache
    def make(version: str) -> Path:
        interpreter = builder(version)
        if interpreter is None:
            pytest.skip(f"no Python {version} with headers is installed")
        output = tmp_path_factory.mktemp("dist")
        checked(REPOSITORY / "Tools/wheel", "--output", output, interpreter.path, seconds=BUILD_SECONDS_MAX)
        wheels = list(output.iterdir())
        assert len(wheels) == 1, wheels
        return wheels[0]

    return make


@pytest.fixture(scope="session")
def own_wheel(make_wheel: Callable[[str], Path]) -> Path:
    """The wheel for the interpreter that runs the tests."""
    return make_wheel("%d.%d" % sys.version_info[:2])


@pytest.fixture(scope="session")
def install(make_wheel: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Interpreter], Installation]:
    @lru_cache
    def make(interpreter: Interpreter) -> Installation:
        wheel = make_wheel(interpreter.version)
        directory = tmp_path_factory.mktemp("installed")
        installation = Installation(interpreter, directory / "environment", directory / "empty")
        installation.path.mkdir()
        checked(interpreter.path, "-m", "venv", installation.directory, seconds=INSTALL_SECONDS_MAX)
        # How pip reaches its index is the machine's affair; a compiler is not to be found.
        pip = {name: value for name, value in os.environ.items() if name.upper().endswith("_PROXY") or name.startswith(("PIP_", "SSL_")) or name == "HOME"}
        checked(
            installation.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, seconds=INSTALL_SECONDS_MAX,
            environ={**pip, **installation.environ})
        return installation

    return make


@pytest.fixture(scope="session", params=each_interpreter())
def installation(request: pytest.FixtureRequest, install: Callable[[Interpreter], Installation]) -> Installation:
    """The wheel, installed for one interpreter after the other."""
    return install(request.param)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts the installed command. What ends by itself, or badly, fails the test."""
    started: list[Server] = []

    def start(installation: Installation, *arguments: str, **environ: str) -> Server:
        started.append(InstalledServer(installation.command, *arguments, environ={**installation.environ, **environ}))
        return started[-1]

    yield start
    faults = []
    for each in started:
        try:
            each.finish()
        except AssertionError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
