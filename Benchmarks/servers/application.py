"""What the servers of Python applications have in common: the same applications, the same answers."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, List, Optional

from measure.answer import Expectation

from .base import BENCHMARKS, Kind, Server, write
from .python import PythonEnvironment
from .scenario import Group, Scenario

APPLICATIONS = os.path.join(BENCHMARKS, "applications")
FILE = "file.bin"


@dataclass(frozen=True)
class ApplicationScenario(Scenario):
    application: str = "plain:hello"
    target: str = "/"
    answer: Optional[bytes] = None  # None: as many bytes as `body_size` says, whatever they are
    is_chunked: bool = False
    is_file: bool = False  # `application` sends a file by its path, and "plain:file_by_reading" does the same without


class ApplicationServer(Server):
    """One worker. Knows neither lifespan nor framework: that is the application's."""

    kind = Kind.EPOLL
    packages: List[str] = []
    # What an answer must carry and this server does not add; the application does so in its place.
    fields_missing: List[str] = []
    sends_files = False

    def __init__(self, python: PythonEnvironment):
        self.python = python

    def prepare(self) -> None:
        self.python.require(*self.packages, "fastapi", "django")

    def application(self, scenario: ApplicationScenario) -> str:
        return "plain:file_by_reading" if scenario.is_file and not self.sends_files else scenario.application

    def environment(self, scenario: ApplicationScenario, directory: str) -> Dict[str, str]:
        environment = {"PYTHONPATH": APPLICATIONS, "BENCHMARK_ADDED_FIELDS": " ".join(self.fields_missing)}
        if scenario.is_file:
            environment["BENCHMARK_FILE"] = write(directory, FILE, b"x" * scenario.body_size)
        return environment

    def notes(self, scenario: ApplicationScenario) -> List[str]:
        notes = [f"the application adds {', '.join(self.fields_missing)}"] if self.fields_missing else []
        if scenario.is_file and not self.sends_files:
            notes.append("the application reads the file, for want of pathsend")
        return notes

    def expectation(self, scenario: ApplicationScenario) -> Expectation:
        posted = b"x" * scenario.body_size if scenario.group is Group.ECHO else None
        return Expectation(
            scenario.target,
            request_body=posted,
            response_body=scenario.answer,
            response_size=scenario.body_size,
            chunked_allowed=scenario.is_chunked,
        )
