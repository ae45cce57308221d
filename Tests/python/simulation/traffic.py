"""What the simulated clients send, when, and what each request must bring."""
from __future__ import annotations

import random
from dataclasses import dataclass, field

from application import CONTENT, content

Step = tuple[str, object]

# Kinds of answers that leave the connection as it is.
WITHOUT_BODY = [
    "whole", "bare", "sized", "stream", "drip", "sleep", "empty", "unmodified", "hints", "trailers", "file", "watched", "spawned", "afterwards", "fails",
    "fails_later", "forgets", "cancels",
]
WITH_BODY = ["echo", "slow_echo", "echo_stream", "impatient_echo", "watched"]
# The connection ends with these.
LAST = ["fails_begun", "fails_midway", "leaves_midway", "early", "hangs"]
FAILING = {"fails": 500, "fails_later": 500, "forgets": 500, "cancels": 500, "fails_begun": 500}
CUT = {"fails_midway", "leaves_midway"}


@dataclass
class Request:
    identity: int
    kind: str
    number: int
    method: str = "GET"
    version: str = "1.1"
    fields: list[str] = field(default_factory=list)
    body: bytes | None = None
    is_chunked: bool = False

    @property
    def status(self) -> int:
        return FAILING.get(self.kind) or {"empty": 204, "unmodified": 304}.get(self.kind, 200)

    @property
    def answer(self) -> bytes:
        """The body of the whole answer; of one that is cut, what it begins like."""
        if self.status == 500:
            return b"" if self.method == "HEAD" else b"Internal Server Error"
        if self.method == "HEAD" or self.status != 200:
            return b""
        if self.kind == "path":
            return CONTENT
        if self.kind == "file":
            return CONTENT[: self.number]
        if self.kind in ("echo", "slow_echo", "echo_stream", "impatient_echo"):
            return self.body or b""
        return content(self.identity, self.number)

    def bytes(self, chance: random.Random) -> bytes:
        lines = [f"{self.method} /{self.kind}/{self.number}?{self.identity} HTTP/{self.version}", "Host: a", *self.fields]
        body = self.body or b""
        if self.is_chunked:
            lines.append("Transfer-Encoding: chunked")
            body = chunked(body, chance)
        elif self.body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, chance: random.Random) -> bytes:
    parts = []
    while body:
        count = chance.randint(1, len(body))
        parts.append(b"%x\r\n%b\r\n" % (count, body[:count]))
        body = body[count:]
    return b"".join(parts) + b"0\r\n\r\n"


@dataclass
class Stream:
    """All that one client says."""

    requests: list[Request]
    script: list[Step]
    written: int
    delay: int

    @property
    def resets(self) -> bool:
        return self.script[-1][0] == "reset"


class Traffic:
    def __init__(self, chance: random.Random, is_narrow: bool) -> None:
        self.chance, self.is_narrow = chance, is_narrow
        self.identity = 0

    def stream(self) -> Stream:
        chance = self.chance
        count = chance.randint(1, 12) if chance.random() < 0.3 else chance.randint(1, 3)
        requests = [self.request() for _ in range(count)]
        if chance.random() < 0.25:
            requests.append(self.last())
        self.close(requests)
        parts = [request.bytes(chance) for request in requests]
        return Stream(requests, self.script(requests, parts), sum(map(len, parts)), chance.randint(0, 5_000_000))

    def next_identity(self) -> int:
        self.identity += 1
        return self.identity

    def size(self) -> int:
        chance = self.chance
        if self.is_narrow:
            return chance.choice([0, 1, chance.randint(2, 300), chance.randint(2, 3000)])
        return chance.choice([0, 1, chance.randint(2, 300), chance.randint(300, 5000), chance.randint(16_000, 40_000)])

    def request(self) -> Request:
        chance = self.chance
        if chance.random() < 0.4:
            request = Request(self.next_identity(), chance.choice(WITH_BODY), self.size(), "POST")
            self.add_body(request)
            return request
        kinds = WITHOUT_BODY if self.is_narrow or chance.random() > 0.02 else ["path"]
        request = Request(self.next_identity(), chance.choice(kinds), self.size())
        if chance.random() < 0.12 and request.kind not in ("trailers", "file", "path"):
            request.method = "HEAD"
        elif chance.random() < 0.1 and request.kind in ("whole", "sized", "sleep", "empty"):
            request.version = "1.0"
            request.fields.append("Connection: keep-alive")
        if request.kind == "trailers" and chance.random() < 0.5:
            request.fields.append("TE: trailers")
        return request

    def add_body(self, request: Request) -> None:
        chance = self.chance
        request.body = content(request.identity + 50, self.size() if self.is_narrow or chance.random() > 0.05 else chance.randint(60_000, 150_000))
        request.is_chunked = chance.random() < 0.4
        if chance.random() < 0.2:
            request.fields.append("Expect: 100-continue")

    def last(self) -> Request:
        request = Request(self.next_identity(), self.chance.choice(LAST), max(1, self.size()))
        if request.kind == "early":
            request.method = "POST"
            self.add_body(request)
        return request

    def close(self, requests: list[Request]) -> None:
        """Says with the last request that it is the last, or leaves it to the end of sending."""
        if self.chance.random() < 0.3 or self.is_watched(requests):
            requests[-1].version = "1.1"
            requests[-1].fields = [field for field in requests[-1].fields if not field.startswith("Connection")] + ["Connection: close"]

    @staticmethod
    def is_watched(requests: list[Request]) -> bool:
        """An application that waits for the client to leave takes the end of sending for that."""
        return any(request.kind == "watched" for request in requests)

    def script(self, requests: list[Request], parts: list[bytes]) -> list[Step]:
        chance = self.chance
        script: list[Step] = []
        if chance.random() < 0.3:
            # One after the other: no answer is shorter than its status line.
            for index, part in enumerate(parts):
                script += [("write", part), ("await_bytes", 15 * (index + 1) if requests[index].kind != "hangs" else 0)]
        else:
            rest = b"".join(parts)
            for _ in range(chance.randint(0, 3)):
                count = chance.randint(0, len(rest))
                script += [("write", rest[:count]), ("pause", chance.randint(0, 100_000_000))]
                rest = rest[count:]
                if chance.random() < 0.2:
                    script += [("stop_reading", 0), ("pause", chance.randint(0, 500_000_000)), ("start_reading", 0)]
            script.append(("write", rest))
        if requests[-1].kind == "hangs":
            return script + [("pause", chance.randint(0, 200_000_000)), ("reset", 0)]
        if not self.is_watched(requests) and (chance.random() < 0.5 or "Connection: close" not in requests[-1].fields):
            script.append(("finish_sending", 0))
        return script + [("await_end", 0), ("finish_sending", 0)]
