"""Where io_uring is refused, `auto` takes epoll and says so in one line, and `uring` says in one sentence why it cannot be had."""
from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from raw_http import Connection, get
from server_process import REPOSITORY, Server, run_to_end

SOURCE = REPOSITORY / "Tests/launchers/refuse_io_uring.c"


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("launchers") / "refuse_io_uring"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", built, SOURCE], check=True)
    return built


@pytest.fixture(params=["EPERM", "ENOSYS"])
def refused(launcher: Path, request: pytest.FixtureRequest) -> tuple[str, ...]:
    return (str(launcher), request.param)


@pytest.fixture
def running(refused: tuple[str, ...]) -> Iterator[Server]:
    server = Server("--engine", "auto", launcher=refused)
    yield server
    server.finish()


def test_auto_falls_back(running: Server) -> None:
    with Connection(running.address) as connection:
        assert connection.request(get("/")).status == 200
    lines = [line for line in running.output.splitlines() if "engine" in line]
    assert len(lines) == 1, running.output
    assert lines[0].startswith("engine: epoll (")
    assert "seccomp" in lines[0]


def test_uring_fails_with_a_sentence(refused: tuple[str, ...]) -> None:
    result = run_to_end("--engine", "uring", "--bind", "127.0.0.1:0", launcher=refused)
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "seccomp" in result.stderr and "--engine epoll" in result.stderr


def test_epoll_needs_no_ring(refused: tuple[str, ...]) -> None:
    server = Server("--engine", "epoll", launcher=refused)
    with Connection(server.address) as connection:
        assert connection.request(get("/")).status == 200
    server.finish()
