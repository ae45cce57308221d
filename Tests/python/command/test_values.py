"""Kinds of values: what is read, from text and from typed sources, and what is refused with a remedy."""
from __future__ import annotations

import pytest

from martlet.kinds import Choice, Flag, HeaderField, Kind, Permissions, Refusal, Seconds, Several, Text, Whole, WorkerCount

READ = [
    (Flag(), "1", True), (Flag(), "off", False), (Flag(), True, True), (Flag(), "No", False),
    (Whole(), "12", 12), (Whole(), 12, 12), (Whole(), " 7 ", 7),
    (Seconds(), "2.5", 2.5), (Seconds(), 3, 3.0), (Seconds(), "0", 0.0),
    (Choice("auto", "on"), "ON", "on"),
    (WorkerCount(), "auto", "auto"), (WorkerCount(), "4", 4), (WorkerCount(), 4, 4),
    (Permissions(), "660", 0o660), (Permissions(), 0o600, 0o600),
    (HeaderField(), "X-Name: a value", ["X-Name", "a value"]), (HeaderField(), ("X", "y"), ["X", "y"]), (HeaderField(), "X:", ["X", ""]),
    (HeaderField(), "X:http://h:1", ["X", "http://h:1"]),
    (Several(Text()), "a b", ["a", "b"]), (Several(Text()), ("a b",), ["a b"]), (Several(HeaderField(), "\n"), "A: b c\nD: e", [["A", "b c"], ["D", "e"]]),
]

REFUSED: list[tuple[Kind, object]] = [
    *((Flag(), value) for value in ("maybe", "2", "")),
    *((Whole(1, 10), value) for value in ("0", "11", "x", "", "1.5", 1.0, True, "1e3")),
    *((Seconds(), value) for value in ("-1", "nan", "inf", "x", "", True, "1e999")),
    (Choice("auto", "on", "off"), "maybe"),
    *((WorkerCount(), value) for value in ("0", "-1", "many", "5000", 1.5)),
    *((Permissions(), value) for value in ("888", "7777", "rw", -1)),
    *((HeaderField(), value) for value in ("Name", ":x", "Na me: x", "X: a\r\nY: b", "X: \x00", "Content-Length: 3", "X: \u20ac")),
    (Several(Text()), 3), (Text(), 3),
]


@pytest.mark.parametrize(("kind", "value", "expected"), READ)
def test_reads(kind: Kind, value: object, expected: object) -> None:
    assert kind.read(value) == expected


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_refuses_with_a_remedy(kind: Kind, value: object) -> None:
    with pytest.raises(Refusal) as caught:
        kind.read(value)
    sentence = str(caught.value)
    assert repr(value) in sentence
    assert sentence.endswith(".")
    assert "; " in sentence
