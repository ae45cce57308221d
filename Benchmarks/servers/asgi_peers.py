"""The ASGI servers to compare with, each with what makes it fastest among what its own extras offer: uvloop, and a parser in C."""
from __future__ import annotations

import os
from typing import List

from .application import ApplicationScenario, ApplicationServer
from .base import write


class Uvicorn(ApplicationServer):
    name = "uvicorn"
    packages = ["uvicorn", "httptools", "uvloop"]

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        options = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        return [self.python.program, "-m", "uvicorn", *options, self.application(scenario)]


class Granian(ApplicationServer):
    name = "granian"
    packages = ["granian", "uvloop"]
    sends_files = True

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        options = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--loop", "uvloop", "--no-access-log"]
        return [self.python.program, "-m", "granian", *options, self.application(scenario)]


class Gunicorn(ApplicationServer):
    name = "gunicorn"
    # The newest release that can be had together with its parser in C.
    packages = ["gunicorn[fast]", "uvloop"]

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        options = ["--worker-class", "asgi", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--asgi-loop", "uvloop", "--no-control-socket"]
        return [self.python.program, "-m", "gunicorn", *options, self.application(scenario)]


class Hypercorn(ApplicationServer):
    name = "hypercorn"
    packages = ["hypercorn", "uvloop"]

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        # It would close every connection after a thousand requests, which nobody else does.
        configuration = write(directory, "hypercorn.toml", b"keep_alive_max_requests = 1000000000\n")
        options = ["--config", configuration, "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "uvloop"]
        return [self.python.program, "-m", "hypercorn", *options, self.application(scenario)]


class Daphne(ApplicationServer):
    name = "daphne"
    packages = ["daphne"]
    fields_missing = ["date"]

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        # Verbosity 0: otherwise it logs every request to standard output.
        program = os.path.join(os.path.dirname(self.python.program), "daphne")
        return [self.python.program, program, "--verbosity", "0", "--bind", "127.0.0.1", "--port", str(port), self.application(scenario)]
