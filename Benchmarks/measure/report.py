"""How is a result read? Renders rows of measurements as Markdown."""
from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence

from .load import Run
from .pairs import Ratio

MEMORY_COLUMN = "MiB rest → after"
COLUMNS = (
    "server",
    "CPU µs/request",
    "user",
    "CPU ratio [95 %]",
    "to",
    "µs above it",
    "requests/s",
    "p99",
    MEMORY_COLUMN,
    "server load",
    "generator load",
    "notes",
)


@dataclass
class Row:
    """One server in one scenario: measured, or the reason why not."""

    server: str
    runs: List[Run] = field(default_factory=list)
    ratio: Optional[Ratio] = None
    reference: str = ""
    memory_rest_bytes: int = 0
    memory_after_bytes: int = 0
    notes: List[str] = field(default_factory=list)
    absent: str = ""

    def cells(self) -> List[str]:
        if not self.runs:
            return [self.server] + ["–"] * (len(COLUMNS) - 2) + [self.absent]
        return [
            self.server,
            f"{_median(run.cpu_microseconds for run in self.runs):.2f}",
            f"{_median(run.user_share for run in self.runs):.0%}",
            str(self.ratio) if self.ratio else "1",
            self.reference or "–",
            f"{self.ratio.difference_microseconds:+.2f}" if self.ratio else "–",
            f"{_median(run.requests_per_second for run in self.runs):,.0f}",
            _milliseconds([run.p99_microseconds for run in self.runs]),
            f"{self.memory_rest_bytes / 2**20:.1f} → {self.memory_after_bytes / 2**20:.1f}",
            f"{_median(run.server_load for run in self.runs):.0%}",
            f"{_median(run.generator_load for run in self.runs):.0%}",
            "; ".join(self.notes + self._troubles()),
        ]

    def _troubles(self) -> List[str]:
        troubles = []
        errors, lost = sum(run.socket_errors for run in self.runs), sum(run.processes_lost for run in self.runs)
        if errors:
            troubles.append(f"{errors} socket errors")
        if lost:
            troubles.append(f"{lost} processes ended under load, their last CPU time is missing")
        return troubles


def table(rows: Sequence[Row], memory: str) -> str:
    """`memory` names what kind of it the rows tell."""
    columns = [f"{memory} {column}" if column == MEMORY_COLUMN else column for column in COLUMNS]
    return markdown_table(columns, [row.cells() for row in rows])


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    # A bar inside a cell would start another one.
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def heading(title: str, facts: Dict[str, str]) -> str:
    return "\n".join([f"# {title}", ""] + [f"- {name}: {value}" for name, value in facts.items()])


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _milliseconds(microseconds: Sequence[Optional[float]]) -> str:
    known = [value for value in microseconds if value is not None]
    return f"{statistics.median(known) / 1e3:.2f} ms" if known else "–"
