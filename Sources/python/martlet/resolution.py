"""Finds the value of each option by precedence (command line, environment, file, default), and validates what was given.

Knows nothing of how the command line was parsed.
"""
from __future__ import annotations

import difflib
import os
from typing import Any, Mapping

from .configuration import COMMAND_LINE, DEFAULT, ENVIRONMENT, FILE, Configuration, UsageError
from .environment import read_env_file
from .kinds import Refusal
from .options import ENVIRONMENT_PREFIX, OPTIONS, REFUSED, Option, is_refused

FILE_NAMES = ("martlet.toml", "pyproject.toml")


def resolve(given: Mapping[str, object], environment: Mapping[str, str] | None = None, directory: str = ".", is_call: bool = False) -> Configuration:
    """`given` is what the command line (or with `is_call` the call of `martlet.run`) says; None there means that it says nothing."""
    environment = dict(os.environ if environment is None else environment)
    given = {name: value for name, value in given.items() if value is not None}
    file_values, file_name = _read_file(given.get("config") or environment.get("MARTLET_CONFIG"), directory)
    env_file = given.get("env_file") or environment.get("MARTLET_ENV_FILE") or file_values.get("env_file")
    if isinstance(env_file, str):
        try:
            environment = {**read_env_file(env_file), **environment}
        except OSError as error:
            raise UsageError(f"--env-file: {env_file} cannot be read: {error.strerror}.") from None
    notes: list[str] = []
    _refuse_in_environment(environment, notes)

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option in OPTIONS.values():
        source, label, raw = _find(option, given, environment, file_values, file_name, is_call)
        sources[option.name] = source
        values[option.name] = option.default if source == DEFAULT else _read(option, label, raw)
    if file_name is not None and sources["config"] == DEFAULT:
        values["config"], sources["config"] = file_name, f"{FILE}: found"
    app = given.get("app") or environment.get("MARTLET_APP") or file_values.get("app")
    if app is not None and not isinstance(app, str):
        raise UsageError(f"app in {file_name}: {app!r} is not a text; write module:attribute.")
    if sources["limit_request_line"] == DEFAULT:
        values["limit_request_line"] = min(values["limit_request_line"], values["limit_request_head"])
    configuration = Configuration(app=app, sources=sources, notes=notes, **values)
    _check(configuration, notes)
    return configuration


def _find(
    option: Option, given: Mapping[str, object], environment: Mapping[str, str], file_values: Mapping[str, object], file_name: str | None, is_call: bool
) -> tuple[str, str, object]:
    """Where the value comes from: for the report, for an error, and the value itself."""
    if option.name in given:
        return COMMAND_LINE, option.name if is_call else option.flag, given[option.name]
    if not option.only_on_command_line:
        for variable in (option.variable, *option.variables):
            # An empty variable is how many systems say that there is none.
            if environment.get(variable):
                return f"{ENVIRONMENT}: {variable}", f"{variable} in the environment", environment[variable]
        if option.name in file_values:
            return f"{FILE}: {file_name}", f"{option.key} in {file_name}", file_values[option.name]
    return DEFAULT, "", None


def _read(option: Option, label: str, raw: object) -> object:
    try:
        return option.kind.read(raw)
    except Refusal as refusal:
        raise UsageError(f"{label}: {refusal}") from None


def _read_file(named: object, directory: str) -> tuple[dict[str, object], str | None]:
    """The options of the TOML file that was named, or of the first that is there."""
    if named is not None:
        table = _read_toml(str(named), is_wanted=True)
        if os.path.basename(str(named)) == "pyproject.toml":
            table = _tool_table(table, str(named))
        return _checked_keys(table, str(named)), str(named)
    for name in FILE_NAMES:
        path = os.path.join(directory, name)
        table = _read_toml(path, is_wanted=False)
        if name == "pyproject.toml":
            table = _tool_table(table, name)
            if not table:
                continue
        elif not os.path.exists(path):
            continue
        return _checked_keys(table, name), name
    return {}, None


def _read_toml(path: str, is_wanted: bool) -> dict[str, object]:
    try:
        if not is_wanted and not os.path.exists(path):
            return {}
        from .toml_file import read

        return read(path)
    except FileNotFoundError:
        raise UsageError(f"--config: {path} does not exist; correct the path.") from None
    except OSError as error:
        raise UsageError(f"--config: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"--config: {path} is not TOML: {error}.") from None


def _tool_table(table: Mapping[str, object], name: str) -> dict[str, object]:
    tool = table.get("tool")
    found = tool.get("martlet", {}) if isinstance(tool, dict) else {}
    if not isinstance(found, dict):
        raise UsageError(f"[tool.martlet] in {name} is not a table; write it as one.")
    return found


def _checked_keys(table: Mapping[str, object], file_name: str) -> dict[str, object]:
    known = {name for name, option in OPTIONS.items() if not option.only_on_command_line and name != "config"} | {"app"}
    values: dict[str, object] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name in REFUSED:
            if not is_refused(name, value):
                continue
            raise UsageError(f"{key} in {file_name}: {REFUSED[name]}")
        if name not in known:
            raise UsageError(f"{key} in {file_name}: there is no such option{_suggestion(name, known, '-')}.")
        values[name] = value
    return values


def _suggestion(name: str, known: set[str], separator: str) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"; perhaps {near[0].replace('_', separator)} is meant" if near else "; martlet --help lists them"


def _refuse_in_environment(environment: Mapping[str, str], notes: list[str]) -> None:
    """Refused options must not be overlooked there either. Other names with our prefix may be somebody's own; near misses are told."""
    known = {option.variable for option in OPTIONS.values()} | {"MARTLET_APP"}
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in known or not environment[variable]:
            continue
        name = variable[len(ENVIRONMENT_PREFIX):].lower()
        if name in REFUSED:
            if not is_refused(name, environment[variable]):
                continue
            raise UsageError(f"{variable} in the environment: {REFUSED[name]}")
        near = difflib.get_close_matches(variable, sorted(known), 1, 0.85)
        if near:
            notes.append(f"{variable} in the environment is not used; perhaps {near[0]} is meant.")


def _check(configuration: Configuration, notes: list[str]) -> None:
    """What concerns more than one option."""
    if configuration.loop in ("asyncio", "uvloop"):
        raise UsageError(f"--loop: {configuration.loop} is not supported yet; leave it out, then Martlet's own loop runs the application.")
    if configuration.limit_request_line > configuration.limit_request_head:
        raise UsageError("--limit-request-line: the line is a part of the head; write at most what --limit-request-head allows.")
    has_others = bool(configuration.bind) or configuration.uds is not None or configuration.fd is not None
    if has_others:
        own = [name for name in ("host", "port") if configuration.sources[name] != DEFAULT]
        others = [OPTIONS[name].flag for name in ("bind", "uds", "fd") if getattr(configuration, name) not in (None, [])]
        if own and not configuration._names_host_and_port(True, False):
            notes.append(f"{' and '.join(OPTIONS[name].flag for name in own)}: not used, because {' and '.join(others)} says where to listen.")
        elif own:
            notes.append(f"{' and '.join(others)}: not used, because {' and '.join(OPTIONS[name].flag for name in own)} says where to listen.")
    if configuration.app is not None and ":" not in configuration.app:
        raise UsageError(f"APP: {configuration.app!r} names no attribute; write module:attribute, for example {configuration.app or 'main'}:app.")
