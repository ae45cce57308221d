"""The applications of `Benchmarks/run asgi`, as Martlet and the ASGI floor serve them: each answer has the fields and the body that it is measured with."""
from __future__ import annotations

import glob
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from io_uring_permission import reason_without_io_uring
from measure.answer import WrongAnswer
from servers.application import ApplicationScenario, ApplicationServer
from servers.asgi_floor import ASGIFloor, Mode
from servers.asgi_martlet import MartletASGI
from servers.asgi_scenarios import SCENARIOS
from servers.base import Kind, started
from servers.floors import build

CORE = min(os.sched_getaffinity(0))
HELLO = SCENARIOS[0]
PLAIN = [scenario for scenario in SCENARIOS if scenario.application.startswith("plain:")]
by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


class Interpreter:
    """In the place of the benchmarks' own environment, which pip would have to fill."""

    def __init__(self, program: str, version: str, include: str) -> None:
        self.program = self.interpreter = program
        self.version, self.include = version, include


THIS = Interpreter(sys.executable, "%d.%d.%d" % sys.version_info[:3], sysconfig.get_path("include"))


def interpreter_with_eager_tasks() -> Interpreter:
    """This one, or any other of the machine; what it serves then needs no packages."""
    question = "import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3], sysconfig.get_path('include'))"
    others = glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[2-9].*/bin/python3"))
    for program in [sys.executable, "python3.13", "python3.12", *sorted(others, reverse=True)]:
        try:
            found = subprocess.run([program, "-c", question], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
        except OSError:
            continue
        if len(found) == 2 and tuple(map(int, found[0].split(".")[:2])) >= (3, 12) and Path(found[1], "Python.h").is_file():
            return Interpreter(program, *found)
    pytest.skip("there is no Python 3.12 or newer with its headers here")


def built_floor(interpreter: Interpreter, mode: Mode, directory: Path) -> ASGIFloor:
    if reason := reason_without_io_uring():
        pytest.skip(reason)
    floor = ASGIFloor(interpreter, mode)
    floor.built = str(directory)
    build("asgi_floor.c", str(directory / "asgi_floor.so"), ["-shared", "-fPIC", f"-I{interpreter.include}"], ["-luring"])
    return floor


def ask(server: ApplicationServer, scenario: ApplicationScenario) -> None:
    """`started` itself compares status, fields and body, and raises when something is wrong."""
    with started(server, scenario, CORE) as instance:
        assert instance.process.running()
        assert instance.extra_fields == frozenset()


@by_name
def test_martlet_answers_as_it_is_measured_for(scenario: ApplicationScenario, engine: str) -> None:
    ask(MartletASGI(THIS, Kind(engine)), scenario)


@pytest.mark.parametrize("mode", [Mode.COROUTINE, Mode.WSGI])
def test_floor_without_a_task_answers_hello(mode: Mode, tmp_path: Path) -> None:
    floor = built_floor(THIS, mode, tmp_path)
    assert [scenario.name for scenario in SCENARIOS if not floor.left_out(scenario)] == [HELLO.name]
    ask(floor, HELLO)


@by_name
def test_floor_with_tasks_answers_all_that_it_is_not_left_out_of(scenario: ApplicationScenario, tmp_path: Path) -> None:
    interpreter = interpreter_with_eager_tasks()
    floor = built_floor(interpreter, Mode.TASK, tmp_path)
    if floor.left_out(scenario):
        pytest.skip("left out of the measurement, too")
    if scenario not in PLAIN and interpreter.program != sys.executable:
        pytest.skip("the tests' interpreter, which has the frameworks, has no eager tasks")
    ask(floor, scenario)


def test_fields_that_a_server_lacks_come_from_the_application() -> None:
    class WithoutDate(MartletASGI):
        fields_missing = ["date"]

        def command(self, port: int, scenario: ApplicationScenario, directory: str) -> list[str]:
            return [*super().command(port, scenario, directory), "--no-date-header"]

    for scenario in SCENARIOS:
        ask(WithoutDate(THIS, Kind.EPOLL), scenario)


def test_wrong_body_is_found() -> None:
    with pytest.raises(WrongAnswer, match="another body"):
        ask(MartletASGI(THIS, Kind.EPOLL), replace(HELLO, answer=b"Hello"))
