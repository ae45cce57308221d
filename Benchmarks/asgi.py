"""The ASGI scenarios: Martlet's Python host against other ASGI servers and against the ASGI floor, with the same applications."""
from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack
from typing import Callable, Dict, List, Optional, Sequence

from measure import machine
from measure.answer import WrongAnswer
from measure.load import LoadFailed, Run
from measure.pairs import alternate, ratio
from measure.report import Row, heading, markdown_table, table
from measure.rest import Rest, answers, rest
from servers.application import ApplicationServer
from servers.asgi_floor import ASGIFloor, Mode
from servers.asgi_martlet import MartletASGI
from servers.asgi_peers import Daphne, Granian, Gunicorn, Hypercorn, Uvicorn
from servers.asgi_scenarios import SCENARIOS
from servers.base import Instance, Kind, Server, placed, started
from servers.python import PythonEnvironment
from servers.scenario import Scenario
import session
from session import PLACEMENT, SERVER_CORE, Plan, Result, make_plan, progress, warm_up

SECONDS_QUICK = 2
STARTS_DEFAULT = 11
STARTS_QUICK = 2
# Where the floor takes no part, the peer that most people know.
REFERENCES = ["asgi-floor", "uvicorn"]
TWIN = "A/A"
# Servers run at the same time here and share the interpreter's pages, so only what is nobody else's can be told.
MEMORY = "Pss_Anon"
HELLO = SCENARIOS[0]


class Failed(Exception):
    """One of the servers has broken off the rounds of all."""

    def __init__(self, name: str, reason: str):
        super().__init__(reason)
        self.name = name


def all_servers(python: PythonEnvironment) -> List[ApplicationServer]:
    """Near each other in this order what is compared with each other: drift grows with the time between two runs."""
    return [
        MartletASGI(python, Kind.EPOLL),
        MartletASGI(python, Kind.URING),
        ASGIFloor(python, Mode.TASK),
        ASGIFloor(python, Mode.COROUTINE),
        Granian(python),
        Uvicorn(python),
        Gunicorn(python),
        Hypercorn(python),
        Daphne(python),
    ]


def add_options(parser: argparse.ArgumentParser) -> None:
    names = ["martlet-epoll", "martlet-uring", "asgi-floor", "asgi-floor-no-task"] + [peer.name for peer in (Granian, Uvicorn, Gunicorn, Hypercorn, Daphne)]
    session.add_options(parser, SCENARIOS, names, SECONDS_QUICK)
    parser.add_argument("--python", help="the interpreter of all servers (default: the newest 3.13)")


def measure(options: argparse.Namespace, command: Sequence[str]) -> None:
    python = PythonEnvironment(options.python)
    servers = all_servers(python)
    plan = make_plan(options, SCENARIOS, servers, SECONDS_QUICK)
    facts = machine.facts(["C compiler", "Swift compiler", "wrk"])
    facts["Python"] = python.version
    facts["Packages"] = python.versions(["granian", "uvicorn", "httptools", "uvloop", "gunicorn", "gunicorn_h1c", "hypercorn", "daphne", "fastapi", "django"])
    facts["Command"] = f"`{' '.join(command)}`: {plan.pairs} rounds of {plan.seconds} s for each server, every other round in the opposite order"
    facts["Placement"] = PLACEMENT
    result = Result(options.output)
    result.add(heading("ASGI: Martlet against its floor and its peers", facts))
    group = None
    for scenario in plan.scenarios:
        if scenario.group is not group:
            result.add(f"## {scenario.group.value}")
        result.add(_measure_scenario(plan, scenario, with_twin=scenario.group is not group))
        group = scenario.group
    result.add("## At rest", _at_rest(plan, python, STARTS_QUICK if options.quick else STARTS_DEFAULT))
    result.finish()


def _measure_scenario(plan: Plan, scenario: Scenario, with_twin: bool) -> str:
    rows = {name: Row(name, absent=plan.reason_against(name, scenario) or "") for name in plan.servers}
    runs: Dict[str, List[Run]] = {}
    with ExitStack() as running:
        instances: Dict[str, Instance] = {}
        for name, server in _taking_part(plan, scenario, with_twin).items():
            progress(scenario.name, f"starting {name}")
            try:
                instances[name] = running.enter_context(started(server, scenario, SERVER_CORE, MEMORY))
                warm_up(instances[name], scenario)
            except (WrongAnswer, LoadFailed) as failure:
                instances.pop(name, None)
                _note_absence(rows, name, str(failure))
        while instances and not runs:
            progress(scenario.name, f"{plan.pairs} rounds of {', '.join(instances)}")
            try:
                found = alternate([_loading(plan, name, instances[name], scenario) for name in instances], plan.pairs)
                runs = dict(zip(instances, found))
            except Failed as failure:
                del instances[failure.name]
                _note_absence(rows, failure.name, str(failure))
        for name, instance in instances.items():
            if name in rows:
                _fill(rows[name], instance, scenario, runs)
    parts = [f"### {scenario.name}: {scenario.description}", table(list(rows.values()), "anonymous"), *_direct_comparisons(runs)]
    return "\n\n".join(parts)


def _taking_part(plan: Plan, scenario: Scenario, with_twin: bool) -> Dict[str, Server]:
    """And, at the far end of the round, the same server once more, for the A/A line: a pessimistic one."""
    taking_part = {name: server for name in plan.servers if (server := plan.present(name, scenario))}
    first = _twin_of(taking_part)
    return {**taking_part, TWIN: taking_part[first]} if with_twin and first else taking_part


def _twin_of(names: Dict[str, object]) -> Optional[str]:
    return next(iter(names), None)


def _note_absence(rows: Dict[str, Row], name: str, reason: str) -> None:
    if name in rows:  # the twin has none
        rows[name].absent = reason


def _loading(plan: Plan, name: str, instance: Instance, scenario: Scenario) -> Callable[[], Run]:
    def load() -> Run:
        try:
            return plan.load(instance, scenario)
        except LoadFailed as failure:
            raise Failed(name, str(failure)) from None

    return load


def _fill(row: Row, instance: Instance, scenario: Scenario, runs: Dict[str, List[Run]]) -> None:
    row.runs = runs[row.server]
    row.memory_rest_bytes = instance.memory_rest_bytes
    row.memory_after_bytes = instance.process.memory_bytes(MEMORY)
    row.notes = instance.server.notes(scenario)
    if instance.extra_fields:
        row.notes.append(f"also sends {', '.join(sorted(instance.extra_fields))}")
    reference = next((name for name in REFERENCES if name in runs), None)
    if reference and reference != row.server:
        row.reference = reference
        row.ratio = ratio(row.runs, runs[reference])


def _direct_comparisons(runs: Dict[str, List[Run]]) -> List[str]:
    """Each engine against everybody, published whoever wins, and the A/A line."""
    lines = []
    for name in runs:
        if not name.startswith("martlet-"):
            continue
        others = [other for other in runs if other not in (name, TWIN)]
        if others:
            lines.append(f"{name} to " + "; ".join(f"{other} {ratio(runs[name], runs[other])}" for other in others) + ".")
    if TWIN in runs and len(runs) > 1:
        first = _twin_of(runs)
        noise = ratio(runs[first], runs[TWIN])
        lines.append(f"A/A, {first} to itself at the other end of the round: {noise}, {noise.pairs} rounds.")
    return lines


def _at_rest(plan: Plan, python: PythonEnvironment, starts: int) -> str:
    """The hello application, one server at a time."""
    own = [_rest_of(_Imported(python)) for _ in range(starts)]
    lines = [["python -c 'import asyncio, plain'", *_rest_cells(own, own), ""]]
    for name in plan.servers:
        server = plan.present(name, HELLO)
        if server is None:
            lines.append([name, *["–"] * 5, plan.reason_against(name, HELLO) or ""])
            continue
        progress("at rest", name)
        try:
            found = [_rest_of(server) for _ in range(starts)]
            lines.append([name, *_rest_cells(found, own), ""])
        except WrongAnswer as failure:
            lines.append([name, *["–"] * 5, str(failure)])
    columns = ("server", "PSS MiB", "above the import", "start to first answer, ms", "above the import", "processes", "notes")
    return "\n\n".join([f"The hello application, medians of {starts} starts; the whole process tree.", markdown_table(columns, lines)])


def _rest_cells(found: List[Rest], own: List[Rest]) -> List[str]:
    mebibytes, milliseconds = (
        [statistics.median(value(one) for one in of) for of in (found, own)]
        for value in (lambda one: one.memory_bytes / 2**20, lambda one: one.start_milliseconds)
    )
    return [
        f"{mebibytes[0]:.1f}",
        f"{mebibytes[0] - mebibytes[1]:+.1f}",
        f"{milliseconds[0]:.0f}",
        f"{milliseconds[0] - milliseconds[1]:+.0f}",
        str(max(one.processes for one in found)),
    ]


class _Imported(ApplicationServer):
    """No server: what the interpreter costs that has imported the application and asyncio."""

    name = "python"

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        return [self.python.program, "-c", "import asyncio, plain, time; print('imported', flush=True); time.sleep(60)"]


def _rest_of(server: Server) -> Rest:
    begun = time.monotonic()
    with placed(server, HELLO, SERVER_CORE) as (process, port):
        if isinstance(server, _Imported):
            return rest(begun, process, lambda: process.log_tail() == "imported")
        return rest(begun, process, lambda: answers(port, server.path(HELLO)))
