"""Starts Redis and PostgreSQL for a test: in a directory of their own, on a free port of 127.0.0.1 and a Unix socket, never as root."""
from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10
INSTALL = "is not installed; Tools/setup --test installs it"


class DatabaseServer:
    """One server process, from its start to its end by number."""

    def __init__(self, unprivileged: tuple[str, ...]) -> None:
        # PostgreSQL refuses to run as root.
        self.user = next(name for name in unprivileged if _exists(name)) if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="martlet-"))
        if self.user:
            shutil.chown(self.directory, self.user)
        self.log = self.directory / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, cwd=self.directory, user=self.user, extra_groups=[] if self.user else None, capture_output=True, check=True)

    def start(self, *command: str) -> None:
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, user=self.user, extra_groups=[] if self.user else None, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS_MAX
        while not self.accepts():
            assert self.process.poll() is None and time.monotonic() < end, f"{command[0]} did not start:\n{self.log.read_text()}"
            time.sleep(0.02)

    def accepts(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def finish(self, stop: signal.Signals) -> None:
        try:
            self.process.send_signal(stop)
            self.process.wait(STOP_SECONDS_MAX)
        finally:
            self.process.kill()
            self.process.wait()
            shutil.rmtree(self.directory, ignore_errors=True)


class Redis(DatabaseServer):
    def __init__(self) -> None:
        program = shutil.which("redis-server")
        assert program, f"redis-server {INSTALL}"
        super().__init__(("redis", "nobody"))
        self.socket = str(self.directory / "socket")
        self.start(program, "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", self.socket, "--save", "", "--dir", str(self.directory))

    def close(self) -> None:
        self.finish(signal.SIGTERM)


class PostgreSQL(DatabaseServer):
    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or [Path(path) for path in [shutil.which("postgres")] if path]
        assert found, f"postgresql {INSTALL}"
        programs = found[-1].resolve().parent
        super().__init__(("postgres", "nobody"))
        data = str(self.directory / "data")
        self.run(str(programs / "initdb"), "--pgdata", data, "--username", "martlet", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory, "fsync": "off", "max_connections": 40,
            "shared_buffers": "16MB",
        }
        self.start(str(programs / "postgres"), "-D", data, *(f"--{name}={value}" for name, value in settings.items()))

    def accepts(self) -> bool:
        # The port is open before the server is ready.
        return super().accepts() and b"ready to accept connections" in self.log.read_bytes()

    def close(self) -> None:
        # Fast: it ends its sessions and does not wait for their clients.
        self.finish(signal.SIGINT)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
