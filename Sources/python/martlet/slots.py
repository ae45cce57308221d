"""The supervisor's view of a worker process, and of the place that it has among the others."""
from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .channel import Channel

# A worker that has served this long has not died of its start; the next one starts at once.
LIFE_SECONDS_MIN = 10.0
BACKOFF_SECONDS_FIRST = 0.5
BACKOFF_SECONDS_MAX = 30.0


def backoff(failures: int) -> float:
    """How long to wait after so many early deaths in a row: not at all after the first, then twice as long each time."""
    if failures <= 1:
        return 0.0
    return min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2.0 ** min(failures - 2, 16))


class Slot:
    """A place for one worker after the other. Its number says which listening sockets they accept from and on which processor they run."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: Worker | None = None
        # Takes over when it is ready.
        self.successor: Worker | None = None
        self.respawn_at: float | None = None
        # Early deaths in a row.
        self.failures = 0
        # Not of the number that the command was started with, so that it can be given up again.
        self.is_additional = False
        self.has_served = False

    def delay_after(self, worker: Worker) -> float:
        """How long to wait with the next one, now that this one has died."""
        self.failures = 1 if worker.age >= LIFE_SECONDS_MIN else self.failures + 1
        return backoff(self.failures)


class Worker:
    def __init__(self, pid: int, slot: Slot, channel: Channel, columns: frozenset[int]) -> None:
        self.pid = pid
        self.slot = slot
        self.channel = channel
        # Of the listening sockets, those that it alone accepts from.
        self.columns = columns
        self.is_ready = False
        # Whom it waits for, until they have left their sockets to it; and until when at most. None: it has not started yet, or it may go.
        self.waits_for: set[Worker] | None = None
        self.waits_until = 0.0
        # Set once it is told to stop.
        self.killed_at: float | None = None
        # Why it could not start, in its own words.
        self.failure: str | None = None
        self._born = time.monotonic()

    @property
    def name(self) -> str:
        return f"Worker {self.slot.index + 1} (pid {self.pid})"

    @property
    def age(self) -> float:
        return time.monotonic() - self._born

    @property
    def is_stopping(self) -> bool:
        return self.killed_at is not None

    def stop(self, seconds: float) -> None:
        """Asks it to end; `killed_at` is when it must have."""
        if self.killed_at is None:
            self.killed_at = time.monotonic() + seconds
            self.kill(signal.SIGTERM)

    def tell(self, message: dict[str, object]) -> None:
        try:
            self.channel.send(message)
        except OSError:
            # It has died, which is noticed where all deaths are.
            return

    def kill(self, number: int) -> None:
        # It has not been waited for, so the number is still its own.
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return
