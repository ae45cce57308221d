"""Reads TOML. A module of its own, so that only whoever has such a file pays for the parser."""
from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read(path: str) -> dict[str, Any]:
    """Raises `OSError`, and `ValueError` for what is not TOML."""
    with open(path, "rb") as file:
        return tomllib.load(file)
