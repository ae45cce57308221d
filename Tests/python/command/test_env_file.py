"""Files of environment variables."""
from __future__ import annotations

import pytest

from martlet.environment import parse

LINES = [
    ("A=1", {"A": "1"}), ("export A=1", {"A": "1"}), ("  A = 1 2  ", {"A": "1 2"}), ("A=", {"A": ""}), ("# A=1", {}), ("", {}), ("no assignment", {}),
    ("A=1 # why", {"A": "1"}), ("A=1#2", {"A": "1#2"}), ("A=#", {"A": ""}), ("A='x # y' # z", {"A": "x # y"}), ('A="a\\nb \\"c\\" \\\\"', {"A": 'a\nb "c" \\'}),
    ("A='\\n'", {"A": "\\n"}), ("A=it's", {"A": "it's"}), ("1A=2", {}), ("A=1\nB=2\r\nA=3", {"A": "3", "B": "2"}), ("A=b=c", {"A": "b=c"}),
    ("A=postgres://u:p@h/d?x=y", {"A": "postgres://u:p@h/d?x=y"}),
]


@pytest.mark.parametrize(("text", "values"), LINES)
def test_lines(text: str, values: dict[str, str]) -> None:
    assert parse(text) == values
