"""Makes the Python package importable, and loops that are closed when their test is over."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "Sources/python"))

from martlet.loop import Loop  # noqa: E402

MakeLoop = Callable[[], Loop]


@pytest.fixture
def make_loop(engine: str) -> Iterator[MakeLoop]:
    made: list[Loop] = []

    def make() -> Loop:
        made.append(Loop(engine))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def loop(make_loop: MakeLoop) -> Loop:
    return make_loop()
