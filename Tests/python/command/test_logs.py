"""Logging: Uvicorn's look by default, the user's set-up where there is one; and the small reports of the supervisor, which look the same."""
from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from martlet_process import environment

SCRIPT = """
import sys
from martlet import logs
logs.configure({config!r}, {level!r}, {colors!r}, {given!r})
logs.error_log.info("a message")
logs.error_log.debug("a detail")
logs.error_log.log(5, "a trace")
access = logs.access_logger()
if access is not None:
    access("127.0.0.1:1234", "GET", "/x?y", "1.1", 404)
"""


def run(config: object = None, level: str = "info", colors: bool | None = None, given: bool = True, before: str = "") -> tuple[str, str]:
    script = before + SCRIPT.format(config=config, level=level, colors=colors, given=given)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), timeout=20)
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


def test_default() -> None:
    assert run() == ('INFO:     127.0.0.1:1234 - "GET /x?y HTTP/1.1" 404 Not Found\n', "INFO:     a message\n")


def test_levels() -> None:
    assert run(level="warning") == ("", "")
    assert run(level="trace")[1] == "INFO:     a message\nDEBUG:    a detail\nTRACE:    a trace\n"


def test_colors() -> None:
    stdout, stderr = run(colors=True)
    assert stderr == "\x1b[32mINFO\x1b[0m:     a message\n"
    assert stdout.startswith("\x1b[32mINFO\x1b[0m:")


def configuration(path: Path) -> dict[str, object]:
    return {
        "version": 1, "disable_existing_loggers": False, "handlers": {"file": {"class": "logging.FileHandler", "filename": str(path)}},
        "loggers": {"martlet": {"handlers": ["file"], "level": "DEBUG", "propagate": False}},
    }


def test_dictionary(tmp_path: Path) -> None:
    assert run(configuration(tmp_path / "log"), given=False) == ("", "")
    assert (tmp_path / "log").read_text() == 'a message\na detail\n127.0.0.1:1234 - "GET /x?y HTTP/1.1" 404 Not Found\n'


def test_level_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    run(configuration(tmp_path / "log"), "error", given=True)
    assert (tmp_path / "log").read_text() == ""


def test_files(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(configuration(tmp_path / "from-json")))
    run(str(tmp_path / "log.json"), given=False)
    assert "a message" in (tmp_path / "from-json").read_text()
    (tmp_path / "log.toml").write_text(
        f'version = 1\n[handlers.file]\nclass = "logging.FileHandler"\nfilename = "{tmp_path}/from-toml"\n'
        '[loggers.martlet]\nhandlers = ["file"]\nlevel = "INFO"\n')
    run(str(tmp_path / "log.toml"), given=False)
    assert "a message" in (tmp_path / "from-toml").read_text()
    (tmp_path / "log.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=\n[logger_root]\nlevel=INFO\nhandlers=file\n"
        f"[handler_file]\nclass=FileHandler\nargs=('{tmp_path}/from-ini',)\n")
    run(str(tmp_path / "log.ini"), given=False)
    assert "a message" in (tmp_path / "from-ini").read_text()


WRONG_FILES = [("absent.json", None), ("absent.ini", None), ("a.json", "{"), ("a.json", '{"version": 1, "handlers": {"x": {}}}'), ("a.ini", "x")]


@pytest.mark.parametrize(("name", "text"), WRONG_FILES)
def test_what_cannot_be_used_is_said(tmp_path: Path, name: str, text: str | None) -> None:
    from martlet.logs import LogConfigError, configure

    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(LogConfigError, match=rf"--log-config: .*{name} cannot be used: .*\.$"):
        configure(str(tmp_path / name), "info", None)


def test_users_own_logging_sees_nothing_twice() -> None:
    assert run(before="import logging; logging.basicConfig(level='DEBUG')")[1] == "INFO:     a message\n"


def test_reports_look_like_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    from martlet.reports import Reports

    reports = Reports("info", False)
    reports.debug("unseen.")
    reports.info("seen.")
    reports.error("wrong.")
    Reports("critical", False).error("unseen.")
    Reports("debug", True).warning("yellow.")
    assert capfd.readouterr().err == "INFO:     seen.\nERROR:    wrong.\n\x1b[33mWARNING\x1b[0m:  yellow.\n"
    assert logging.getLevelName(30) == "WARNING"
