"""Logging set up as the user wants it: from a dictionary, or from a file of JSON, TOML, YAML or INI.

What is wrong with it is said in one sentence.
"""
from __future__ import annotations

import configparser
import importlib
import json
import logging.config
import os
from typing import Any

from .logs import LogConfigError


def apply(log_config: object) -> None:
    """`log_config` is a path or a dictionary, as `logging.config.dictConfig` takes it."""
    try:
        if isinstance(log_config, dict):
            logging.config.dictConfig(log_config)
        else:
            _apply_file(str(log_config))
    except (ValueError, TypeError, AttributeError, ImportError, OSError, KeyError, RuntimeError, configparser.Error) as error:
        cause = error.__cause__ or error.__context__
        detail = f"{error}: {cause}" if cause is not None and str(cause) not in str(error) else str(error)
        detail = " ".join(detail.split()).rstrip(".")
        raise LogConfigError(f"--log-config: {log_config if isinstance(log_config, str) else 'the dictionary'} cannot be used: {detail}.") from None


def _apply_file(path: str) -> None:
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
