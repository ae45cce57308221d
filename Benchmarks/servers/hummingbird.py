"""Hummingbird: the Swift peer, on SwiftNIO's epoll. Built here from Benchmarks/peers/hummingbird-hello."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import List

from .base import BENCHMARKS, Absent, Kind, Server
from .scenario import Scenario

# Not "hummingbird": SwiftPM identifies a package by its folder, and that name is the dependency's.
PACKAGE = os.path.join(BENCHMARKS, "peers", "hummingbird-hello")
# As a user would build it.
BUILD = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "hummingbird-hello"]


class Hummingbird(Server):
    name = "hummingbird"
    kind = Kind.EPOLL

    def __init__(self, rebuild: bool = False):
        self._rebuild = rebuild
        self._program = os.path.join(PACKAGE, ".build", "release", "hummingbird-hello")

    def prepare(self) -> None:
        if os.access(self._program, os.X_OK) and not self._rebuild:
            return
        if shutil.which(BUILD[0]) is None:
            raise Absent("not built (needs the Swift compiler)")
        print("building Hummingbird, which takes minutes and needs the network", file=sys.stderr, flush=True)
        result = subprocess.run(
            BUILD, cwd=PACKAGE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if result.returncode != 0:
            errors = [line for line in result.stdout.splitlines() if "error" in line]
            raise Absent(f"not built: {errors[0] if errors else 'the build failed'}")
        self._rebuild = False

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        return [self._program, str(port)]
