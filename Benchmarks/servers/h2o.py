"""h2o: an epoll server with a hand-vectorized parser. It has no fixed answer of its own, so it serves files."""
from __future__ import annotations

from typing import List, Optional

from .base import Kind, Server, installed, write
from .scenario import HELLO_BODY, Group, Scenario

# Removing Last-Modified, Accept-Ranges and Connection would cost it more than sending them does.
CONFIGURATION = """\
num-threads: 1
max-connections: 4096
num-name-resolution-threads: 1
listen:
  host: 127.0.0.1
  port: {port}
file.etag: OFF
file.index: ["hello.txt"]
hosts:
  default:
    paths:
      "/":
        file.dir: {directory}
"""


class H2O(Server):
    name = "h2o"
    kind = Kind.EPOLL

    def prepare(self) -> None:
        self._program = installed("h2o", "h2o")

    def left_out(self, scenario: Scenario) -> Optional[str]:
        return "echoes only through mruby" if scenario.group is Group.ECHO else None

    def bytes_path(self, size: int) -> str:
        return f"/{size}.txt"

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        write(directory, "hello.txt", HELLO_BODY)
        write(directory, f"{scenario.body_size}.txt", b"x" * scenario.body_size)
        configuration = CONFIGURATION.format(directory=directory, port=port)
        return [self._program, "-c", write(directory, "h2o.conf", configuration.encode())]
