"""What the subcommands share: options, who takes part in what, one load of one server, and a result that is written as it grows."""
from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import sys
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence

from measure.load import Load, Run, run
from servers.base import Absent, Instance, Server
from servers.scenario import Group, Scenario

SERVER_CORE = 0
GENERATOR_CORE = 1
PLACEMENT = f"servers on core {SERVER_CORE}, one wrk thread on core {GENERATOR_CORE}, loopback"
WARM_UP_SECONDS = 1
PAIRS_DEFAULT = 11
SECONDS_DEFAULT = 3
PAIRS_QUICK = 2


@dataclass
class Plan:
    """What one call of a subcommand measures."""

    scenarios: List[Scenario]
    servers: Dict[str, Server]
    absent: Dict[str, str] = field(default_factory=dict)
    pairs: int = PAIRS_DEFAULT
    seconds: int = SECONDS_DEFAULT

    def load(self, instance: Instance, scenario: Scenario) -> Run:
        return run(instance.process, instance.url, _load(scenario), self.seconds, GENERATOR_CORE)

    def reason_against(self, name: str, scenario: Scenario) -> Optional[str]:
        """Why the server takes no part; None if it does."""
        return self.servers[name].left_out(scenario) or self.absent.get(name)

    def present(self, name: str, scenario: Scenario) -> Optional[Server]:
        server = self.servers.get(name)
        return server if server and self.reason_against(name, scenario) is None else None


def add_options(parser: argparse.ArgumentParser, scenarios: Sequence[Scenario], names: Sequence[str], seconds_quick: int) -> None:
    parser.add_argument("--quick", action="store_true", help=f"{PAIRS_QUICK} pairs of {seconds_quick} s: does it work?")
    parser.add_argument("--pairs", type=int, help=f"alternating pairs per comparison (default {PAIRS_DEFAULT})")
    parser.add_argument("--seconds", type=int, help=f"length of one load (default {SECONDS_DEFAULT})")
    parser.add_argument("--only", help=f"scenarios, groups or patterns: {', '.join(s.name for s in scenarios)}")
    parser.add_argument("--servers", help=f"names out of {', '.join(names)}")
    parser.add_argument("--output", metavar="FILE.md", help="where to write the result (default: standard output)")


def make_plan(options: argparse.Namespace, scenarios: Sequence[Scenario], all_servers: Sequence[Server], seconds_quick: int) -> Plan:
    """Prepares the servers, too."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (apt-get install wrk)")
    servers = {server.name: server for server in all_servers}
    chosen = options.servers.split(",") if options.servers else list(servers)
    unknown = [name for name in chosen if name not in servers]
    if unknown:
        sys.exit(f"no such server: {', '.join(unknown)}")
    plan = Plan(
        scenarios=chosen_scenarios(options.only, scenarios),
        servers={name: servers[name] for name in chosen},
        pairs=options.pairs or (PAIRS_QUICK if options.quick else PAIRS_DEFAULT),
        seconds=options.seconds or (seconds_quick if options.quick else SECONDS_DEFAULT),
    )
    for name, server in plan.servers.items():
        progress(name, "preparing")
        try:
            server.prepare()
        except Absent as absent:
            plan.absent[name] = str(absent)
    return plan


def chosen_scenarios(only: Optional[str], scenarios: Sequence[Scenario]) -> List[Scenario]:
    if not only:
        return list(scenarios)
    chosen = []
    for pattern in only.split(","):
        found = [s for s in scenarios if fnmatch.fnmatch(s.name, pattern) or s.group.value == pattern]
        if not found:
            sys.exit(f"no such scenario: {pattern}")
        chosen += found
    return [scenario for scenario in scenarios if scenario in chosen]


def warm_up(instance: Instance, scenario: Scenario) -> None:
    run(instance.process, instance.url, _load(scenario), WARM_UP_SECONDS, GENERATOR_CORE)


def progress(scenario: str, what: str) -> None:
    print(f"{scenario}: {what}", file=sys.stderr, flush=True)


class Result:
    """Written again after every part: a long session that breaks keeps what it had."""

    def __init__(self, path: Optional[str]):
        self._path = path
        self._parts: List[str] = []

    def add(self, *parts: str) -> None:
        self._parts += parts
        if self._path:
            os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
            with open(self._path, "w") as file:
                file.write("\n\n".join(self._parts) + "\n")

    def finish(self) -> None:
        if not self._path:
            print("\n\n".join(self._parts))


def _load(scenario: Scenario) -> Load:
    if scenario.group is Group.ECHO:
        return Load(scenario.connections, "post.lua", scenario.body_size)
    if scenario.requests_per_connection:
        return Load(scenario.connections, "close_every.lua", scenario.requests_per_connection)
    if scenario.depth > 1:
        return Load(scenario.connections, "pipeline.lua", scenario.depth, pipelined=True)
    return Load(scenario.connections)
