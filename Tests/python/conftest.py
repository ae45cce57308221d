"""Fixtures: a server per test with its own options, and one that tests without special wishes share, each on both engines."""
from __future__ import annotations

import signal
from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest

from io_uring_permission import reason_without_io_uring
from raw_http import Connection
from server_process import PROGRAM, Server

TEST_SECONDS_MAX = 60
TEST_SECONDS_MAX_LONG = 900

StartServer = Callable[..., Server]


@pytest.fixture(autouse=True)
def bounded_time(request: pytest.FixtureRequest) -> Iterator[None]:
    seconds = TEST_SECONDS_MAX_LONG if request.node.get_closest_marker("long") else TEST_SECONDS_MAX

    def expire(*_: object) -> None:
        raise TimeoutError(f"the test took more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="session", params=["uring", "epoll"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "uring" and (reason := reason_without_io_uring()):
        pytest.skip(reason)
    return request.param


@pytest.fixture
def server(engine: str) -> Iterator[StartServer]:
    """Starts servers with the given options: `server("--timeout-header", "1")`. A crash of one fails the test."""
    started: list[Server] = []

    def start(*options: str, launcher: Sequence[str] = (), program: Path = PROGRAM) -> Server:
        started.append(Server("--engine", engine, *options, launcher=launcher, program=program))
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


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of /sendfile, and beside it a file that nobody may get."""
    outer = tmp_path_factory.mktemp("files")
    directory = outer / "root"
    directory.mkdir()
    (directory / "empty").write_bytes(b"")
    (directory / "small.txt").write_bytes(b"a small file\n")
    # Larger than any socket buffer, and not a repetition, so that misplaced pieces show.
    (directory / "large.bin").write_bytes(b"".join(number.to_bytes(4, "big") for number in range(1 << 20)))
    (directory / "folder").mkdir()
    (directory / "link-out").symlink_to(outer / "secret.txt")
    (outer / "secret.txt").write_bytes(b"secret\n")
    (outer / "root-beside").mkdir()
    (outer / "root-beside" / "secret.txt").write_bytes(b"secret\n")
    return directory


@pytest.fixture(scope="session")
def _shared(engine: str, root: Path) -> Iterator[dict[str, Server]]:
    holder: dict[str, Server] = {}
    yield holder
    if "server" in holder:
        holder["server"].finish()


@pytest.fixture
def hello(engine: str, root: Path, _shared: dict[str, Server]) -> Iterator[Server]:
    """The server that tests share. The test in which it ends fails; the next one gets a new one."""
    if "server" not in _shared:
        _shared["server"] = Server("--engine", engine, "--root", str(root))
    server = _shared["server"]
    yield server
    if not server.is_running:
        _shared.pop("server").finish()


@pytest.fixture
def connection(hello: Server) -> Iterator[Connection]:
    with Connection(hello.address) as connection:
        yield connection
