"""The native scenarios: which servers are asked what, and what each is compared with."""
from __future__ import annotations

import argparse
from typing import Callable, List, Optional, Sequence, Tuple

from measure import machine
from measure.answer import WrongAnswer
from measure.load import LoadFailed, Run
from measure.pairs import Ratio, alternate, ratio
from measure.report import Row, heading, table
from servers.base import Instance, Kind, Server, started
from servers.floors import Floor
from servers.h2o import H2O
from servers.hummingbird import Hummingbird
from servers.martlet import Martlet
from servers.nginx import Nginx
from servers.scenario import Group, Scenario
import session
from session import PLACEMENT, SERVER_CORE, Plan, Result, make_plan, progress, warm_up

SECONDS_QUICK = 1

SIZES = {"1k": 1 << 10, "10k": 10 << 10, "100k": 100 << 10, "1m": 1 << 20}
SCENARIOS = (
    [
        Scenario(f"hello-{connections}", Group.HELLO, f"GET of 13 bytes, {connections} connections", connections)
        for connections in (64, 512)
    ]
    + [
        Scenario(
            f"hello-{connections}-depth-16",
            Group.PIPELINE,
            f"GET of 13 bytes, {connections} connections, 16 requests at once on each",
            connections,
            depth=16,
        )
        for connections in (64, 512)
    ]
    + [
        Scenario(
            "reconnect-64",
            Group.RECONNECT,
            "GET of 13 bytes, 64 connections at a time, 10 requests on each (on average)",
            64,
            requests_per_connection=10,
        )
    ]
    + [
        Scenario(f"body-{name}", Group.BODIES, f"GET of {size:,} bytes, 64 connections", 64, body_size=size)
        for name, size in SIZES.items()
    ]
    + [
        Scenario(f"echo-{name}", Group.ECHO, f"POST of {size:,} bytes, echoed, 64 connections", 64, body_size=size)
        for name, size in SIZES.items()
    ]
)
FLOORS = {Kind.URING: "uring-floor", Kind.EPOLL: "epoll-floor"}


def add_options(parser: argparse.ArgumentParser) -> None:
    session.add_options(parser, SCENARIOS, [server.name for server in all_servers(False)], SECONDS_QUICK)
    parser.add_argument("--rebuild", action="store_true", help="build Hummingbird even if it has been built")


def all_servers(rebuild: bool) -> List[Server]:
    return [
        Floor(Kind.URING),
        Floor(Kind.EPOLL),
        Martlet(Kind.URING),
        Martlet(Kind.EPOLL),
        Nginx(),
        H2O(),
        Hummingbird(rebuild),
    ]


def measure(options: argparse.Namespace, command: Sequence[str]) -> None:
    plan = make_plan(options, SCENARIOS, all_servers(options.rebuild), SECONDS_QUICK)
    facts = machine.facts(["C compiler", "Swift compiler", "wrk", "nginx", "h2o"])
    facts["Command"] = f"`{' '.join(command)}`: {plan.pairs} alternating pairs of {plan.seconds} s per comparison"
    facts["Placement"] = PLACEMENT
    result = Result(options.output)
    result.add(heading("Native server against the floors and its peers", facts))
    group = None
    for scenario in plan.scenarios:
        if scenario.group is not group:
            group = scenario.group
            result.add(f"## {group.value}", _same_against_same(plan, scenario))
        result.add(_measure_scenario(plan, scenario))
    result.finish()


def _reference(plan: Plan, server: Server, scenario: Scenario) -> Optional[Server]:
    """The floor of the same kind; for the epoll floor the other one; where no floor takes part, the first peer."""
    if server.name == FLOORS[Kind.EPOLL]:
        wanted = [FLOORS[Kind.URING]]
    elif server.name == FLOORS[Kind.URING]:
        wanted = []
    elif scenario.hello:
        wanted = [FLOORS[server.kind]]
    else:
        wanted = ["nginx", "h2o", "hummingbird"]
    for name in wanted:
        if name == server.name:
            return None
        found = plan.present(name, scenario)
        if found:
            return found
    return None


def _measure_scenario(plan: Plan, scenario: Scenario) -> str:
    rows: List[Row] = []
    for name, server in plan.servers.items():
        reason = plan.reason_against(name, scenario)
        if reason:
            rows.append(Row(name, absent=reason))
            continue
        progress(scenario.name, name)
        rows.append(_measure_server(plan, scenario, server))
    parts = [f"### {scenario.name}: {scenario.description}", table(rows, "PSS")]
    engines = _engine_against_engine(plan, scenario)
    return "\n\n".join(parts + ([engines] if engines else []))


def _measure_server(plan: Plan, scenario: Scenario, server: Server) -> Row:
    row = Row(server.name)
    reference = _reference(plan, server, scenario)
    try:
        with started(server, scenario, SERVER_CORE) as instance:
            row.memory_rest_bytes = instance.memory_rest_bytes
            if instance.extra_fields:
                row.notes = [f"also sends {', '.join(sorted(instance.extra_fields))}"]
            warm_up(instance, scenario)
            if reference:
                row.runs, row.ratio = _against(plan, scenario, instance, reference)
                row.reference = reference.name
            else:
                row.runs = [plan.load(instance, scenario) for _ in range(plan.pairs)]
            # The reference has been stopped, so that it shares no page any more.
            row.memory_after_bytes = instance.process.memory_bytes()
    except (WrongAnswer, LoadFailed) as failure:
        row.runs, row.absent = [], str(failure)
    return row


def _against(plan: Plan, scenario: Scenario, instance: Instance, reference: Server) -> Tuple[List[Run], Ratio]:
    """Both run at once and are loaded in turn."""
    with started(reference, scenario, SERVER_CORE) as other:
        warm_up(other, scenario)
        runs, others = alternate([_loading(plan, instance, scenario), _loading(plan, other, scenario)], plan.pairs)
    return runs, ratio(runs, others)


def _same_against_same(plan: Plan, scenario: Scenario) -> str:
    """The A/A line: what the method shows where there is no difference."""
    for name in plan.servers:
        server = plan.present(name, scenario)
        if server is None:
            continue
        progress(scenario.name, f"A/A with {name}")
        try:
            with started(server, scenario, SERVER_CORE) as instance:
                warm_up(instance, scenario)
                _, noise = _against(plan, scenario, instance, server)
        except (WrongAnswer, LoadFailed):
            continue  # its row says why; another server shows the noise as well
        return f"A/A, {name} against itself in {scenario.name}: {noise}, {noise.pairs} pairs."
    return "A/A: no server to measure it with."


def _engine_against_engine(plan: Plan, scenario: Scenario) -> Optional[str]:
    """Published whoever wins."""
    uring, epoll = (plan.present(f"martlet-{kind.value}", scenario) for kind in (Kind.URING, Kind.EPOLL))
    if not uring or not epoll:
        return None
    progress(scenario.name, "engine against engine")
    try:
        with started(uring, scenario, SERVER_CORE) as instance:
            warm_up(instance, scenario)
            _, found = _against(plan, scenario, instance, epoll)
    except (WrongAnswer, LoadFailed) as failure:
        return f"martlet-uring against martlet-epoll: {failure}."
    winner = "io_uring wins" if found.high < 1 else "epoll wins" if found.low > 1 else "no difference shown"
    return f"martlet-uring / martlet-epoll: {found}: {winner}."


def _loading(plan: Plan, instance: Instance, scenario: Scenario) -> Callable[[], Run]:
    return lambda: plan.load(instance, scenario)
