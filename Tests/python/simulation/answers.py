"""Reads what a simulated client received, strictly, and compares it with what its requests must bring."""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from traffic import CUT, Request, Stream


class Wrong(Exception):
    """An answer is not what it must be."""


class Seen(NamedTuple):
    """What a client saw, as `_simulation.clients()` tells it."""

    received: bytes
    written: int
    ended: bool
    was_reset: bool
    was_refused: bool
    has_reset: bool
    has_finished: bool


@dataclass
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes
    is_whole: bool
    trailers: dict[str, str]


class Reader:
    """Takes answers from the front of the bytes; what is there only in part is told as such."""

    def __init__(self, data: bytes, has_ended: bool) -> None:
        self.data, self.has_ended, self.at = data, has_ended, 0

    @property
    def is_empty(self) -> bool:
        return self.at == len(self.data)

    def head(self) -> tuple[int, dict[str, str]] | None:
        """Status and fields; None when the head is not there whole."""
        end = self.data.find(b"\r\n\r\n", self.at)
        if end < 0:
            begin = self.data[self.at : self.at + 9]
            if not b"HTTP/1.1 ".startswith(begin):
                raise Wrong(f"no answer begins with {self.data[self.at : self.at + 40]!r}")
            return None
        first, *lines = self.data[self.at : end].decode("latin-1").split("\r\n")
        self.at = end + 4
        if not first.startswith("HTTP/1.1 ") or not first[9:12].isdigit():
            raise Wrong(f"{first!r} is no status line")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        if len(fields) != len(lines):
            raise Wrong(f"a field is there twice: {lines}")
        return int(first[9:12]), fields

    def chunks(self) -> tuple[bytes, bool, dict[str, str]]:
        """The body of a chunked answer as far as it is there, whether it is whole, and its trailers."""
        body = b""
        while True:
            line = self.data.find(b"\r\n", self.at)
            if line < 0:
                return body, False, {}
            count = int(self.data[self.at : line], 16)
            if count == 0:
                end = self.data.find(b"\r\n\r\n", line)
                if end < 0:
                    return body, False, {}
                lines = self.data[line + 2 : end + 2].decode("latin-1").split("\r\n")
                self.at = end + 4
                return body, True, dict(each.lower().split(": ", 1) for each in lines if each)
            body += self.data[line + 2 : line + 2 + count]
            self.at = line + 2 + count + 2
            if self.at > len(self.data):
                return body, False, {}
            if self.data[self.at - 2 : self.at] != b"\r\n":
                raise Wrong("a chunk does not end where it says")

    def answer(self, request: Request) -> Answer | None:
        """The next final answer; None when not even its head is there whole."""
        hints = 0
        while True:
            head = self.head()
            if head is None:
                return None
            status, fields = head
            if status >= 200:
                break
            hints += status == 103
            if status == 100 and not any(field.startswith("Expect") for field in request.fields):
                raise Wrong("100 was not asked for")
        if status < 400 and hints != (request.kind == "hints" and request.version == "1.1"):
            raise Wrong(f"{hints} early hints")
        # Who answers 408 has not read that it is a HEAD.
        if request.method == "HEAD" and status != 408 or status in (204, 304):
            return Answer(status, fields, b"", True, {})
        if "transfer-encoding" in fields:
            body, is_whole, trailers = self.chunks()
            self.at = min(self.at, len(self.data)) if is_whole else len(self.data)
            return Answer(status, fields, body, is_whole, trailers)
        if "content-length" not in fields:
            raise Wrong("the answer does not say where it ends")
        body = self.data[self.at : self.at + int(fields["content-length"])]
        self.at += len(body)
        return Answer(status, fields, body, len(body) == int(fields["content-length"]), {})


def check_answer(request: Request, answer: Answer) -> None:
    what = f"{request.kind}/{request.number}?{request.identity}"
    if answer.status != request.status:
        raise Wrong(f"{what}: status {answer.status} for {request.status}")
    if request.status != 500 and answer.fields.get("x-request") != str(request.identity):
        raise Wrong(f"{what} got the answer of {answer.fields.get('x-request')}")
    if answer.status in (204, 304) and "content-length" in answer.fields:
        raise Wrong(f"{what}: a length with {answer.status}")
    wanted = request.answer
    if answer.is_whole and request.kind in CUT:
        raise Wrong(f"{what} looks whole and must not")
    if answer.body != wanted if answer.is_whole else not wanted.startswith(answer.body):
        same = next((at for at, pair in enumerate(zip(answer.body, wanted)) if pair[0] != pair[1]), min(len(answer.body), len(wanted)))
        raise Wrong(f"{what}: {len(answer.body)} bytes for {len(wanted)}, the same until {same}")
    if answer.is_whole:
        asked = request.kind == "trailers" and "TE: trailers" in request.fields and request.method == "GET"
        if answer.trailers != ({"x-check": str(request.identity)} if asked else {}):
            raise Wrong(f"{what}: trailers {answer.trailers}")


def count_whole(stream: Stream, seen: Seen, has_deadlines: bool = False) -> int:
    """Checks every answer, and returns how many of them came whole (or as whole as they may be).

    With deadlines the last answer may be the server's own instead.
    """
    reader = Reader(seen.received, seen.ended)
    for index, request in enumerate(stream.requests):
        if reader.is_empty:
            return index
        answer = reader.answer(request)
        if answer is None or (has_deadlines and answer.status in (408, 503) and reader.is_empty):
            return index
        if request.kind == "watched" and answer.status == 500 and seen.written < stream.written:
            # A fault ended the client's sending, and the application took it for gone before it had said anything.
            return index
        check_answer(request, answer)
        if request.kind in CUT and seen.ended and reader.is_empty and len(answer.body) == len(request.answer):
            return index + 1
        if not answer.is_whole:
            if not reader.is_empty:
                raise Wrong(f"something follows an answer that is not whole: {reader.data[reader.at :][:60]!r}")
            return index
    if has_deadlines and reader.data[reader.at :].startswith(b"HTTP/1.1 408 "):
        return len(stream.requests)
    if not reader.is_empty:
        raise Wrong(f"an answer too many: {reader.data[reader.at :][:80]!r}")
    return len(stream.requests)
