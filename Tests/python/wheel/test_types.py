"""The package is typed: mypy finds nothing for any Python that it runs on, and the stub of the extension module says what is in it."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interpreters import VERSIONS
from server_process import REPOSITORY

SECONDS_MAX = 110


def mypy(*arguments: str, directory: Path = REPOSITORY, path: str = "Sources/python") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "MYPYPATH": str(REPOSITORY / path), "PYTHONPATH": str(REPOSITORY / path), "MYPY_CACHE_DIR": str(REPOSITORY / ".build/mypy")}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=directory, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX)


@pytest.mark.parametrize("version", VERSIONS)
def test_strict(version: str) -> None:
    ended = mypy("mypy", "--python-version", version)
    assert ended.returncode == 0 and "no issues found in" in ended.stdout, ended.stdout


def test_stub() -> None:
    ended = mypy("mypy.stubtest", "martlet._martlet", "--mypy-config-file", "pyproject.toml")
    assert ended.returncode == 0 and "no issues found in 1 module" in ended.stdout, ended.stdout


def test_what_users_write(tmp_path: Path) -> None:
    """The types that the package shows to others, with a mistake that has to be found."""
    program = tmp_path / "program.py"
    program.write_text(
        "import martlet\n\nloop: martlet.Loop = martlet.new_event_loop()\nname: str = loop.engine_name\nmartlet.run('app:app', port=8000)\n"
        "wrong: int = loop.engine_name\n")
    ended = mypy("mypy", "--strict", str(program), directory=tmp_path)
    assert "Found 1 error in 1 file" in ended.stdout and "program.py:6:" in ended.stdout, ended.stdout
