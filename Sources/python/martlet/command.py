"""The command `martlet`: reads the command line by the table of options, says what is wrong in one sentence, and starts the server.

Exit status: 0 after a graceful stop (and for --help, --version and a good --check-config), 1 when the server cannot start, 2 for a wrong option, 128 and the
signal's number when it was told twice to stop.
"""
from __future__ import annotations

import difflib
import os
import platform
import sys
from typing import Any, NoReturn

import click

from . import __version__
from .configuration import COMMAND_LINE, DEFAULT, Configuration, UsageError
from .kinds import Flag, Several
from .options import GROUPS, OPTIONS, REFUSED, REFUSED_FLAGS, Option, is_refused
from .resolution import resolve

STATUS_USAGE = 2
STATUS_NOT_STARTED = 1
STATUS_INTERRUPTED = 130


def _click_option(option: Option) -> click.Option:
    """Only splits the command line: values are read by the table."""
    if isinstance(option.kind, Flag):
        declaration = f"{option.flag}/{option.negative_flag}" if option.has_negative else option.flag
        return click.Option([declaration], is_flag=True, default=None, help=option.help)
    return click.Option(
        [option.flag], type=click.UNPROCESSED, default=None, multiple=isinstance(option.kind, Several), metavar=option.kind.metavar, help=option.help)


def _refuse(context: click.Context, parameter: click.Parameter, value: object) -> None:
    name = parameter.name or ""
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    if any(is_refused(name, each) for each in values):
        raise UsageError(f"--{name.replace('_', '-')}: {REFUSED[name]}")


def _refused_option(name: str) -> click.Option:
    flag = "--" + name.replace("_", "-")
    if name in REFUSED_FLAGS:
        return click.Option([f"{flag}/--no-{flag[2:]}"], is_flag=True, default=None, hidden=True, expose_value=False, callback=_refuse)
    return click.Option([flag], type=click.UNPROCESSED, multiple=True, hidden=True, expose_value=False, callback=_refuse)


class MartletCommand(click.Command):
    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """In the groups of the table, each option with its default."""
        for group in GROUPS:
            with formatter.section(group.title):
                formatter.write_dl([(option.usage, _described(option)) for option in group.options])
        with formatter.section("Also"):
            formatter.write_dl([("--version", "Print the version, and end."), ("-h, --help", "Print this text, and end.")])


def _described(option: Option) -> str:
    notes = [f"${name}" for name in option.variables]
    if option.shown_default and not isinstance(option.kind, Several):
        notes.append(f"default: {option.shown_default}")
    return f"{option.help}  [{'; '.join(notes)}]" if notes else option.help


HELP = """Serve the Python web application APP, written module:attribute.

Every option may also stand in the environment, as MARTLET_PORT for --port, and in martlet.toml or [tool.martlet] of pyproject.toml, as port = 8000. The
command line comes before the environment, and that before the file."""


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"martlet {__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.system()}")
        context.exit()


def _callback(**given: Any) -> int:
    for name, value in given.items():
        if value == ():
            given[name] = None
    wants_check = given.pop("check_config", None)
    configuration = resolve(given)
    if configuration.app is None:
        raise UsageError("APP: name the application to serve, as module:attribute, for example main:app.")
    from .starting import start

    return check(configuration) if wants_check else start(configuration, replaces_process=True)


command = MartletCommand(
    "martlet",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    params=[
        click.Argument(["app"], required=False, metavar="APP"),
        *(_click_option(option) for option in OPTIONS.values()),
        *(_refused_option(name) for name in REFUSED),
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version),
    ],
    callback=_callback,
    help=HELP,
)


def main(program: str = "martlet") -> NoReturn:
    """The console script."""
    try:
        status = command.main(prog_name=program, standalone_mode=False)
    except UsageError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(_sentence(error))
    except (click.Abort, KeyboardInterrupt):
        # Before the server has its own way to stop.
        sys.exit(STATUS_INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(sentence: str) -> NoReturn:
    print(f"martlet: {sentence}", file=sys.stderr)
    sys.exit(STATUS_USAGE)


def _sentence(error: click.ClickException) -> str:
    """Click's errors, each naming the option and what to do."""
    if isinstance(error, click.NoSuchOption):
        known = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts) if not getattr(parameter, "hidden", False)]
        near = difflib.get_close_matches(error.option_name, known, 1)
        return f"{error.option_name}: there is no such option; {f'perhaps {near[0]} is meant' if near else 'martlet --help lists them'}."
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name}: it needs a value; martlet --help shows which." if "requires" in error.message else f"{error.option_name}: {error.message}"
    if isinstance(error, click.UsageError) and "unexpected extra argument" in error.message:
        extra = error.message[error.message.find("("):].strip("().")
        return f"{extra}: there is one APP only; put options with their values before or behind it."
    return error.format_message()


def check(configuration: Configuration) -> int:
    """What would run: the options that are not at their defaults, where from, and what the application is."""
    from .application import ApplicationError, load, prepared
    from .reports import Reports
    from .starting import apply_env_file, worker_count

    apply_env_file(configuration)
    for note in configuration.notes:
        Reports().warning(note)
    try:
        shown, _, _ = prepared(load(configuration.app or "", configuration.app_dir, configuration.factory), configuration.interface)
    except ApplicationError as error:
        Reports().error(str(error))
        return STATUS_NOT_STARTED
    count, pinned = worker_count(configuration)
    workers = "one process" if count == 1 else f"{count} workers" + (f" on processors {', '.join(map(str, pinned))}" if pinned else "")
    click.echo(f"application  {configuration.app} ({shown}) from {os.path.abspath(configuration.app_dir)}")
    click.echo(f"listens on   {' '.join(configuration.addresses())}")
    click.echo(f"processes    {workers}")
    for option in OPTIONS.values():
        source = configuration.sources[option.name]
        if source != DEFAULT and not option.only_on_command_line:
            value = option.kind.show(getattr(configuration, option.name))
            click.echo(f"{option.key} = {value}  ({source if source != COMMAND_LINE else 'from the command line'})")
    return 0
