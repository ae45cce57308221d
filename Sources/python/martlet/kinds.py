"""What kinds of values options have: each reads the text of a command line or an environment, or a typed value of TOML or Python.

A kind that cannot read a value raises `Refusal` with the rest of a sentence: what is wrong and how to write it.
It knows nothing of options, nor of where values come from.
"""
from __future__ import annotations

import math
from typing import Callable

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class Refusal(ValueError):
    """Begins with the value that was refused; the reader puts the option's name in front."""


class Kind:
    """Reads one value. `metavar` stands for it in the help."""

    metavar = "TEXT"

    def read(self, value: object) -> object:
        raise NotImplementedError

    def show(self, value: object) -> str:
        """A value as a user would write it."""
        return "" if value is None else str(value)


class Text(Kind):
    def __init__(self, metavar: str = "TEXT", check: Callable[[str], object] | None = None) -> None:
        self.metavar = metavar
        self._check = check

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Refusal(f"{value!r} is not a text; put it in quotation marks.")
        if self._check is not None:
            self._check(value)
        return value


class Flag(Kind):
    metavar = ""

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
        raise Refusal(f"{value!r} is neither true nor false; write 1 or 0.")

    def show(self, value: object) -> str:
        return "" if value is None else "on" if value else "off"


class Whole(Kind):
    """A whole number between two bounds."""

    metavar = "N"

    def __init__(self, least: int = 0, most: int = 2**63 - 1, what: str = "a whole number") -> None:
        self._least, self._most, self._what = least, most, what

    def read(self, value: object) -> int:
        try:
            number = None if isinstance(value, (bool, float)) else int(str(value).strip())
        except ValueError:
            number = None
        if number is None:
            raise Refusal(f"{value!r} is not {self._what}; write for example {max(self._least, 1)}.")
        if not self._least <= number <= self._most:
            bound = f"at least {self._least}" if number < self._least else f"at most {self._most}"
            raise Refusal(f"{value!r} is out of range; write {bound}.")
        return number


class Seconds(Kind):
    metavar = "SECONDS"
    most = 366 * 86400.0

    def read(self, value: object) -> float:
        try:
            seconds = math.nan if isinstance(value, bool) else float(str(value).strip())
        except ValueError:
            seconds = math.nan
        if math.isnan(seconds):
            raise Refusal(f"{value!r} is not a number of seconds; write for example 5 or 0.5.")
        if not 0 <= seconds <= self.most:
            raise Refusal(f"{value!r} is out of range; write from 0 to {self.most:.0f} seconds.")
        return seconds

    def show(self, value: object) -> str:
        return f"{value:g}" if isinstance(value, (int, float)) else ""


class Choice(Kind):
    def __init__(self, *words: str) -> None:
        self.words = words
        self.metavar = "|".join(words)

    def read(self, value: object) -> str:
        word = str(value).strip().lower()
        if word not in self.words:
            raise Refusal(f"{value!r} is not one of its values; choose {', '.join(self.words[:-1])} or {self.words[-1]}.")
        return word


class WorkerCount(Kind):
    """A number of workers, or as many as there are processors to use."""

    metavar = "N|auto"
    _number = Whole(1, 4096)

    def read(self, value: object) -> int | str:
        if isinstance(value, str) and value.strip().lower() == "auto":
            return "auto"
        try:
            return self._number.read(value)
        except Refusal:
            raise Refusal(f"{value!r} is not a number of workers; write auto, or a number from 1 to 4096.") from None


class Permissions(Kind):
    """The mode of a file, in octal."""

    metavar = "OCTAL"

    def read(self, value: object) -> int:
        # TOML and Python have octal numbers of their own; a decimal 666 there is meant as it looks.
        text = f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) and value <= 0o777 else str(value).strip()
        try:
            mode = int(text, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o777:
            raise Refusal(f"{value!r} is not a mode of a file; write three octal digits, for example 660.")
        return mode

    def show(self, value: object) -> str:
        return f"{value:o}" if isinstance(value, int) else ""


class HeaderField(Kind):
    """`Name:Value` of a response header; read as a pair."""

    metavar = "NAME:VALUE"
    _name_characters = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

    def read(self, value: object) -> list[str]:
        if isinstance(value, (list, tuple)) and len(value) == 2:
            name, content = (part.decode("latin-1") if isinstance(part, bytes) else str(part) for part in value)
        else:
            name, colon, content = str(value).partition(":")
            if not colon:
                raise Refusal(f"{value!r} is not a header; write Name:Value.")
        name, content = name.strip(), content.strip()
        if not name or not self._name_characters.issuperset(name):
            raise Refusal(f"{value!r} has no name that HTTP allows; write Name:Value.")
        # What HTTP allows in a value: no control characters, so that nothing can be smuggled into the head.
        if any(not (character == "\t" or " " <= character <= "~" or "\x80" <= character <= "\xff") for character in content):
            raise Refusal(f"{value!r} has a value with characters that HTTP does not allow; leave them out.")
        if name.lower() in ("content-length", "transfer-encoding", "connection"):
            raise Refusal(f"{value!r} cannot be set for all answers, because the server decides it for each; leave it out.")
        return [name, content]

    def show(self, value: object) -> str:
        return ": ".join(value) if isinstance(value, list) else ""


class Several(Kind):
    """A list. In TOML an array, on the command line the option again and again, in the environment with `separator` (None: any blank)."""

    def __init__(self, one: Kind, separator: str | None = None) -> None:
        self.one = one
        self.separator = separator
        self.metavar = one.metavar

    def read(self, value: object) -> list[object]:
        if isinstance(value, str):
            value = [part for part in value.split(self.separator) if part.strip()]
        if not isinstance(value, (list, tuple)):
            raise Refusal(f"{value!r} is not a list; write one, even of one element.")
        return [self.one.read(part) for part in value]

    def show(self, value: object) -> str:
        return ", ".join(self.one.show(part) for part in value) if isinstance(value, list) else ""


class Anything(Kind):
    """Passed on as it is: read by whoever uses it."""

    def __init__(self, metavar: str = "PATH") -> None:
        self.metavar = metavar

    def read(self, value: object) -> object:
        return value
