"""The native scenarios: which servers are asked what, and what each is compared with."""
from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import sys
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from measure import machine
from measure.answer import WrongAnswer
from measure.load import Load, LoadFailed, Run, run
from measure.pairs import Ratio, alternate, ratio
from measure.report import Row, heading, table
from servers.base import Absent, Instance, Kind, Server, started
from servers.floors import Floor
from servers.h2o import H2O
from servers.hummingbird import Hummingbird
from servers.martlet import Martlet
from servers.nginx import Nginx
from servers.scenario import Group, Scenario

SERVER_CORE = 0
GENERATOR_CORE = 1
WARM_UP_SECONDS = 1
PAIRS_DEFAULT = 11
SECONDS_DEFAULT = 3
PAIRS_QUICK = 2
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
    parser.add_argument("--quick", action="store_true", help=f"{PAIRS_QUICK} pairs of {SECONDS_QUICK} s: does it work?")
    parser.add_argument("--pairs", type=int, help=f"alternating pairs per comparison (default {PAIRS_DEFAULT})")
    parser.add_argument("--seconds", type=int, help=f"length of one load (default {SECONDS_DEFAULT})")
    parser.add_argument("--only", help=f"scenarios, groups or patterns: {', '.join(s.name for s in SCENARIOS)}")
    parser.add_argument("--servers", help=f"names out of {', '.join(server.name for server in all_servers(False))}")
    parser.add_argument("--rebuild", action="store_true", help="build Hummingbird even if it has been built")
    parser.add_argument("--output", metavar="FILE.md", help="where to write the result (default: standard output)")


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


@dataclass
class Plan:
    """What one call of the command measures."""

    scenarios: List[Scenario]
    servers: Dict[str, Server]
    absent: Dict[str, str] = field(default_factory=dict)
    pairs: int = PAIRS_DEFAULT
    seconds: int = SECONDS_DEFAULT

    def load(self, instance: Instance, scenario: Scenario) -> Run:
        return run(instance.process, instance.url, _load(scenario), self.seconds, GENERATOR_CORE)

    def present(self, name: str, scenario: Scenario) -> Optional[Server]:
        server = self.servers.get(name)
        return server if server and name not in self.absent and not server.left_out(scenario) else None


def measure(options: argparse.Namespace, command: Sequence[str]) -> None:
    """Writes the whole result again after every scenario: a long session that breaks keeps what it had."""
    plan = _plan(options)
    facts = machine.facts(["C compiler", "Swift compiler", "wrk", "nginx", "h2o"])
    facts["Command"] = f"`{' '.join(command)}`: {plan.pairs} alternating pairs of {plan.seconds} s per comparison"
    facts["Placement"] = f"servers on core {SERVER_CORE}, one wrk thread on core {GENERATOR_CORE}, loopback"
    parts = [heading("Native server against the floors and its peers", facts)]
    group = None
    for scenario in plan.scenarios:
        if scenario.group is not group:
            group = scenario.group
            parts.append(f"## {group.value}")
            parts.append(_same_against_same(plan, scenario))
        parts.append(_measure_scenario(plan, scenario))
        if options.output:
            os.makedirs(os.path.dirname(options.output) or ".", exist_ok=True)
            with open(options.output, "w") as file:
                file.write("\n\n".join(parts) + "\n")
    if not options.output:
        print("\n\n".join(parts))


def _plan(options: argparse.Namespace) -> Plan:
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (apt-get install wrk)")
    servers = {server.name: server for server in all_servers(options.rebuild)}
    chosen = options.servers.split(",") if options.servers else list(servers)
    unknown = [name for name in chosen if name not in servers]
    if unknown:
        sys.exit(f"no such server: {', '.join(unknown)}")
    plan = Plan(
        scenarios=_chosen_scenarios(options.only),
        servers={name: servers[name] for name in chosen},
        pairs=options.pairs or (PAIRS_QUICK if options.quick else PAIRS_DEFAULT),
        seconds=options.seconds or (SECONDS_QUICK if options.quick else SECONDS_DEFAULT),
    )
    for name, server in plan.servers.items():
        try:
            server.prepare()
        except Absent as absent:
            plan.absent[name] = str(absent)
    return plan


def _chosen_scenarios(only: Optional[str]) -> List[Scenario]:
    if not only:
        return list(SCENARIOS)
    chosen = []
    for pattern in only.split(","):
        found = [s for s in SCENARIOS if fnmatch.fnmatch(s.name, pattern) or s.group.value == pattern]
        if not found:
            sys.exit(f"no such scenario: {pattern}")
        chosen += found
    return [scenario for scenario in SCENARIOS if scenario in chosen]


def _load(scenario: Scenario) -> Load:
    if scenario.group is Group.ECHO:
        return Load(scenario.connections, "post.lua", scenario.body_size)
    if scenario.requests_per_connection:
        return Load(scenario.connections, "close_every.lua", scenario.requests_per_connection)
    if scenario.depth > 1:
        return Load(scenario.connections, "pipeline.lua", scenario.depth, pipelined=True)
    return Load(scenario.connections)


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
        reason = server.left_out(scenario) or plan.absent.get(name)
        if reason:
            rows.append(Row(name, absent=reason))
            continue
        _progress(scenario, name)
        rows.append(_measure_server(plan, scenario, server))
    parts = [f"### {scenario.name}: {scenario.description}", table(rows)]
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
            _warm_up(instance, scenario)
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
        _warm_up(other, scenario)
        runs, others = alternate(_loading(plan, instance, scenario), _loading(plan, other, scenario), plan.pairs)
    return runs, ratio(runs, others)


def _same_against_same(plan: Plan, scenario: Scenario) -> str:
    """The A/A line: what the method shows where there is no difference."""
    for name in plan.servers:
        server = plan.present(name, scenario)
        if server is None:
            continue
        _progress(scenario, f"A/A with {name}")
        try:
            with started(server, scenario, SERVER_CORE) as instance:
                _warm_up(instance, scenario)
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
    _progress(scenario, "engine against engine")
    try:
        with started(uring, scenario, SERVER_CORE) as instance:
            _warm_up(instance, scenario)
            _, found = _against(plan, scenario, instance, epoll)
    except (WrongAnswer, LoadFailed) as failure:
        return f"martlet-uring against martlet-epoll: {failure}."
    winner = "io_uring wins" if found.high < 1 else "epoll wins" if found.low > 1 else "no difference shown"
    return f"martlet-uring / martlet-epoll: {found}: {winner}."


def _warm_up(instance: Instance, scenario: Scenario) -> None:
    run(instance.process, instance.url, _load(scenario), WARM_UP_SECONDS, GENERATOR_CORE)


def _loading(plan: Plan, instance: Instance, scenario: Scenario) -> Callable[[], Run]:
    return lambda: plan.load(instance, scenario)


def _progress(scenario: Scenario, what: str) -> None:
    print(f"{scenario.name}: {what}", file=sys.stderr, flush=True)
