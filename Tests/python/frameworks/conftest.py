"""Fixtures: one server for each framework, with the same routes, and files that it serves."""
from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Iterator

import httpx
import pytest

from application_server import ApplicationServer

APPLICATIONS = Path(__file__).parent / "apps"
FRAMEWORKS = ["fastapi", "starlette", "django", "quart", "litestar"]
REQUEST_SECONDS_MAX = 20.0
_keys = itertools.count(1)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("static")
    (directory / "small.txt").write_bytes(b"a small file\n")
    (directory / "empty.txt").write_bytes(b"")
    (directory / "large.bin").write_bytes(b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1 << 16)))
    return directory


@pytest.fixture(scope="session", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return request.param


def start(framework: str, files: Path, *options: str) -> ApplicationServer:
    return ApplicationServer(f"{framework}_app:application", *options, directory=APPLICATIONS, environment={"STATIC_DIRECTORY": str(files)})


@pytest.fixture(scope="session")
def _running(framework: str, files: Path) -> Iterator[dict[str, ApplicationServer]]:
    holder: dict[str, ApplicationServer] = {}
    yield holder
    for server in holder.values():
        server.finish()


@pytest.fixture
def served(framework: str, files: Path, _running: dict[str, ApplicationServer]) -> Iterator[ApplicationServer]:
    """The server of the framework. The test in which it ends fails; the next one gets a new one."""
    if framework not in _running:
        _running[framework] = start(framework, files)
    server = _running[framework]
    yield server
    if not server.is_running:
        _running.pop(framework).finish()


@pytest.fixture
def client(served: ApplicationServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=REQUEST_SECONDS_MAX, trust_env=False) as client:
        yield client


@pytest.fixture
def key() -> str:
    """A name that no other test notes under."""
    return f"f{next(_keys)}"
