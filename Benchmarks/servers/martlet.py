"""Martlet itself: martlet-hello, on either of its engines."""
from __future__ import annotations

import os
from typing import List

from .base import REPOSITORY, Absent, Kind, Server
from .scenario import Scenario

BUILD = "swift build -c release --static-swift-stdlib --product martlet-hello"


class Martlet(Server):
    def __init__(self, kind: Kind):
        self.kind = kind
        self.name = f"martlet-{kind.value}"
        self._program = os.environ.get("MARTLET_HELLO") or os.path.join(
            REPOSITORY, ".build", "release", "martlet-hello"
        )

    def prepare(self) -> None:
        if not os.access(self._program, os.X_OK):
            raise Absent(f"not built ({BUILD}, or set MARTLET_HELLO)")

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        return self._command(port)

    def command_until(self, port: int, requests: int) -> List[str]:
        return self._command(port) + ["--exit-after", str(requests)]

    def _command(self, port: int) -> List[str]:
        return [self._program, "--bind", f"127.0.0.1:{port}", "--engine", self.kind.value, "--cores", "0"]
