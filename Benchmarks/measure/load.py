"""What does a request cost under load? One run of wrk against one server."""
from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import List, Optional, Tuple

from .process import ProcessTree, spent

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wrk")
MICROSECONDS_PER_UNIT = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


class LoadFailed(Exception):
    """The server answered nothing, or something else than success."""


@dataclass(frozen=True)
class Load:
    """What the generator does, except for where and for how long."""

    connections: int
    script: Optional[str] = None  # a file of Benchmarks/wrk; None: GET
    argument: int = 0  # of the script
    pipelined: bool = False

    def command(self, url: str, seconds: int) -> List[str]:
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--latency"]
        if self.script is None:
            return command + [url]
        return command + ["-s", os.path.join(SCRIPTS, self.script), url, "--", str(self.argument)]


@dataclass(frozen=True)
class Run:
    cpu_microseconds: float  # of the server, per request
    user_share: float
    requests_per_second: float
    p99_microseconds: Optional[float]  # None: not known; wrk computes a wrong one under pipelining
    server_load: float  # share of its core
    generator_load: float
    socket_errors: int
    processes_lost: int


def run(server: ProcessTree, url: str, load: Load, seconds: int, core: int) -> Run:
    before, start = server.read_cpu(), time.monotonic()
    output, generator_seconds = _run_on_core(load.command(url, seconds), core)
    used, wall_seconds = spent(before, server.read_cpu()), time.monotonic() - start

    answered = re.search(r"(\d+) requests in", output)
    requests = int(answered[1]) if answered else 0
    if requests == 0:
        raise LoadFailed("answered nothing under load")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if refused:
        raise LoadFailed(f"{refused[1]} of {requests} answers were not 2xx")
    errors = re.search(r"Socket errors: (.*)", output)
    return Run(
        cpu_microseconds=used.nanoseconds / 1e3 / requests,
        user_share=used.user_share,
        requests_per_second=requests / wall_seconds,
        p99_microseconds=None if load.pipelined else _p99_microseconds(output),
        server_load=used.nanoseconds / 1e9 / wall_seconds,
        generator_load=generator_seconds / wall_seconds,
        socket_errors=sum(int(count) for count in re.findall(r"\d+", errors[1])) if errors else 0,
        processes_lost=used.processes_lost,
    )


def _run_on_core(command: List[str], core: int) -> Tuple[str, float]:
    """Returns the output and the CPU seconds it took."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core)] + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        output = process.stdout.read()
    except BaseException:
        process.kill()
        process.wait()
        raise
    # wait4 instead of Popen.wait, because it tells what the child has used.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    process.stdout.close()
    if process.returncode != 0:
        raise LoadFailed(f"wrk ended with {process.returncode}: {output.strip()}")
    return output, usage.ru_utime + usage.ru_stime


def _p99_microseconds(output: str) -> Optional[float]:
    found = re.search(r"\b99%\s+([\d.]+)(us|ms|s|m)\b", output)
    if not found or float(found[1]) == 0:
        return None
    return float(found[1]) * MICROSECONDS_PER_UNIT[found[2]]
