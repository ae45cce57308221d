"""Reads files of environment variables (`--env-file`): lines NAME=VALUE, with comments, quotation marks and an optional `export`."""
from __future__ import annotations

import re

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:\#.*)?$""")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_env_file(path: str) -> dict[str, str]:
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def parse(text: str) -> dict[str, str]:
    """Lines that are no assignments say nothing. A `#` begins a comment at a line's start or after a blank, but not in quotation marks."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match is not None:
            values[match[1]] = _value(match[2])
    return values


def _value(text: str) -> str:
    quoted = _QUOTED.match(text)
    if quoted is None:
        return _COMMENT.sub("", text)
    if quoted[1] is not None:
        return quoted[1]
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), quoted[2])
