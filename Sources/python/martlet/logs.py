"""Logging in a worker: the loggers `martlet.error` and `martlet.access`, set up as Uvicorn's are unless the user has a set-up of their own.

Messages go to standard error, the access log to standard output. Knows nothing of what is logged.
"""
from __future__ import annotations

import configparser
import copy
import http
import importlib
import json
import logging
import logging.config
import os
import sys
from typing import Any, Callable

from .reports import COLORS, TRACE, level_number

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
    formatter: dict[str, Any] = {"()": "martlet.logs.LevelFormatter", "fmt": "%(levelprefix)s %(message)s", "use_colors": use_colors}
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
    try:
        if log_config is None:
            logging.config.dictConfig(default_configuration(use_colors))
        elif isinstance(log_config, dict):
            logging.config.dictConfig(log_config)
        else:
            _configure_from(str(log_config))
    except (ValueError, TypeError, AttributeError, ImportError, OSError, KeyError, RuntimeError, configparser.Error) as error:
        cause = error.__cause__ or error.__context__
        detail = f"{error}: {cause}" if cause is not None and str(cause) not in str(error) else str(error)
        detail = " ".join(detail.split()).rstrip(".")
        raise LogConfigError(f"--log-config: {log_config if isinstance(log_config, str) else 'the dictionary'} cannot be used: {detail}.") from None
    if log_config is None or is_level_given:
        for logger in (error_log, access_log):
            logger.setLevel(level_number(log_level))


def _configure_from(path: str) -> None:
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            logging.config.dictConfig(json.load(file))
    elif path.endswith(".toml"):
        from .toml_file import read

        logging.config.dictConfig(read(path))
    elif path.endswith((".yaml", ".yml")):
        try:
            yaml: Any = importlib.import_module("yaml")
        except ModuleNotFoundError:
            raise ImportError("reading YAML needs PyYAML; pip install pyyaml") from None
        with open(path, encoding="utf-8") as file:
            logging.config.dictConfig(yaml.safe_load(file))
    else:
        if not os.path.exists(path):
            raise FileNotFoundError("there is no such file")
        logging.config.fileConfig(path, disable_existing_loggers=False)


def access_logger() -> AccessLog | None:
    """Writes one line for each request; None when nobody would see it."""
    if not access_log.isEnabledFor(logging.INFO) or not access_log.hasHandlers():
        return None
    phrases = {status.value: status.phrase for status in http.HTTPStatus}

    def write(client: str, method: str, target: str, version: str, status: int) -> None:
        access_log.info('%s - "%s %s HTTP/%s" %d %s', client, method, target, version, status, phrases.get(status, ""))

    return write
