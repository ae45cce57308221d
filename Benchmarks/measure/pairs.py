"""Is one server dearer than another? Alternating pairs of runs, and the ratio that they show."""
from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import Callable, List, Sequence

from .load import Run

RESAMPLES = 4000


@dataclass(frozen=True)
class Ratio:
    """The median of the pairs' ratios and its 95 % interval (percentile bootstrap)."""

    median: float
    low: float
    high: float
    pairs: int
    difference_microseconds: float  # the median of the pairs' differences

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}–{self.high:.3f}]"


def alternate(loads: Sequence[Callable[[], Run]], rounds: int) -> List[List[Run]]:
    """Runs all in turn, every other round in the opposite order, so that a drift of the machine favours none. Two of them are alternating pairs."""
    runs: List[List[Run]] = [[] for _ in loads]
    for number in range(rounds):
        order = range(len(loads))
        for index in order if number % 2 == 0 else reversed(order):
            runs[index].append(loads[index]())
    return runs


def ratio(numerators: Sequence[Run], denominators: Sequence[Run]) -> Ratio:
    """CPU per request, pair by pair: what the machine does to both cancels out."""
    ratios = [a.cpu_microseconds / b.cpu_microseconds for a, b in zip(numerators, denominators)]
    # Seeded, so that the same runs always give the same interval.
    source = random.Random(1)
    medians = sorted(statistics.median(source.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    tail = RESAMPLES // 40
    differences = [a.cpu_microseconds - b.cpu_microseconds for a, b in zip(numerators, denominators)]
    return Ratio(
        statistics.median(ratios),
        medians[tail],
        medians[-tail - 1],
        len(ratios),
        statistics.median(differences),
    )
