"""Logging in a worker: the loggers `martlet.error` and `martlet.access`, set up as Uvicorn's are unless the user has a set-up of their own.

Messages go to standard error, the access log to standard output. Knows nothing of what is logged.
"""
from __future__ import annotations

import copy
import logging
import sys
from typing import Any, Callable, TextIO

from .reports import COLORS, TRACE, level_number

FORMAT = "%(levelprefix)s %(message)s"
AccessLog = Callable[[str, str, str, str, int], None]

error_log = logging.getLogger("martlet.error")
access_log = logging.getLogger("martlet.access")


class LogConfigError(Exception):
    """A sentence: what is wrong with the logging configuration."""


class LevelFormatter(logging.Formatter):
    """`%(levelprefix)s` is the level with a colon, padded, and coloured for a terminal."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, use_colors: bool | None = None, stream: str = "stderr") -> None:
        super().__init__(fmt, datefmt)
        self.use_colors = getattr(sys, stream).isatty() if use_colors is None else use_colors

    def formatMessage(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        padding = " " * (8 - len(record.levelname))
        name = f"\x1b[{COLORS[record.levelno]}m{record.levelname}\x1b[0m" if self.use_colors and record.levelno in COLORS else record.levelname
        record.__dict__["levelprefix"] = f"{name}:{padding}"
        return super().formatMessage(record)


def default_configuration(use_colors: bool | None) -> dict[str, Any]:
    """For `logging.config.dictConfig`; `martlet.run(log_config=…)` takes a changed copy."""
    formatter: dict[str, Any] = {"()": "martlet.logs.LevelFormatter", "fmt": FORMAT, "use_colors": use_colors}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": formatter, "access": {**formatter, "stream": "stdout"}},
        "handlers": {
            "default": {"class": "logging.StreamHandler", "formatter": "default", "stream": "ext://sys.stderr"},
            "access": {"class": "logging.StreamHandler", "formatter": "access", "stream": "ext://sys.stdout"},
        },
        "loggers": {
            "martlet": {"handlers": ["default"], "level": "INFO", "propagate": False},
            "martlet.error": {"level": "INFO"},
            "martlet.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
        },
    }


def configure(log_config: object, log_level: str, use_colors: bool | None, is_level_given: bool = True) -> None:
    """`log_config` is a path, a dictionary, or None for the default. With a set-up of the user's, only a level that was asked for changes it."""
    logging.addLevelName(TRACE, "TRACE")
    if log_config is None:
        _configure_default(use_colors)
    else:
        # Imports much, and few need it.
        from .log_config import apply

        apply(log_config)
    if log_config is None or is_level_given:
        for logger in (error_log, access_log):
            logger.setLevel(level_number(log_level))


def _configure_default(use_colors: bool | None) -> None:
    """What `default_configuration` says, without the megabyte that logging.config and what it imports take."""
    _give_handler(logging.getLogger("martlet"), sys.stderr, LevelFormatter(FORMAT, use_colors=use_colors))
    _give_handler(access_log, sys.stdout, LevelFormatter(FORMAT, use_colors=use_colors, stream="stdout"))
    error_log.setLevel(logging.INFO)


def _give_handler(logger: logging.Logger, stream: TextIO, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def access_logger() -> AccessLog | None:
    """Writes one line for each request; None when nobody would see it."""
    if not access_log.isEnabledFor(logging.INFO) or not access_log.hasHandlers():
        return None
    import http

    phrases = {status.value: status.phrase for status in http.HTTPStatus}

    def write(client: str, method: str, target: str, version: str, status: int) -> None:
        access_log.info('%s - "%s %s HTTP/%s" %d %s', client, method, target, version, status, phrases.get(status, ""))

    return write
