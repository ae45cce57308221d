"""The command line of `martlet`: what is wrong is refused with status 2 and one sentence that names the option and the remedy."""
from __future__ import annotations

from pathlib import Path

import pytest

from martlet.options import GROUPS, OPTIONS, REFUSED, documentation
from martlet_process import run_martlet
from server_process import REPOSITORY

# What the sentence must name: the option, and a part of the value.
WRONG = [
    ([], "APP", ""),
    (["plain"], "APP", "plain"),
    (["plain:app", "stray"], "stray", ""),
    (["plain:app", "--prot", "1"], "--prot", "--port"),
    (["plain:app", "-x"], "-x", ""),
    (["plain:app", "--port"], "--port", ""),
    (["plain:app", "--port", "http"], "--port", "http"),
    (["plain:app", "--port", "65536"], "--port", "65535"),
    (["plain:app", "--bind", "nonsense"], "--bind", "nonsense"),
    (["plain:app", "--bind", "[::1:80"], "--bind", "[::1:80"),
    (["plain:app", "--bind", "unix:"], "--bind", "unix:"),
    (["plain:app", "--uds", "a" * 200], "--uds", "107"),
    (["plain:app", "--uds-permissions", "rw"], "--uds-permissions", "rw"),
    (["plain:app", "--workers", "0"], "--workers", "auto"),
    (["plain:app", "--interface", "fcgi"], "--interface", "fcgi"),
    (["plain:app", "--engine", "kqueue"], "--engine", "kqueue"),
    (["plain:app", "--loop", "uvloop"], "--loop", "uvloop"),
    (["plain:app", "--log-level", "loud"], "--log-level", "loud"),
    (["plain:app", "--header", "x"], "--header", "Name:Value"),
    (["plain:app", "--timeout-keep-alive", "soon"], "--timeout-keep-alive", "soon"),
    (["plain:app", "--limit-concurrency", "-1"], "--limit-concurrency", "-1"),
    (["plain:app", "--config", "absent.toml"], "--config", "absent.toml"),
    (["plain:app", "--env-file", "absent"], "--env-file", "absent"),
    (["plain:app", "--reload"], "--reload", "not there yet"),
    (["plain:app", "--proxy-headers"], "--proxy-headers", "not read yet"),
    (["plain:app", "--ssl-keyfile", "key.pem"], "--ssl-keyfile", "TLS"),
]


@pytest.mark.parametrize(("arguments", "option", "words"), WRONG, ids=[" ".join(arguments)[:50] or "nothing" for arguments, _, _ in WRONG])
def test_wrong(arguments: list[str], option: str, words: str) -> None:
    result = run_martlet(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    sentences = result.stderr.strip().splitlines()
    assert len(sentences) == 1, result.stderr
    assert option in sentences[0]
    assert words in sentences[0]
    assert sentences[0].endswith(".")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(option: str) -> None:
    result = run_martlet(option)
    assert (result.returncode, result.stderr) == (0, "")
    for group in GROUPS:
        assert group.title in result.stdout
    for each in OPTIONS.values():
        assert each.usage in result.stdout
    for name in REFUSED:
        assert f"--{name.replace('_', '-')} " not in result.stdout


def test_version() -> None:
    result = run_martlet("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("martlet 0.")


def test_page_of_options_is_up_to_date() -> None:
    page = REPOSITORY / "Sources/Martlet/Martlet.docc/Command.md"
    assert page.read_text() == documentation(), "run: PYTHONPATH=Sources/python python -m martlet.options > Sources/Martlet/Martlet.docc/Command.md"


def test_check_config(tmp_path: Path) -> None:
    (tmp_path / "martlet.toml").write_text('port = 0\napp = "main:app"\n')
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...\n")
    result = run_martlet("--check-config", "--workers", "2", "--no-pin", environ={"MARTLET_BACKLOG": "7"}, directory=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "main:app (ASGI)" in result.stdout
    assert "127.0.0.1:0" in result.stdout
    assert "2 workers" in result.stdout
    assert "backlog = 7  (environment: MARTLET_BACKLOG)" in result.stdout
    assert "port = 0  (file: martlet.toml)" in result.stdout
    assert "pin = off  (from the command line)" in result.stdout


def test_check_config_of_what_cannot_run() -> None:
    result = run_martlet("plain:absent", "--check-config")
    assert result.returncode == 1
    assert "no attribute 'absent'" in result.stderr


WRONG_APPLICATIONS = [
    ("absent:app", "no module 'absent'"),
    ("plain:ap", "It offers: "),
    ("plain:number", "an int"),
    ("plain:wsgi", "WSGI"),
    ("plain:rsgi", "RSGI"),
    ("plain:instance.absent", "plain:instance has no attribute"),
]


@pytest.mark.parametrize(("target", "words"), WRONG_APPLICATIONS)
def test_wrong_applications(target: str, words: str) -> None:
    result = run_martlet(target, "--check-config")
    assert result.returncode == 1
    assert words in result.stderr


def test_error_in_the_module_shows_its_own_traceback() -> None:
    result = run_martlet("broken:app", "--check-config")
    assert result.returncode == 1
    assert "there is no database here" in result.stderr
    assert result.stderr.count('File "') == 2
    assert "importlib" not in result.stderr
    assert "martlet/" not in result.stderr.replace(str(REPOSITORY), "")


def test_module_that_lacks_a_package() -> None:
    result = run_martlet("lacking:app", "--check-config")
    assert result.returncode == 1
    assert "No module named 'a_package_that_nobody_has'" in result.stderr
    assert "lacking.py" in result.stderr


def test_module_that_is_not_python(tmp_path: Path) -> None:
    (tmp_path / "unreadable.py").write_text("app = (\n")
    result = run_martlet("unreadable:app", "--check-config", directory=tmp_path)
    assert result.returncode == 1
    assert "SyntaxError" in result.stderr
    assert "unreadable.py" in result.stderr
