"""What is asked of the servers: one kind of request, under one kind of load."""
from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional


class Group(Enum):
    """Scenarios that share an A/A line, because the same requests make the same noise."""

    HELLO = "hello"
    PIPELINE = "pipeline"
    RECONNECT = "reconnect"
    BODIES = "bodies"
    ECHO = "echo"
    SLEEP = "sleep"
    FRAMEWORKS = "frameworks"


HELLO_BODY = b"Hello, World!"
HELLO_GROUPS = (Group.HELLO, Group.PIPELINE, Group.RECONNECT)


@dataclass(frozen=True)
class Scenario:
    name: str
    group: Group
    description: str
    connections: int
    depth: int = 1  # requests sent at once on a connection
    requests_per_connection: Optional[int] = None  # None: a connection stays for the whole load
    body_size: int = len(HELLO_BODY)  # of the response, and of the request where it is echoed

    @property
    def hello(self) -> bool:
        return self.group in HELLO_GROUPS
