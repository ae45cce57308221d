"""Where values come from: command line before environment before file before default; and what is refused in each."""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from martlet.configuration import Configuration, UsageError
from martlet.resolution import resolve
from martlet.options import OPTIONS, REFUSED


def test_every_option_has_its_attribute() -> None:
    attributes = {field.name for field in fields(Configuration)} - {"app", "sources", "notes"}
    assert attributes == set(OPTIONS)


def test_every_default_is_a_value_of_its_kind() -> None:
    for option in OPTIONS.values():
        if option.default is not None:
            assert option.kind.read(option.default) == option.default, option.name


def test_precedence(tmp_path: Path) -> None:
    (tmp_path / "martlet.toml").write_text('port = 1\nbacklog = 1\nlog-level = "error"\nroot_path = "/file"\n')
    resolved = resolve({"port": "3"}, {"MARTLET_PORT": "2", "MARTLET_BACKLOG": "2", "PORT": "4"}, str(tmp_path))
    assert (resolved.port, resolved.backlog, resolved.log_level, resolved.root_path, resolved.host) == (3, 2, "error", "/file", "127.0.0.1")
    assert resolved.sources["port"] == "command line"
    assert resolved.sources["backlog"] == "environment: MARTLET_BACKLOG"
    assert resolved.sources["log_level"] == "file: martlet.toml"
    assert resolved.sources["host"] == "default"


def test_customary_variables(tmp_path: Path) -> None:
    resolved = resolve({}, {"PORT": "81", "WEB_CONCURRENCY": "3"}, str(tmp_path))
    assert (resolved.port, resolved.workers) == (81, 3)
    resolved = resolve({}, {"PORT": "81", "MARTLET_PORT": "82"}, str(tmp_path))
    assert resolved.port == 82


def test_empty_variables_say_nothing(tmp_path: Path) -> None:
    assert resolve({}, {"PORT": "", "MARTLET_HOST": ""}, str(tmp_path)).port == 8000


def test_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.martlet]\napp = "main:app"\nworkers = "auto"\nheader = ["A: b"]\nbind = ["[::1]:0"]\n')
    resolved = resolve({}, {}, str(tmp_path))
    assert (resolved.app, resolved.workers, resolved.header, resolved.bind) == ("main:app", "auto", [["A", "b"]], ["[::1]:0"])


def test_pyproject_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert resolve({}, {}, str(tmp_path)).config is None


def test_martlet_toml_comes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.martlet]\nport = 1\n")
    (tmp_path / "martlet.toml").write_text("port = 2\n")
    assert resolve({}, {}, str(tmp_path)).port == 2


def test_named_file(tmp_path: Path) -> None:
    (tmp_path / "martlet.toml").write_text("port = 2\n")
    (tmp_path / "other.toml").write_text("port = 3\n")
    assert resolve({"config": str(tmp_path / "other.toml")}, {}, str(tmp_path)).port == 3
    assert resolve({}, {"MARTLET_CONFIG": str(tmp_path / "other.toml")}, str(tmp_path)).port == 3


WRONG_FILES = [
    ("prot = 1", "perhaps port"), ("port = 'x'", "port in martlet.toml"), ("port = 1.5", "port in martlet.toml"), ("bind = 3", "bind in martlet.toml"),
    ("port =", "is not TOML"), ("reload = true", "reload in martlet.toml: Reloading"), ("check-config = true", "no such option"),
    ("app = 3", "app in martlet.toml"),
    ("app = 'main'", "module:attribute"), ("loop = 'uvloop'", "--loop"),
]


@pytest.mark.parametrize(("text", "words"), WRONG_FILES)
def test_wrong_files(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "martlet.toml").write_text(text)
    with pytest.raises(UsageError, match=".*") as caught:
        resolve({}, {}, str(tmp_path))
    assert words in str(caught.value)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--config: .*absent.toml does not exist"):
        resolve({"config": "absent.toml"}, {}, str(tmp_path))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_options_that_are_not_there_are_refused_everywhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"MARTLET_{name.upper()} in the environment: "):
        resolve({}, {f"MARTLET_{name.upper()}": "1"}, str(tmp_path))
    (tmp_path / "martlet.toml").write_text(f"{name.replace('_', '-')} = true\n")
    with pytest.raises(UsageError, match="in martlet.toml: "):
        resolve({}, {}, str(tmp_path))


def test_refused_options_that_ask_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "martlet.toml").write_text('proxy-headers = false\nws = "none"\n')
    assert resolve({}, {"MARTLET_HTTP": "auto"}, str(tmp_path)).port == 8000


def test_near_misses_in_the_environment_are_told(tmp_path: Path) -> None:
    resolved = resolve({}, {"MARTLET_TIMEOUT_KEEPALIVE": "3", "MARTLET_SOMETHING_OF_MINE": "1"}, str(tmp_path))
    assert resolved.notes == ["MARTLET_TIMEOUT_KEEPALIVE in the environment is not used; perhaps MARTLET_TIMEOUT_KEEP_ALIVE is meant."]


def test_env_file_comes_behind_the_environment(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("MARTLET_PORT=5\nPORT=6\nMARTLET_HOST=::1\n")
    resolved = resolve({"env_file": str(tmp_path / "env")}, {"MARTLET_PORT": "7"}, str(tmp_path))
    assert (resolved.port, resolved.host) == (7, "::1")
    with pytest.raises(UsageError, match="--env-file: absent"):
        resolve({"env_file": "absent"}, {}, str(tmp_path))


ADDRESSES = [
    ({}, "", ["127.0.0.1:8000"], 0),
    ({"host": "::1", "port": 1}, "", ["[::1]:1"], 0),
    ({"bind": ["a:1", "unix:/x"], "uds": "/y", "fd": 4}, "", ["a:1", "unix:/x", "unix:/y", "fd://4"], 0),
    ({"uds": "/y", "host": "0.0.0.0"}, "", ["unix:/y"], 1),
    # Who is told more directly wins over what a file says.
    ({"port": 9}, 'bind = ["a:1"]', ["127.0.0.1:9"], 1),
    ({"bind": ["a:1"]}, "port = 9", ["a:1"], 1),
    ({}, 'bind = ["a:1"]\nport = 9', ["a:1"], 1),
]


@pytest.mark.parametrize(("given", "text", "addresses", "notes"), ADDRESSES)
def test_where_to_listen(tmp_path: Path, given: dict[str, object], text: str, addresses: list[str], notes: int) -> None:
    (tmp_path / "martlet.toml").write_text(text)
    resolved = resolve(given, {}, str(tmp_path))
    assert resolved.addresses() == addresses
    assert len(resolved.notes) == notes


def test_calls_name_the_argument(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="^port: 'x' is not a port"):
        resolve({"port": "x"}, {}, str(tmp_path), is_call=True)


def test_the_line_is_a_part_of_the_head(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--limit-request-line"):
        resolve({"limit_request_line": 9000, "limit_request_head": 8000}, {}, str(tmp_path))


def test_settings_of_the_service(tmp_path: Path) -> None:
    settings = resolve({"header": ["A: b"], "server_header": False, "timeout_graceful_shutdown": "0.5"}, {}, str(tmp_path)).settings()
    assert settings["headers"] == [(b"A", b"b")]
    assert settings["server_header"] is None
    assert settings["drain_grace"] == 0.5
