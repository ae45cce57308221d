"""How one process is told to stop, and that it does: TERM and INT stop gracefully, INT after either (or QUIT) at once, and a watchdog ends what does not end.

The handlers of the loop cannot run while the application blocks it. So the bound is kept by a thread, which ends the process when its time is up.
"""
from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from types import FrameType
from typing import Callable

log = logging.getLogger("martlet.error")

# Over the graceful bound: for the application's lifespan when the drain took everything, then for the process itself.
LIFESPAN_SECONDS_MIN = 2.0
SLACK_SECONDS = 2.0
# After a second signal.
CUT_SECONDS = 2.0
STATUS_NOT_ENDED = 1

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """A signal came before there was anything to stop gracefully."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


class Watchdog(threading.Thread):
    """Ends the process at a deadline, which may be brought forward. Started when the process is told to stop."""

    def __init__(self) -> None:
        super().__init__(name="martlet watchdog", daemon=True)
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._is_called_off = False

    def bark_in(self, seconds: float) -> None:
        with self._changed:
            deadline = time.monotonic() + seconds
            if self._deadline is None or deadline < self._deadline:
                self._deadline = deadline
            self._changed.notify()
        if not self.is_alive():
            self.start()

    def call_off(self) -> None:
        with self._changed:
            self._is_called_off = True
            self._changed.notify()

    def run(self) -> None:
        with self._changed:
            while not self._is_called_off:
                left = (self._deadline or 0) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            if self._is_called_off:
                return
        log.error("The process did not stop in time, because the application blocks its thread or has threads that do not end. It is ended now.")
        logging.shutdown()
        os._exit(STATUS_NOT_ENDED)


class StopSignals:
    """Installed for as long as a server runs in this process; restores what was there before."""

    def __init__(self, graceful_seconds: float) -> None:
        self._total = graceful_seconds + LIFESPAN_SECONDS_MIN + SLACK_SECONDS
        self._previous: dict[int, object] = {}
        self.count = 0
        # While true, a signal ends whatever runs, by `Interrupted`; else it calls `on_stop`.
        self.raises = True
        self.on_stop: Callable[[int, bool], None] | None = None
        self.watchdog = Watchdog()
        self.first: int | None = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop's own handlers wake it; over them come ours, which run between any two steps of Python code."""
        for number in (*STOP_SIGNALS, signal.SIGQUIT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU):
            self._previous[number] = signal.getsignal(number)
            loop.add_signal_handler(number, self._in_loop, number)
            signal.signal(number, self._at_once)

    def uninstall(self, loop: asyncio.AbstractEventLoop) -> None:
        for number, previous in self._previous.items():
            if not loop.is_closed():
                loop.remove_signal_handler(number)
            if callable(previous) or isinstance(previous, (int, signal.Handlers)):
                signal.signal(number, previous)
        self._previous = {}

    def begin(self) -> None:
        """Stops as a first TERM does, whoever asks."""
        self._stop(signal.SIGTERM, True)

    def _at_once(self, number: int, frame: FrameType | None) -> None:
        if number not in (*STOP_SIGNALS, signal.SIGQUIT):
            return
        self.count += 1
        if self.first is None:
            self.first = number
        if self.raises:
            raise Interrupted(number)
        self.watchdog.bark_in(self._total if self._is_graceful(number) else CUT_SECONDS + SLACK_SECONDS)

    def _is_graceful(self, number: int) -> bool:
        """Supervisors repeat TERM; a person at the terminal who repeats INT means it."""
        return number == signal.SIGTERM or (number == signal.SIGINT and self.count <= 1)

    def _in_loop(self, number: int) -> None:
        if number == signal.SIGHUP:
            log.warning("HUP is of no use to a single process; with --workers it replaces the workers one by one.")
        elif number in (signal.SIGTTIN, signal.SIGTTOU):
            log.warning("%s changes the number of workers only with --workers.", signal.Signals(number).name[3:])
        else:
            self._stop(number, self._is_graceful(number))

    def _stop(self, number: int, is_graceful: bool) -> None:
        self.watchdog.bark_in(self._total if is_graceful else CUT_SECONDS + SLACK_SECONDS)
        if self.on_stop is not None:
            self.on_stop(number, is_graceful)
