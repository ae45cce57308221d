"""The floors: the least work that a server can do, built here from Benchmarks/floors."""
from __future__ import annotations

import os
import shutil
import subprocess
from typing import List, Optional

from .base import BENCHMARKS, Absent, Kind, Server
from .scenario import Scenario

SOURCES = os.path.join(BENCHMARKS, "floors")
BUILT = os.path.join(BENCHMARKS, ".build")
# No -march=native: the Swift compiler targets the baseline too, and valgrind does not know the newest instructions.
COMPILE = ["gcc", "-std=gnu11", "-O3", "-Wall", "-Wextra"]


class Floor(Server):
    def __init__(self, kind: Kind):
        self.kind = kind
        self.name = f"{kind.value}-floor"
        self._program = os.path.join(BUILT, f"{kind.value}_floor")

    def prepare(self) -> None:
        source = os.path.join(SOURCES, f"{self.kind.value}_floor.c")
        newest = max(os.path.getmtime(path) for path in (source, os.path.join(SOURCES, "floor.h")))
        if os.path.exists(self._program) and os.path.getmtime(self._program) > newest:
            return
        if shutil.which(COMPILE[0]) is None:
            raise Absent("not built (apt-get install gcc)")
        os.makedirs(BUILT, exist_ok=True)
        libraries = ["-luring"] if self.kind is Kind.URING else []
        result = subprocess.run(
            COMPILE + ["-o", self._program, source] + libraries, stderr=subprocess.PIPE, text=True
        )
        if result.returncode != 0:
            raise Absent(f"not built (apt-get install liburing-dev): {result.stderr.strip().splitlines()[0]}")

    def left_out(self, scenario: Scenario) -> Optional[str]:
        return None if scenario.hello else "parses no request, so it has one answer only"

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        command = [self._program, str(port)]
        if scenario.requests_per_connection:
            command += ["--close-every", str(scenario.requests_per_connection)]
        return command

    def command_until(self, port: int, requests: int) -> List[str]:
        return [self._program, str(port), "--exit-after", str(requests)]
