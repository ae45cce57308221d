"""Runs the command `martlet` in a process of its own: a server that is started, asked and stopped, or a command line that must not start one."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Mapping, Sequence

from server_process import REPOSITORY, START_SECONDS_MAX, Server, ServerFault

PACKAGES = Path(os.environ.get("MARTLET_PACKAGES") or REPOSITORY / "Sources/python")
APPS = Path(__file__).resolve().parent / "apps"
LISTENING = re.compile(r"[Ll]istening on (http://\S+|unix:\S+)")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Without what the tests' own environment would say to the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARTLET_") and name not in ("PORT", "WEB_CONCURRENCY")}
    return {**kept, "PYTHONPATH": str(PACKAGES), "PYTHONUNBUFFERED": "1", **(extra or {})}


class Martlet(Server):
    """Listens on any port of 127.0.0.1 unless the arguments say where. `expects` is the number of addresses that it must name."""

    def __init__(
        self, *arguments: str, environ: Mapping[str, str] | None = None, directory: Path = APPS, expects: int = 1, launcher: Sequence[str] = (),
        descriptors: Sequence[int] = (), listens: bool = True, script: str | None = None,
    ) -> None:
        if listens and not {"--bind", "--port", "--uds", "--fd"} & set(arguments):
            arguments = ("--port", "0", *arguments)
        program = ["-c", script] if script is not None else ["-m", "martlet", *arguments]
        self.command = [*launcher, sys.executable, *program]
        self.expected_addresses = expects
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory, env=environment(environ),
            pass_fds=descriptors)
        self._output: list[bytes] = []
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        self._stopping = False
        self._is_status_known = False
        try:
            self.addresses = self._wait_for_addresses()
        except BaseException:
            self.kill()
            raise

    def _wait_for_addresses(self) -> list[str]:
        self.wait_for_output(LISTENING, self.expected_addresses)
        return LISTENING.findall(self.output)

    def wait_for_output(self, pattern: str | re.Pattern[str], count: int = 1, seconds: float = START_SECONDS_MAX) -> None:
        deadline = time.monotonic() + seconds
        while len(re.findall(pattern, self.output)) < count:
            if time.monotonic() > deadline:
                raise ServerFault(f"{self.command} did not say {pattern} within {seconds} s:\n{self.output}")
            if self.process.poll() is not None:
                self._reader.join(1)
                if len(re.findall(pattern, self.output)) >= count:
                    return
                raise ServerFault(f"{self.command} ended with {self.process.returncode} before it said {pattern}:\n{self.output}")
            time.sleep(0.01)

    @property
    def workers(self) -> list[int]:
        """The process ids of its children, oldest first."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


def run_martlet(
    *arguments: str, environ: Mapping[str, str] | None = None, directory: Path = APPS, seconds: float = 20, descriptors: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """For command lines that end by themselves."""
    return subprocess.run(
        [sys.executable, "-m", "martlet", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, cwd=directory,
        env=environment(environ), pass_fds=descriptors)
