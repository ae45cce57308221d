"""What a fresh interpreter runs: the supervisor, one of its workers, or the one process that needs neither. And the command lines by which they are started.

Each is executed anew instead of forked, so that no engine, thread or lock of one process turns up half-alive in another; and whoever takes the place
of the command anew as well, because the memory that reading a command line took is not needed any more.
"""
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from .channel import Channel

STATUS_NOT_STARTED = 1
# Nothing of the working directory may stand in for a module of the standard library; the directory of this package comes last, if it is not known at all.
_PATH = "import sys; sys.path[:] = [part for part in sys.path if part]; sys.argv[1] in sys.path or sys.path.append(sys.argv[1])"


def arguments(role: str, executable: str, flags: Sequence[str], descriptor: int) -> list[str]:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [executable, *flags, "-c", f"{_PATH}; from martlet.process import {role}; {role}()", root, str(descriptor)]


def call_process(name: str) -> None:
    """The name that `ps` and `top` show for the thread."""
    try:
        with open("/proc/self/comm", "w") as file:
            file.write(name[:15])
    except OSError:
        # Some sandbox; a name is not worth an error.
        return


def _plan() -> dict[str, Any]:
    """What the process that was here before has left in a file in memory."""
    import json

    with open(int(sys.argv[2]), "rb") as file:
        plan: dict[str, Any] = json.load(file)
    call_process("martlet")
    return plan


def alone() -> NoReturn:
    """The one process of a server without a supervisor."""
    from . import logs
    from .configuration import Configuration
    from .worker import serve_alone

    plan = _plan()
    sys.path[:] = plan["path"]
    sys.argv[:] = plan["arguments"]
    configuration = Configuration(**plan["configuration"])
    logs.configure(configuration.log_config, configuration.log_level, configuration.use_colors, plan["is_level_given"])
    sys.exit(serve_alone(configuration, None, owns_process=True))


def supervisor() -> NoReturn:
    from .reports import Reports
    from .supervisor import supervise

    plan = _plan()
    options = plan["configuration"]
    if options["log_config"] is None:
        log: Any = Reports(options["log_level"], options["use_colors"])
    else:
        from . import logs

        logs.configure(options["log_config"], options["log_level"], options["use_colors"], plan["is_level_given"])
        log = logs.error_log
    sys.exit(supervise(plan, log))


def worker() -> NoReturn:
    """Its plan comes over the channel, which then tells the supervisor how it goes, and this process whether there still is one."""
    import signal
    import socket

    from .channel import Channel

    end = socket.socket(fileno=int(sys.argv[2]))
    end.set_inheritable(False)
    channel = Channel(end)
    try:
        plan = channel.wait_for_message()
    except EOFError:
        sys.exit(STATUS_NOT_STARTED)
    call_process(f"martlet:{plan['number']}")
    # The terminal's interrupt goes to the supervisor, who tells us; until then an interrupt is a plain end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path[:] = plan["path"]
    if plan["core"] is not None:
        try:
            os.sched_setaffinity(0, {plan["core"]})
        except OSError:
            # Taken away since the supervisor looked: serving anywhere is better than not at all.
            plan["core"] = None
    sys.exit(_work(plan, channel))


def _work(plan: dict[str, Any], channel: Channel) -> int:
    from . import logs
    from .configuration import Configuration
    from .worker import Duty, StartError, serve

    configuration = Configuration(**plan["configuration"])
    try:
        logs.configure(configuration.log_config, configuration.log_level, configuration.use_colors, plan["is_level_given"])
        for descriptor in plan["listeners"]:
            os.set_inheritable(descriptor, False)
        return serve(Duty(configuration, plan["listeners"], plan["urls"], supervisor=channel, core=plan["core"], owns_process=True))
    except (StartError, logs.LogConfigError) as error:
        channel.send({"failed": str(error)})
        return STATUS_NOT_STARTED
