"""Starts what a configuration describes: one process that serves, or a supervisor of several. `martlet.run` is here."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NoReturn

from . import cores, logs
from .configuration import DEFAULT, Configuration, UsageError
from .environment import read_env_file
from .listening import forget_systemd
from .options import OPTIONS, REFUSED, is_refused
from .process import STATUS_NOT_STARTED, arguments
from .reports import Reports
from .resolution import resolve


def run(app: object, **options: Any) -> None:
    """Serves until TERM or INT, then returns. `app` is the application, or `"module:attribute"`, which several workers need.

    Takes every option of the command by its name: `martlet.run("main:app", port=9000, workers="auto")`. What is not given comes from the environment and
    from martlet.toml, as for the command. Raises `ValueError` for a wrong option, and `SystemExit` when the server cannot start or was cut short.
    """
    for name in options:
        if name in REFUSED:
            if not is_refused(name, options[name]):
                continue
            raise UsageError(f"{name}: {REFUSED[name]}")
        if name not in OPTIONS or OPTIONS[name].only_on_command_line:
            raise UsageError(f"{name}: there is no such option; martlet --help lists them.")
    if isinstance(app, str):
        options["app"] = app
    configuration = resolve(options, is_call=True)
    status = start(configuration, None if isinstance(app, str) else app)
    if status:
        raise SystemExit(status)


def start(configuration: Configuration, application: object = None, replaces_process: bool = False) -> int:
    """The exit status. With `replaces_process` this process ends with the server, and a supervisor is executed in its place."""
    apply_env_file(configuration)
    try:
        logs.configure(configuration.log_config, configuration.log_level, configuration.use_colors, _is_level_given(configuration))
    except logs.LogConfigError as error:
        Reports().error(str(error))
        return STATUS_NOT_STARTED
    for note in configuration.notes:
        logs.error_log.warning("%s", note)
    count, pinned = worker_count(configuration)
    if count == 1:
        if replaces_process and sys.executable:
            _become("alone", _common_plan(configuration))
        from .worker import serve_alone

        return serve_alone(configuration, application, replaces_process)
    if application is not None:
        raise UsageError("workers: several workers each load the application, so it must be given as text; write martlet.run(\"module:attribute\", …).")
    plan = _plan(configuration, count, pinned)
    if replaces_process:
        _become("supervisor", plan)
    from .supervisor import supervise

    return supervise(plan, logs.error_log)


def apply_env_file(configuration: Configuration) -> None:
    """What the environment has already is left alone."""
    if configuration.env_file is not None:
        for name, value in read_env_file(configuration.env_file).items():
            os.environ.setdefault(name, value)


def worker_count(configuration: Configuration) -> tuple[int, list[int]]:
    """How many processes, and the processors to keep them on; none means that they are not pinned."""
    available = cores.available()
    count = len(available.numbers) if configuration.workers == "auto" else int(configuration.workers)
    is_pinned = configuration.pin
    if is_pinned is None:
        # A quota says how many processors, not which: pinned, every container of the host would sit on the same ones.
        is_pinned = not available.is_from_quota and count <= len(available.numbers)
    return count, available.numbers if is_pinned and count > 1 else []


def _is_level_given(configuration: Configuration) -> bool:
    return configuration.sources.get("log_level", DEFAULT) != DEFAULT


def _plan(configuration: Configuration, count: int, pinned: list[int]) -> dict[str, Any]:
    """All that a supervisor needs to know, as JSON can say it."""
    if not sys.executable:
        raise UsageError("workers: the interpreter does not know its own program (sys.executable), so it can start no workers; leave it at 1.")
    plan = {**_common_plan(configuration), "addresses": configuration.addresses(), "workers": count, "cores": pinned}
    try:
        json.dumps(plan)
    except TypeError as error:
        raise UsageError(f"log_config: with several workers it must be plain data, or a file ({error}).") from None
    forget_systemd()
    return plan


def _common_plan(configuration: Configuration) -> dict[str, Any]:
    # The same options of the interpreter for all: -O, -X dev, -W and others.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return {
        "configuration": configuration.as_plain(),
        "executable": sys.executable,
        "flags": flags,
        "path": sys.path,
        "arguments": sys.argv,
        "is_level_given": _is_level_given(configuration),
    }


def _become(role: str, plan: dict[str, Any]) -> NoReturn:
    """Without what reading the command line has loaded: it is half of a supervisor's memory, and three megabytes of a worker's."""
    descriptor = os.memfd_create("martlet plan", 0)
    os.write(descriptor, json.dumps(plan).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    command = arguments(role, plan["executable"], plan["flags"], descriptor)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(plan["executable"], command)
