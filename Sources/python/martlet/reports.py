"""What a process that must stay small says on standard error, in the form of the usual log but without `logging`.

It is the supervisor, and every process before it has a log.
"""
from __future__ import annotations

import os
import sys

TRACE = 5
_LEVELS = {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10, "trace": TRACE}
COLORS = {TRACE: 34, 10: 36, 20: 32, 30: 33, 40: 31, 50: 91}


def level_number(name: str) -> int:
    return _LEVELS[name]


class Reports:
    """Has the methods of a logger that are needed, each taking a whole sentence."""

    def __init__(self, log_level: str = "info", use_colors: bool | None = None) -> None:
        self._least = level_number(log_level)
        self._use_colors = sys.stderr.isatty() if use_colors is None else use_colors

    def debug(self, sentence: str) -> None:
        self._write("debug", sentence)

    def info(self, sentence: str) -> None:
        self._write("info", sentence)

    def warning(self, sentence: str) -> None:
        self._write("warning", sentence)

    def error(self, sentence: str) -> None:
        self._write("error", sentence)

    def _write(self, level: str, sentence: str) -> None:
        number = level_number(level)
        if number < self._least:
            return
        name = level.upper()
        shown = f"\x1b[{COLORS[number]}m{name}\x1b[0m" if self._use_colors else name
        line = f"{shown}:{' ' * (8 - len(name))} {sentence}\n"
        try:
            # In one piece, because workers write there as well.
            os.write(2, line.encode(errors="backslashreplace"))
        except OSError:
            # Standard error is closed, or its reader has left: there is nobody to tell.
            return
