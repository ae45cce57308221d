"""Starts the hello server, reads from its output where it listens, and ends it by its process id."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("MARTLET_HELLO") or REPOSITORY / ".build/release/martlet-hello")
START_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 15.0


class ServerFault(AssertionError):
    """The server did what no server may: it did not start, crashed, or did not stop."""


class Server:
    LISTENING = re.compile(r"listening on (http://\S+?|unix:\S+?)[.,;]?$", re.MULTILINE)

    def __init__(self, *options: str, launcher: Sequence[str] = (), program: Path = PROGRAM) -> None:
        """`launcher` is a command that prepares the process and then becomes the server by exec, as `env` and `prlimit` do."""
        if not any(option == "--bind" or option.startswith("--bind=") for option in options):
            options = ("--bind", "127.0.0.1:0", *options)
        self.command = [*launcher, str(program), *options]
        self.expected_addresses = sum(option == "--bind" or option.startswith("--bind=") for option in options)
        self._start()

    def _start(self, environment: Mapping[str, str] | None = None, descriptors: Sequence[int] = ()) -> None:
        """Runs the command until it listens. `environment` takes the place of this process's own; `descriptors` are inherited."""
        # Both streams in one, so that the order of what it says is kept.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, pass_fds=descriptors,
        )
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

    def _read_output(self) -> None:
        for line in self.process.stdout:
            self._output.append(line)

    def _wait_for_addresses(self) -> list[str]:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            found = self.LISTENING.findall(self.output)
            if len(found) >= self.expected_addresses:
                return found
            if self.process.poll() is not None:
                self._reader.join(1)
                raise ServerFault(f"{self.command} ended with {self.process.returncode} before it listened:\n{self.output}")
            time.sleep(0.01)
        raise ServerFault(f'{self.command} did not say "listening on …" within {START_SECONDS_MAX} s:\n{self.output}')

    @property
    def output(self) -> str:
        return b"".join(self._output).decode(errors="replace")

    @property
    def url(self) -> str:
        return self.addresses[0]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].rstrip("/"))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> str | tuple[str, int]:
        """What socket.connect takes: a path, or host and port."""
        if self.url.startswith("unix:"):
            return self.url[len("unix:"):]
        return (self.url[len("http://"):].rsplit(":", 1)[0].strip("[]"), self.port)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        self._stopping = True
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS_MAX) -> int:
        """The exit status. A server that ran into a signal has a negative one."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ServerFault(f"{self.command} was still running after {seconds} s:\n{self.output}") from None
        self._reader.join(1)
        self._is_status_known = True
        return status

    def stop(self) -> int:
        if self.is_running:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self._stopping = True
        if self.is_running:
            self.process.kill()
        self.process.wait()

    def finish(self) -> None:
        """At the end of a test: it must still run, or have been told to stop; and stop with status 0, or one that the test has seen."""
        try:
            if not self.is_running and not self._stopping:
                raise ServerFault(f"{self.command} ended by itself with {self.wait()}:\n{self.output}")
            is_judged = self._is_status_known
            status = self.stop()
            if (not is_judged and status not in (0, -signal.SIGKILL)) or "Fatal error" in self.output:
                raise ServerFault(f"{self.command} ended with {status}:\n{self.output}")
        finally:
            self.kill()


def run_to_end(*options: str, seconds: float = START_SECONDS_MAX, launcher: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """For command lines that must not start a server."""
    return subprocess.run([*launcher, str(PROGRAM), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
