"""The ASGI floor: the least work that has a real application in the same process answer. Built here from Benchmarks/floors/asgi_floor.c."""
from __future__ import annotations

import os
from enum import IntEnum
from typing import List, Optional

from .application import ApplicationScenario, ApplicationServer
from .base import Absent, Kind
from .floors import BUILT, SOURCES, build
from .python import PythonEnvironment
from .scenario import Group


class Mode(IntEnum):
    """As asgi_floor.c numbers them."""

    COROUTINE = 0
    WSGI = 1
    TASK = 2


class ASGIFloor(ApplicationServer):
    kind = Kind.URING

    def __init__(self, python: PythonEnvironment, mode: Mode):
        super().__init__(python)
        self.mode = mode
        self.name = {Mode.TASK: "asgi-floor", Mode.COROUTINE: "asgi-floor-no-task", Mode.WSGI: "wsgi-floor"}[mode]
        self.built = os.path.join(BUILT, f"floor-python-{python.version}")

    def prepare(self) -> None:
        super().prepare()
        if self.mode is Mode.TASK and not self.python.has_eager_tasks:
            raise Absent("eager tasks need Python 3.12")
        build("asgi_floor.c", os.path.join(self.built, "asgi_floor.so"), ["-shared", "-fPIC", f"-I{self.python.include}"], ["-luring"])

    def left_out(self, scenario: ApplicationScenario) -> Optional[str]:
        if scenario.group is Group.ECHO:
            return "does not read the bodies of requests"
        if scenario.is_file:
            return "sends no files"
        if self.mode is not Mode.TASK and not scenario.hello:
            return "for hello only: its applications must not wait"
        return None

    def command(self, port: int, scenario: ApplicationScenario, directory: str) -> List[str]:
        application = "plain:wsgi" if self.mode is Mode.WSGI else self.application(scenario)
        return [self.python.program, os.path.join(SOURCES, "asgi_floor_run.py"), self.built, str(port), str(int(self.mode)), application]
