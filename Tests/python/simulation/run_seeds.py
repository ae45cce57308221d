"""Runs seeds of the simulated host in this process: `run_seeds.py LIBRARY FIRST COUNT [--corpus FILE]`.

Prints `seed N` before each seed, so that whoever reads knows which one ended the process; then a line for each that failed. Status 1 when any did.
"""
from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import random
import sys
import traceback
import warnings
from array import array
from pathlib import Path
from types import ModuleType
from typing import Any

import simulated_loop
from answers import Seen, Wrong, count_whole
from application import CANARIES, KINDS, Ledger, PlannedFailure
from traffic import Stream, Traffic

# Virtual seconds after which a run that has not ended never will.
SECONDS_MAX = 3000
# Python's caches and lists of free objects take some thousand seeds to fill. A leak of each request's would be several blocks for each seed.
BLOCKS_MAX = 1000
BLOCKS_PER_SEED_MAX = 0.1
SEEDS_FOR_GROWTH_MIN = 1000
SEEDS_BETWEEN_REPETITIONS = 50

NO_DEADLINES = {"timeout_keep_alive", "timeout_header", "timeout_body_window", "timeout_write", "timeout_request", "timeout_graceful_shutdown", "drain_grace"}
NAMELESS = {"date_header": False, "server_header": None, "body_bytes_per_second_min": 0}


class Plan:
    """What a seed asks for."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.faults = "harsh" if seed % 8 in (3, 4, 5) else "lossless"
        # How the service ends: when all is done, in the midst of it, or with its loop.
        self.end = {6: "drain", 7: "stop", 14: "drain", 15: "close"}.get(seed % 16, "done")
        self.has_deadlines = self.end == "done" and chance.random() < 0.1
        self.is_ring_like = chance.random() < 0.5
        self.is_debug = chance.random() < 0.05
        # The end comes while the clients are at it.
        self.end_after = chance.random() ** 2 * 0.4
        self.window_min = chance.choice([1, 20, 200, 1000])
        self.receive_buffers = chance.randint(1, 8)
        self.receive_bytes = chance.randint(1, 8) if chance.random() < 0.1 else chance.randint(16, 4096)
        self.high_water = chance.randint(200, 20_000)
        # Where a byte comes at a time, large bodies would only take long.
        traffic = Traffic(chance, is_narrow=self.window_min < 60 or self.receive_bytes < 16)
        self.streams = [traffic.stream() for _ in range(chance.randint(1, 4))]


class Run:
    def __init__(self, simulation: ModuleType, plan: Plan) -> None:
        self.simulation, self.plan, self.ledger = simulation, plan, Ledger()
        self.problems: list[str] = []
        self.digest = 0

    def run(self) -> None:
        plan, simulation = self.plan, self.simulation
        simulation.begin(
            plan.seed, plan.faults, plan.is_ring_like, plan.receive_buffers, plan.receive_bytes, plan.window_min, 65_536, plan.high_water)
        try:
            for stream in plan.streams:
                simulation.client(stream.script, stream.delay)
            loop = simulated_loop.loop_class(simulation)()
            loop.set_debug(plan.is_debug)
            loop.set_exception_handler(lambda _, context: self.problems.append(f"loop: {context}"))
            try:
                loop.run_until_complete(self.serve(loop))
                # The engine's side of the network goes with the loop.
                if self.plan.end != "close":
                    simulation.settle()
            finally:
                loop.close()
            self.check(simulation.clients())
            self.digest = simulation.digest()
        finally:
            simulation.end()

    async def serve(self, loop: Any) -> None:
        from martlet._martlet import Service

        deadlines = {name: 1.0 if self.plan.has_deadlines and name != "timeout_graceful_shutdown" else 0 for name in NO_DEADLINES}
        service = Service(loop, "asgi3", self.ledger, [0], deadlines | NAMELESS)
        if self.plan.end != "done":
            await asyncio.sleep(self.plan.end_after)
            if self.plan.end == "close":
                return
            service.drain() if self.plan.end == "drain" else service.stop()
        end = loop.time() + SECONDS_MAX
        while self.plan.end == "done" and not (self.simulation.is_finished() and service.counters()["open"] == 0):
            if loop.time() > end:
                raise Wrong(f"a connection neither lives nor dies: {service.counters()}, {self.ledger.running}")
            await asyncio.sleep(1)
        if self.plan.end == "done":
            service.drain()
        await asyncio.wait_for(service.ended(), SECONDS_MAX)
        while service.tasks():
            if loop.time() > end:
                raise Wrong(f"a task does not end: {service.tasks()}")
            await asyncio.sleep(1)
        self.check_ended(service.counters(), asyncio.all_tasks() - {asyncio.current_task()})

    def check_ended(self, counters: dict[str, int], tasks: set[Any]) -> None:
        if tasks:
            raise Wrong(f"tasks are left: {tasks}")
        if self.ledger.running:
            raise Wrong(f"calls are left: {self.ledger.running}")
        if counters["open"] or counters["in_flight"]:
            raise Wrong(f"connections or requests are left: {counters}")
        if self.simulation.standing() != (0, 0, 0):
            raise Wrong(f"buffers, sockets or bytes are left: {self.simulation.standing()}")

    def check(self, clients: list[tuple[Any, ...]]) -> None:
        # A loop that is closed over running tasks makes asyncio say so.
        problems = [problem for problem in self.problems if self.plan.end != "close" or "was destroyed but it is pending" not in problem]
        if problems:
            raise Wrong("; ".join(problems))
        for number, (stream, values) in enumerate(zip(self.plan.streams, clients)):
            try:
                self.check_client(stream, Seen(*values))
            except Wrong as wrong:
                raise Wrong(f"client {number} ({self.plan.faults}, {self.plan.end}): {wrong}") from None

    def check_client(self, stream: Stream, seen: Seen) -> None:
        whole = count_whole(stream, seen, self.plan.has_deadlines)
        hangs = stream.requests[-1].kind == "hangs"
        begun = sum(request.identity in self.ledger.begun for request in stream.requests)
        if whole > begun:
            raise Wrong(f"{whole} answers to {begun} requests that the application was given")
        if self.plan.end in ("stop", "close") or self.plan.has_deadlines or seen.has_reset:
            return
        if self.plan.end == "drain":
            # What was begun is finished; what was not may be left.
            if whole != begun and not seen.was_reset:
                raise Wrong(f"{whole} answers of {begun} that were begun")
            return
        if seen.was_reset:
            raise Wrong(f"reset for no reason; {seen._replace(received=b'')}")
        if not seen.ended:
            raise Wrong("the end was not told")
        if seen.written == stream.written and whole != len(stream.requests) - hangs:
            raise Wrong(f"{whole} answers of {len(stream.requests)}")


class Watch(logging.Handler):
    """Nothing is logged but the failures that the traffic asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.unexpected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        expected = isinstance(error, PlannedFailure) or (isinstance(error, RuntimeError) and "without a complete answer" in str(error))
        if not expected:
            self.unexpected.append(f"{record.getMessage()}: {error!r}")


class Process:
    """Runs seeds, and looks after each whether it left anything behind."""

    def __init__(self, library: str) -> None:
        self.simulation = simulated_loop.load(library)
        # A loop that is closed in the midst of it leaves coroutines that were never begun.
        warnings.simplefilter("ignore", RuntimeWarning)
        self.watch = Watch()
        logger = logging.getLogger("martlet.error")
        logger.addHandler(self.watch)
        logger.propagate = False
        self.unraisable: list[str] = []
        sys.unraisablehook = lambda event: self.unraisable.append(f"{event.err_msg}: {event.exc_value!r} in {event.object!r}")
        # Caches of asyncio's keep the classes that they have seen once.
        Run(self.simulation, Plan(0)).run()
        gc.collect()
        self.references = self.simulation.class_references()
        # An array, so that the counts are no objects themselves.
        self.blocks = array("q")

    def run(self, seed: int) -> str | None:
        """What was wrong, or None."""
        try:
            fault = self.repeated(seed) if seed % SEEDS_BETWEEN_REPETITIONS == 0 else None
            Run(self.simulation, Plan(seed)).run()
        except Wrong as wrong:
            fault = str(wrong)
        except Exception:
            fault = traceback.format_exc()
        # Looked at in any case, so that one seed's leavings are not the next one's.
        left = self.left()
        return fault or left

    def repeated(self, seed: int) -> str | None:
        """A run is its seed: what happens does not depend on what ran before."""
        runs = [Run(self.simulation, Plan(seed)) for _ in range(2)]
        for run in runs:
            run.run()
        return None if runs[0].digest == runs[1].digest else "two runs of the seed are not the same"

    def left(self) -> str | None:
        gc.collect()
        unexpected, self.watch.unexpected = self.watch.unexpected, []
        unraisable, self.unraisable = self.unraisable, []
        if unexpected or unraisable:
            return f"unexpected: {unexpected + unraisable}"
        references = self.simulation.class_references()
        if references != self.references:
            before, self.references = self.references, references
            return f"exchanges and awaitables are alive: {references} for {before}"
        self.blocks.append(sys.getallocatedblocks())
        return None

    def growth(self) -> str | None:
        """Whether Python's memory still grows when all its caches are warm."""
        counted = self.blocks[len(self.blocks) // 2 :]
        if len(counted) < SEEDS_FOR_GROWTH_MIN:
            return None
        first, last = min(counted[:100]), min(counted[-100:])
        is_growing = last - first > BLOCKS_MAX + BLOCKS_PER_SEED_MAX * len(counted)
        return f"allocated blocks grew from {first} to {last} over {len(counted)} seeds" if is_growing else None


def corpus(path: Path) -> list[int]:
    """The numbers of a file, one per line; `#` begins a comment."""
    numbers = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [int(number) for number in numbers if number]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--canary", choices=CANARIES)
    arguments = parser.parse_args()
    if arguments.canary:
        KINDS["whole"] = CANARIES[arguments.canary]
    process = Process(arguments.library)
    gc.freeze()
    failed = 0
    for seed in (corpus(arguments.corpus) if arguments.corpus else []) + list(range(arguments.first, arguments.first + arguments.count)):
        print(f"seed {seed}", flush=True)
        fault = process.run(seed)
        if fault:
            failed += 1
            print(f"FAILED seed {seed}: {fault}", flush=True)
    growth = process.growth()
    if growth:
        print(f"FAILED {growth}")
    print(f"{failed} seeds failed")
    return 1 if failed or growth else 0


if __name__ == "__main__":
    sys.exit(main())
