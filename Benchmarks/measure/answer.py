"""Does the server answer what it is measured for? Asked once, before any load."""
from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import FrozenSet, Optional

from .process import ProcessTree

START_SECONDS_MAX = 15
# Servers with a process of their own for workers listen before the first one can answer.
ATTEMPT_SECONDS = 10
PAUSE_SECONDS = 0.02

# What every server has to send; a server that saves itself one of these is not compared.
COMMON_FIELDS = frozenset({"server", "date", "content-type", "content-length"})
CHUNKED_FIELDS = frozenset({"server", "date", "content-type", "transfer-encoding"})


class WrongAnswer(Exception):
    """The server does not run, or does not answer as it must."""


@dataclass(frozen=True)
class Expectation:
    path: str
    request_body: Optional[bytes] = None  # posted if present
    response_body: Optional[bytes] = None  # None: only its size is looked at
    response_size: int = 0
    chunked_allowed: bool = False


def check(port: int, expected: Expectation, server: ProcessTree) -> FrozenSet[str]:
    """Waits for the server to listen, asks once and returns the fields it sends beyond the common ones."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return _ask(port, expected)
        except ConnectionRefusedError:
            if not server.running():
                raise WrongAnswer(f"ended at start: {server.log_tail()}") from None
            if time.monotonic() > deadline:
                raise WrongAnswer(f"did not listen within {START_SECONDS_MAX} s: {server.log_tail()}") from None
            time.sleep(PAUSE_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise WrongAnswer(f"no answer to {expected.path}: {error!r}") from None


def _ask(port: int, expected: Expectation) -> FrozenSet[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ATTEMPT_SECONDS)
    try:
        if expected.request_body is None:
            connection.request("GET", expected.path)
        else:
            connection.request("POST", expected.path, expected.request_body, {"Content-Type": "text/plain"})
        response = connection.getresponse()
        body = response.read()
        fields = frozenset(name.lower() for name, _ in response.getheaders())
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswer(f"answers {response.status} to {expected.path}")
    if expected.response_body is not None and body != expected.response_body:
        raise WrongAnswer(f"answers another body to {expected.path}")
    if expected.response_body is None and len(body) != expected.response_size:
        raise WrongAnswer(f"answers {len(body)} bytes instead of {expected.response_size} to {expected.path}")
    common = CHUNKED_FIELDS if expected.chunked_allowed and "transfer-encoding" in fields else COMMON_FIELDS
    if not common <= fields:
        raise WrongAnswer(f"answers without {', '.join(sorted(common - fields))}")
    return fields - common
