"""What every server has in common, and how one is brought to the point where it answers."""
from __future__ import annotations

import os
import socket
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Dict, FrozenSet, Iterator, List, Optional, Tuple

from measure.answer import Expectation, check
from measure.process import ProcessTree

from .scenario import HELLO_BODY, Group, Scenario

BENCHMARKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(BENCHMARKS)


class Kind(Enum):
    """How a server waits for the kernel; it is compared with the floor of its kind."""

    URING = "uring"
    EPOLL = "epoll"


class Absent(Exception):
    """The server is not there to be measured; the text says what would bring it."""


class Server(ABC):
    name: str
    kind: Kind

    @abstractmethod
    def prepare(self) -> None:
        """Builds what it needs, or raises Absent."""

    @abstractmethod
    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        """`directory` is empty, readable by everyone and lives as long as the server does."""

    def left_out(self, scenario: Scenario) -> Optional[str]:
        """Why it takes no part in the scenario; None if it does."""
        return None

    def environment(self, scenario: Scenario, directory: str) -> Dict[str, str]:
        """What it is told beyond its command line."""
        return {}

    def notes(self, scenario: Scenario) -> List[str]:
        """What is different about it."""
        return []

    def bytes_path(self, size: int) -> str:
        return f"/bytes?{size}"

    def path(self, scenario: Scenario) -> str:
        if scenario.hello:
            return "/"
        return "/echo" if scenario.group is Group.ECHO else self.bytes_path(scenario.body_size)

    def expectation(self, scenario: Scenario) -> Expectation:
        path = self.path(scenario)
        if scenario.hello:
            return Expectation(path, response_body=HELLO_BODY)
        if scenario.group is Group.ECHO:
            body = b"x" * scenario.body_size
            return Expectation(path, request_body=body, response_body=body, chunked_allowed=True)
        return Expectation(path, response_size=scenario.body_size)


@dataclass(frozen=True)
class Instance:
    """A server that runs and has answered as it must."""

    server: Server
    process: ProcessTree
    url: str
    extra_fields: FrozenSet[str]
    memory_rest_bytes: int


@contextmanager
def placed(server: Server, scenario: Scenario, core: int) -> Iterator[Tuple[ProcessTree, int]]:
    """The server's process and its port, from its start on: it may not answer yet."""
    with tempfile.TemporaryDirectory(prefix="martlet-bench-") as directory:
        # Servers that were started by root serve files as somebody else.
        os.chmod(directory, 0o755)
        content = os.path.join(directory, "content")
        os.mkdir(content)
        port = free_port()
        command = server.command(port, scenario, content)
        process = ProcessTree(command, core, os.path.join(directory, "log"), server.environment(scenario, content))
        try:
            yield process, port
        finally:
            process.stop()


@contextmanager
def started(server: Server, scenario: Scenario, core: int, memory: str = "Pss") -> Iterator[Instance]:
    """Raises WrongAnswer if it does not answer as it must. `memory` is the kind that is read once it has."""
    with placed(server, scenario, core) as (process, port):
        expected = server.expectation(scenario)
        extra = check(port, expected, process)
        yield Instance(server, process, f"http://127.0.0.1:{port}{expected.path}", extra, process.memory_bytes(memory))


def write(directory: str, name: str, content: bytes) -> str:
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def installed(program: str, package: str) -> str:
    """The program's path. /usr/sbin is not on everybody's PATH."""
    for directory in os.environ.get("PATH", "").split(os.pathsep) + ["/usr/sbin", "/sbin"]:
        candidate = os.path.join(directory, program)
        if directory and os.access(candidate, os.X_OK):
            return candidate
    raise Absent(f"not installed (apt-get install {package})")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
