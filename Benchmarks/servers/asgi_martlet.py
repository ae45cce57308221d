"""Martlet as the server of a Python application, on either of its engines. The extension is built here, by Tools/extension."""
from __future__ import annotations

import os
import subprocess
from typing import Dict, List

from .application import ApplicationScenario, ApplicationServer
from .base import REPOSITORY, Absent, Kind
from .python import PythonEnvironment

OWN_PACKAGES = os.path.join(REPOSITORY, "Sources", "python")


class MartletASGI(ApplicationServer):
    packages = ["click"]
    sends_files = True

    def __init__(self, python: PythonEnvironment, kind: Kind):
        super().__init__(python)
        self.kind = kind
        self.name = f"martlet-{kind.value}"
        # Another build to measure: the directory in which its package is.
        self._packages = os.environ.get("MARTLET_PACKAGES") or OWN_PACKAGES

    def prepare(self) -> None:
        super().prepare()
        if self._packages != OWN_PACKAGES:
            return
        command = [os.path.join(REPOSITORY, "Tools", "extension"), self.python.interpreter]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            raise Absent(f"not built: {(result.stdout.strip().splitlines() or ['no output'])[-1]}")

    def environment(self, scenario: ApplicationScenario, directory: str) -> Dict[str, str]:
        environment = super().environment(scenario, directory)
        return {**environment, "PYTHONPATH": os.pathsep.join([self._packages, environment["PYTHONPATH"]])}

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        options = ["--bind", f"127.0.0.1:{port}", "--engine", self.kind.value, "--no-access-log"]
        return [self.python.program, "-m", "martlet", *options, self.application(scenario)]
