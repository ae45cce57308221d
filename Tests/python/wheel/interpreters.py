"""The interpreters of this machine that Martlet is for: those of pyenv, those of the system, and the one that runs the tests."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
ASK_SECONDS_MAX = 30
QUESTION = """
import json, sys, sysconfig
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2], "release": "%d.%d.%d" % sys.version_info[:3], "home": sys.base_prefix,
    "include": sysconfig.get_path("include"), "usable": sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED"),
}))
"""


@dataclass(frozen=True)
class Interpreter:
    path: Path
    version: str
    release: str
    home: str
    has_headers: bool

    @property
    def is_own(self) -> bool:
        """The one that the tests run with; `.venv` was made by it."""
        return self.home == sys.base_prefix

    def __str__(self) -> str:
        return f"{self.release}-system" if self.home == "/usr" else self.release


def _asked(path: Path) -> Interpreter | None:
    try:
        answer = subprocess.run([path, "-I", "-c", QUESTION], capture_output=True, text=True, timeout=ASK_SECONDS_MAX)
    except OSError:
        return None
    if answer.returncode != 0:
        return None
    facts = json.loads(answer.stdout)
    if not facts["usable"] or facts["version"] not in VERSIONS:
        return None
    return Interpreter(path, facts["version"], facts["release"], facts["home"], (Path(facts["include"]) / "Python.h").is_file())


@lru_cache
def all_interpreters() -> list[Interpreter]:
    """One for each installation, by version."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [Path(sys.base_prefix) / f"bin/python{sys.version_info[0]}.{sys.version_info[1]}"]
    places += sorted(versions.glob("3.*/bin/python"))
    places += [directory / f"python{version}" for directory in (Path("/usr/bin"), Path("/usr/local/bin")) for version in VERSIONS]
    found: dict[str, Interpreter] = {}
    for place in places:
        interpreter = _asked(place) if place.exists() else None
        if interpreter is not None:
            # Two versions may share a prefix, as /usr.
            found.setdefault(f"{interpreter.home} {interpreter.version}", interpreter)
    return sorted(found.values(), key=lambda each: (VERSIONS.index(each.version), not each.is_own))


def builder(version: str) -> Interpreter | None:
    """Who makes the wheel of a version: its wheel runs on every installation of that version."""
    return next((each for each in all_interpreters() if each.version == version and each.has_headers), None)
