"""Makes the Python package importable, and starts servers by the command `martlet`, as users do."""
from __future__ import annotations

import sys
from typing import Callable, Iterator

import pytest

from martlet_process import PACKAGES, Martlet

sys.path.insert(0, str(PACKAGES))

StartMartlet = Callable[..., Martlet]


@pytest.fixture
def martlet(engine: str) -> Iterator[StartMartlet]:
    """Starts servers: `martlet("plain:app", "--workers", "2")`. One that ends by itself, or badly, fails the test."""
    started: list[Martlet] = []

    def start(*arguments: str, **details: object) -> Martlet:
        started.append(Martlet("--engine", engine, *arguments, **details))
        return started[-1]

    yield start
    faults = []
    for each in started:
        try:
            each.finish()
        except AssertionError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
