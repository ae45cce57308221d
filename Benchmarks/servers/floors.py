"""The floors: the least work that a server can do, built here from Benchmarks/floors."""
from __future__ import annotations

import glob
import os
import shutil
import subprocess
from typing import List, Optional, Sequence

from .base import BENCHMARKS, Absent, Kind, Server
from .scenario import Scenario

SOURCES = os.path.join(BENCHMARKS, "floors")
BUILT = os.path.join(BENCHMARKS, ".build")
# No -march=native: the Swift compiler targets the baseline too, and valgrind does not know the newest instructions.
COMPILE = ["gcc", "-std=gnu11", "-O3", "-Wall", "-Wextra"]


def build(source: str, target: str, options: Sequence[str], libraries: Sequence[str]) -> None:
    """Compiles a file of Benchmarks/floors unless nothing there has changed since; raises Absent."""
    newest = max(os.path.getmtime(path) for path in [os.path.join(SOURCES, source)] + glob.glob(os.path.join(SOURCES, "*.h")))
    if os.path.exists(target) and os.path.getmtime(target) > newest:
        return
    if shutil.which(COMPILE[0]) is None:
        raise Absent("not built (apt-get install gcc)")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    command = COMPILE + [*options, "-o", target, os.path.join(SOURCES, source), *libraries]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Absent(f"not built (apt-get install liburing-dev): {result.stderr.strip().splitlines()[0]}")


class Floor(Server):
    def __init__(self, kind: Kind):
        self.kind = kind
        self.name = f"{kind.value}-floor"
        self._program = os.path.join(BUILT, f"{kind.value}_floor")

    def prepare(self) -> None:
        build(f"{self.kind.value}_floor.c", self._program, [], ["-luring"] if self.kind is Kind.URING else [])

    def left_out(self, scenario: Scenario) -> Optional[str]:
        return None if scenario.hello else "parses no request, so it has one answer only"

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        command = [self._program, str(port)]
        if scenario.requests_per_connection:
            command += ["--close-every", str(scenario.requests_per_connection)]
        return command

    def command_until(self, port: int, requests: int) -> List[str]:
        return [self._program, str(port), "--exit-after", str(requests)]
