"""The interpreter of the Python servers: an environment of its own under Benchmarks/.build, with the versions that Benchmarks/peers/python.txt names."""
from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from typing import List, Optional, Tuple

from .base import BENCHMARKS, Absent
from .floors import BUILT

VERSIONS_FILE = os.path.join(BENCHMARKS, "peers", "python.txt")
VERSION_DEFAULT = "3.13"
QUESTION = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3], sysconfig.get_path('include'), sys._base_executable)"


class PythonEnvironment:
    def __init__(self, interpreter: Optional[str]):
        interpreter = interpreter or _found()
        answer = _asked(interpreter)
        if answer is None:
            raise SystemExit(f"{interpreter} is not an interpreter that runs")
        self.version, self.include, self.interpreter = answer
        self._directory = os.path.join(BUILT, f"python-{self.version}")
        self.program = os.path.join(self._directory, "bin", "python")

    @property
    def has_eager_tasks(self) -> bool:
        return tuple(map(int, self.version.split(".")[:2])) >= (3, 12)

    def require(self, *packages: str) -> None:
        """Installs them unless they are there; raises Absent."""
        if not os.path.exists(self.program):
            _run([self.interpreter, "-m", "venv", self._directory], "no environment could be made")
        # A stamp that is younger than the list says that pip has done it.
        stamp = os.path.join(self._directory, "installed-" + "-".join(packages))
        if os.path.exists(stamp) and os.path.getmtime(stamp) > os.path.getmtime(VERSIONS_FILE):
            return
        print(f"installing {', '.join(packages)} for Python {self.version}", file=sys.stderr, flush=True)
        _run([self.program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", VERSIONS_FILE, *packages], "not installed")
        with open(stamp, "w"):
            pass

    def versions(self, packages: List[str]) -> str:
        """For the head of a result."""
        program = (
            "import importlib.metadata as m, sys\n"
            "for name in sys.argv[1:]:\n"
            "    try: print(name, m.version(name))\n"
            "    except m.PackageNotFoundError: pass"
        )
        output = subprocess.run([self.program, "-c", program, *packages], stdout=subprocess.PIPE, text=True).stdout
        return ", ".join(output.splitlines())


def _asked(interpreter: str) -> Optional[Tuple[str, str, str]]:
    try:
        result = subprocess.run([interpreter, "-c", QUESTION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    fields = result.stdout.split()
    return (fields[0], fields[1], fields[2]) if result.returncode == 0 and len(fields) == 3 else None


def _found() -> str:
    """The newest one of the default version: on the PATH, or among pyenv's."""
    name = f"python{VERSION_DEFAULT}"
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for candidate in [shutil.which(name) or name, *sorted(glob.glob(os.path.join(root, "versions", f"{VERSION_DEFAULT}.*", "bin", "python3")), reverse=True)]:
        # pyenv puts a program of that name on the PATH even when it would refuse to run.
        if _asked(candidate):
            return candidate
    raise SystemExit(f"there is no Python {VERSION_DEFAULT}; name another one with --python")


def _run(command: List[str], failure: str) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        lines = [line for line in result.stdout.splitlines() if line.strip()]
        raise Absent(f"{failure}: {lines[-1] if lines else 'no reason given'}")
