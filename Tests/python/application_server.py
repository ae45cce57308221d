"""Starts `martlet module:application` as users do, and waits for what it and its application print.

MARTLET_TEST_COMMAND replaces the command: options for every server of a run (`python -m martlet --engine epoll`), or another server to compare with.
MARTLET_PACKAGES is the directory in which the package `martlet` is found, if it is not the repository's own.
Applications report by `note`: a line of output, "@key fact", so that it can still be read when the server has ended.
"""
from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from raw_http import Connection, Response, get
from server_process import REPOSITORY, START_SECONDS_MAX, Server

COMMAND = shlex.split(os.environ.get("MARTLET_TEST_COMMAND") or f"{shlex.quote(sys.executable)} -m martlet")
PACKAGES = os.environ.get("MARTLET_PACKAGES") or str(REPOSITORY / "Sources/python")
NOTE_SECONDS_MAX = 15.0
ADDRESS_OPTIONS = {"--port", "--bind", "--uds", "--fd"}
# A listening application server names its address as Uvicorn does; a path is introduced by "unix:" or "unix socket ".
LISTENING = re.compile(r"\bon (http://\S+:\d+|unix(?: socket |:)\S+)")
NOTE = re.compile(r"^@(\S+) (.*)$", re.MULTILINE)


class ApplicationServer(Server):
    LISTENING = LISTENING

    def __init__(
        self, application: str, *options: str, directory: Path, environment: Mapping[str, str] | None = None, descriptors: Sequence[int] = ()
    ) -> None:
        self.command = command_line(application, *options, directory=directory)
        self.expected_addresses = max(1, sum(option == "--bind" for option in options))
        self._printed = threading.Condition()
        self._start(clean_environment(environment), descriptors)

    def _read_output(self) -> None:
        for line in self.process.stdout:
            with self._printed:
                self._output.append(line)
                self._printed.notify_all()
        with self._printed:
            self._is_output_complete = True
            self._printed.notify_all()

    _is_output_complete = False

    def wait_for_output(self, pattern: str, seconds: float = NOTE_SECONDS_MAX) -> re.Match[str]:
        """The first match in what the server has printed, or prints within the time."""
        found: list[re.Match[str] | None] = [None]

        def is_there() -> bool:
            found[0] = re.search(pattern, self.output, re.MULTILINE)
            return found[0] is not None or self._is_output_complete

        with self._printed:
            self._printed.wait_for(is_there, seconds)
        assert found[0], f"no {pattern!r} within {seconds} s in the output:\n{self.output[-5000:]}"
        return found[0]

    def notes(self, key: str, count: int = 1, seconds: float = NOTE_SECONDS_MAX) -> list[Any]:
        """What the application has noted under the key, waited for until there are as many."""
        with self._printed:
            self._printed.wait_for(lambda: len(self.noted(key)) >= count or self._is_output_complete, seconds)
        found = self.noted(key)
        assert len(found) >= count, f"{len(found)} notes of {count} under {key!r} within {seconds} s:\n{self.output[-5000:]}"
        return found

    def note(self, key: str, seconds: float = NOTE_SECONDS_MAX) -> Any:
        return self.notes(key, 1, seconds)[0]

    def noted(self, key: str) -> list[Any]:
        """What has been noted so far."""
        return [ast.literal_eval(match[2]) for match in NOTE.finditer(self.output) if match[1] == key]

    def ask(self, target: str, *fields: str, method: str = "GET") -> Response:
        """One request on a connection of its own."""
        with Connection(self.address) as connection:
            return connection.request(get(target, *fields, method=method))

    def open_gate(self, key: str) -> None:
        """Lets applications go on that wait for the gate."""
        assert self.ask(f"/open?{key}").status == 200

    @property
    def address(self) -> str | tuple[str, int]:
        path = re.fullmatch(r"unix(?: socket |:)(\S+?)[.,;]?", self.url)
        return path[1] if path else super().address

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024

    @property
    def has_logged_an_error(self) -> bool:
        return re.search(r"Traceback|^\W*(?:\S+ )*(?:ERROR|CRITICAL)\b", self.output, re.MULTILINE) is not None


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Without what this process's own environment would say to the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARTLET_") and name not in ("PORT", "WEB_CONCURRENCY")}
    return {**kept, "PYTHONPATH": PACKAGES, **(extra or {})}


def command_line(application: str, *options: str, directory: Path) -> list[str]:
    if not any(option.split("=")[0] in ADDRESS_OPTIONS for option in options):
        options = ("--port", "0", *options)
    return [*COMMAND, "--app-dir", str(directory), "--no-access-log", *options, application]


def run_to_end(application: str, *options: str, directory: Path, seconds: float = START_SECONDS_MAX) -> subprocess.CompletedProcess[str]:
    """For servers that must end by themselves; one that does not is killed, and the test fails. Standard error is part of `stdout`."""
    command = command_line(application, *options, directory=directory)
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, env=clean_environment()
    )


def seconds_until_stopped(server: ApplicationServer, number: int = signal.SIGTERM, seconds_max: float = 15.0) -> float:
    """Sends the signal and waits for the end, which must be status 0."""
    started = time.monotonic()
    server.signal(number)
    assert server.wait(seconds_max) == 0, server.output
    return time.monotonic() - started
