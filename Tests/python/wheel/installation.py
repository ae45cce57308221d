"""Where a wheel is installed: a virtual environment of one interpreter, and what commands in it are run with."""
from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from interpreters import VERSIONS, Interpreter, all_interpreters

BUILD_SECONDS_MAX = 1200
INSTALL_SECONDS_MAX = 300


@dataclass(frozen=True)
class Installation:
    """A virtual environment with nothing in it but what the wheel brings and asks for."""

    interpreter: Interpreter
    directory: Path
    # Empty: there is neither Swift nor anything else on the PATH.
    path: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin/python"

    @property
    def command(self) -> Path:
        return self.directory / "bin/martlet"

    @property
    def packages(self) -> Path:
        return self.directory / f"lib/python{self.interpreter.version}/site-packages"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": str(self.path), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}


def each_interpreter() -> list[object]:
    """A parameter for each installation of a version; a version that is not there is one that is skipped."""
    parameters: list[object] = []
    for version in VERSIONS:
        found = [each for each in all_interpreters() if each.version == version]
        parameters += [pytest.param(each, id=str(each)) for each in found]
        if not found:
            parameters.append(pytest.param(None, id=version, marks=pytest.mark.skip(reason=f"no Python {version} is installed")))
    return parameters


def checked(*command: str | Path, seconds: float, environ: dict[str, str] | None = None) -> str:
    """The output of a command that has to succeed."""
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds, env=environ)
    assert ended.returncode == 0, f"{' '.join(map(str, command))} ended with {ended.returncode}:\n{ended.stdout}"
    return ended.stdout
