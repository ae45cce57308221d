"""The command line: what is wrong is refused with status 2 and one sentence that names the option and the remedy."""
from __future__ import annotations

from pathlib import Path

import pytest

from server_process import run_to_end

OPTIONS = [
    "--bind", "--engine", "--cores", "--root", "--timeout-header", "--timeout-keep-alive", "--timeout-body", "--timeout-write", "--timeout-drain",
    "--limit-connections", "--limit-requests",
]

# The option that the sentence must name, and a part of the value where there is one.
WRONG = [
    (["--no-such-option"], "--no-such-option", ""),
    (["--no-such-option", "1"], "--no-such-option", ""),
    (["-x"], "-x", ""),
    (["stray"], "stray", ""),
    *[([option], option, "") for option in OPTIONS],
    (["--bind", "nonsense"], "--bind", "nonsense"),
    (["--bind", ""], "--bind", ""),
    (["--bind", "127.0.0.1"], "--bind", "127.0.0.1"),
    (["--bind", "127.0.0.1:99999"], "--bind", "99999"),
    (["--bind", "127.0.0.1:http"], "--bind", "http"),
    (["--bind", "127.0.0.256:80"], "--bind", "127.0.0.256"),
    (["--bind", "[::1:80"], "--bind", "[::1:80"),
    (["--bind", "unix:"], "--bind", "unix:"),
    (["--bind", "unix:" + "a" * 200], "--bind", "aaa"),
    (["--engine", "kqueue"], "--engine", "kqueue"),
    (["--cores", "x"], "--cores", "x"),
    (["--cores", "0-"], "--cores", "0-"),
    (["--cores", "3-1"], "--cores", "3-1"),
    (["--cores", "60000"], "--cores", "60000"),
    *[([option, value], option, value) for option in OPTIONS if option.startswith("--timeout") for value in ("abc", "-1", "1e999", "nan")],
    *[([option, value], option, value) for option in OPTIONS if option.startswith("--limit") for value in ("abc", "-1", "0", "1.5")],
]


@pytest.mark.parametrize(("options", "option", "value"), WRONG, ids=[" ".join(options)[:40] for options, _, _ in WRONG])
def test_wrong(options: list[str], option: str, value: str) -> None:
    address = [] if "--bind" in options else ["--bind", "127.0.0.1:0"]
    result = run_to_end(*address, *options)
    assert result.returncode == 2
    assert result.stdout == ""
    sentences = result.stderr.strip().splitlines()
    assert len(sentences) == 1
    assert option in sentences[0]
    assert value in sentences[0]
    assert sentences[0].endswith(".")


def test_root_that_does_not_exist(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    result = run_to_end("--bind", "127.0.0.1:0", "--root", str(absent))
    assert result.returncode == 2
    assert "--root" in result.stderr
    assert str(absent) in result.stderr


def test_root_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    result = run_to_end("--bind", "127.0.0.1:0", "--root", str(file))
    assert result.returncode == 2
    assert "--root" in result.stderr


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(option: str) -> None:
    result = run_to_end(option)
    assert result.returncode == 0
    assert result.stderr == ""
    for each in OPTIONS:
        assert each in result.stdout
