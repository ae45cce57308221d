"""What does a process tree cost? Starts one on a core and reads its CPU time and memory from /proc."""
from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional

STOP_SECONDS_MAX = 5
CLOCK_OF_SCHEDULER = 2  # CPUCLOCK_SCHED of the kernel, the nanoseconds that threads have run


@dataclass(frozen=True)
class Reading:
    """CPU used so far: nanoseconds of each live process with all threads that it has or had, and clock ticks of all of them."""

    nanoseconds: Dict[int, int]
    user_ticks: int
    all_ticks: int


@dataclass(frozen=True)
class Spent:
    """CPU used between two readings."""

    nanoseconds: int
    user_share: float  # from clock ticks: a hint, not a measurement
    processes_lost: int  # ended in between; what they used after the first reading is not in `nanoseconds`


def spent(before: Reading, after: Reading) -> Spent:
    ticks = after.all_ticks - before.all_ticks
    return Spent(
        nanoseconds=sum(now - before.nanoseconds.get(process, 0) for process, now in after.nanoseconds.items()),
        user_share=(after.user_ticks - before.user_ticks) / ticks if ticks > 0 else 0.0,
        processes_lost=len(before.nanoseconds.keys() - after.nanoseconds.keys()),
    )


class ProcessTree:
    """A server's process and whatever it started, all on one core."""

    def __init__(self, command: List[str], core: int, log_path: str, environment: Optional[Mapping[str, str]] = None):
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core)] + command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )
        self.log_path = log_path

    def running(self) -> bool:
        return self._process.poll() is None

    def log_tail(self) -> str:
        """The last line that says something."""
        lines = [line.strip() for line in (_read(self.log_path) or "").splitlines() if line.strip()]
        return lines[-1] if lines else "no output"

    def processes(self) -> List[int]:
        found, ahead = [], [self._process.pid]
        while ahead:
            process = ahead.pop()
            found.append(process)
            for thread in _threads(process):
                children = _read(f"/proc/{process}/task/{thread}/children") or ""
                ahead += [int(child) for child in children.split()]
        return found

    def read_cpu(self) -> Reading:
        nanoseconds: Dict[int, int] = {}
        user_ticks = all_ticks = 0
        for process in self.processes():
            used = _cpu_nanoseconds(process)
            if used is not None:
                nanoseconds[process] = used
            fields = _stat_fields(process)
            if fields:  # utime and stime are fields 14 and 15 of the line
                user_ticks += int(fields[11])
                all_ticks += int(fields[11]) + int(fields[12])
        return Reading(nanoseconds, user_ticks, all_ticks)

    def memory_bytes(self, kind: str = "Pss") -> int:
        """Proportional set size: a page shared by n processes counts for 1/n. `Pss_Anon` is the part that is nobody else's file."""
        kibibytes = 0
        for process in self.processes():
            for line in (_read(f"/proc/{process}/smaps_rollup") or "").splitlines():
                if line.startswith(f"{kind}:"):
                    kibibytes += int(line.split()[1])
        return kibibytes * 1024

    def stop(self) -> None:
        """Asks the first process to end, then ends what it left behind."""
        members = {process: _start_ticks(process) for process in self.processes()}
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process, start_ticks in members.items():
            # The number may have been given to somebody else meanwhile, the start time cannot.
            if start_ticks is not None and _start_ticks(process) == start_ticks:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue  # ended by itself between the two lines


def _start_ticks(process: int) -> Optional[str]:
    fields = _stat_fields(process)
    return fields[19] if fields else None


def _stat_fields(process: int) -> List[str]:
    """From the third field of the line on: the second, the name in parentheses, may hold spaces."""
    return (_read(f"/proc/{process}/stat") or "").rpartition(")")[2].split()


def _cpu_nanoseconds(process: int) -> Optional[int]:
    """By the process's CPU clock: what schedstat counts for each thread, summed by the kernel, and with the threads that have ended.

    The kernel's io_uring workers are threads of the process. The clock's number is made as clock_getcpuclockid(3) does.
    """
    try:
        return time.clock_gettime_ns(~process << 3 | CLOCK_OF_SCHEDULER)
    except OSError:
        return None  # ended meanwhile


def _threads(process: int) -> List[str]:
    try:
        return os.listdir(f"/proc/{process}/task")
    except OSError:
        return []  # ended meanwhile


def _read(path: str) -> Optional[str]:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return None  # ended meanwhile
