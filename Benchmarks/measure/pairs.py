"""Is one server dearer than another? Alternating pairs of runs, and the ratio that they show."""
from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

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


def alternate(first: Callable[[], Run], second: Callable[[], Run], pairs: int) -> Tuple[List[Run], List[Run]]:
    """Every other pair runs in the opposite order, so that a drift of the machine favours neither."""
    of_first: List[Run] = []
    of_second: List[Run] = []
    for pair in range(pairs):
        if pair % 2 == 0:
            of_first.append(first())
            of_second.append(second())
        else:
            of_second.append(second())
            of_first.append(first())
    return of_first, of_second


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
