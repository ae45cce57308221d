"""Makes the benchmarks' modules importable. They are tested without timing: what they start must answer as it is measured for."""
from __future__ import annotations

import sys

from server_process import REPOSITORY

BENCHMARKS = REPOSITORY / "Benchmarks"
sys.path.insert(0, str(BENCHMARKS))
