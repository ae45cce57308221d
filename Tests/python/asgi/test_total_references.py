"""Under Debian's debug interpreter, which counts all references there are: not one more after a thousand requests of each kind."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

import application_server
from asgi.conftest import Serve
from raw_http import Connection, get, post
from server_process import REPOSITORY

DEBUG_PYTHON = "/usr/bin/python3-dbg"
WARM_UP = 300
REQUESTS = 1000
BUILD_SECONDS_MAX = 900
KINDS = {
    "whole": get("/"), "echo": post(b"x" * 100, target="/echo"), "large-echo": post(b"x" * 50_000, target="/echo"), "stream": get("/stream"),
    "raise": get("/raise"), "refused": get("/refused"),
}


@pytest.fixture(scope="module")
def debug_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with an extension for the debug interpreter, and what it depends on."""
    assert os.path.exists(DEBUG_PYTHON), f"{DEBUG_PYTHON} is missing; on Debian: apt-get install python3-dbg python3-dev"
    packages = tmp_path_factory.mktemp("debug")
    shutil.copytree(REPOSITORY / "Sources/python/martlet", packages / "martlet", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    subprocess.run([REPOSITORY / "Tools/extension", DEBUG_PYTHON, packages / "martlet"], check=True, timeout=BUILD_SECONDS_MAX)
    shutil.copytree(Path(click.__file__).parent, packages / "click")
    return packages


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_no_reference_is_left(serve: Serve, debug_package: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_server, "COMMAND", [DEBUG_PYTHON, "-m", "martlet"])
    monkeypatch.setattr(application_server, "PACKAGES", str(debug_package))
    server = serve("counting:application")
    with Connection(server.address) as connection:
        def total() -> int:
            connection.request(get("/references"))
            return int(connection.request(get("/references")).body)

        for _ in range(WARM_UP):
            connection.request(KINDS[kind])
        before = total()
        for _ in range(REQUESTS):
            connection.request(KINDS[kind])
        assert total() == before
