"""Runs the command that a wheel has installed, with an environment of its own."""
from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Mapping

from server_process import START_SECONDS_MAX, Server, ServerFault

APPS = Path(__file__).resolve().parent / "apps"
LISTENING = re.compile(r"listening on (http://\S+)")


class InstalledServer(Server):
    def __init__(self, program: Path, *arguments: str, environ: Mapping[str, str]) -> None:
        variables = [f"{name}={value}" for name, value in environ.items()]
        super().__init__("--app-dir", str(APPS), *arguments, launcher=("/usr/bin/env", "-i", *variables), program=program)

    def _wait_for_addresses(self) -> list[str]:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not (found := LISTENING.findall(self.output)):
            if self.process.poll() is not None:
                self._reader.join(1)
                raise ServerFault(f"{self.command} ended with {self.process.returncode} before it listened:\n{self.output}")
            if time.monotonic() > deadline:
                raise ServerFault(f"{self.command} did not say where it listens within {START_SECONDS_MAX} s:\n{self.output}")
            time.sleep(0.01)
        return found
