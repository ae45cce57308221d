"""A client that shows every byte: sends what it is given, and reads answers strictly (RFC 9112)."""
from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

TIMEOUT_SECONDS = 10.0
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ([\t \x21-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")


class Cut(Exception):
    """The connection ended before the answer did. `received` is what came."""

    def __init__(self, received: bytes) -> None:
        super().__init__(f"cut after {received[:200]!r}")
        self.received = received


@dataclass
class Response:
    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: tuple[tuple[str, str], ...] = ()

    def field(self, name: str) -> str | None:
        """The value of a field that may stand there once only."""
        values = [value for key, value in self.fields if key == name.lower()]
        assert len(values) <= 1, f"{name} stands there {len(values)} times"
        return values[0] if values else None

    @property
    def closes(self) -> bool:
        return (self.field("connection") or "").lower() == "close"


class Connection:
    def __init__(self, address: str | tuple[str, int], timeout: float = TIMEOUT_SECONDS, receive_buffer: int | None = None) -> None:
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_in_pieces(self, data: bytes, size: int, pause: float = 0.0) -> None:
        """A server that has refused the beginning may close before the end is sent."""
        try:
            for start in range(0, len(data), size):
                self.socket.sendall(data[start:start + size])
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def request(self, data: bytes) -> Response:
        self.send(data)
        return self.response(is_head=data.startswith(b"HEAD "))

    def response(self, is_head: bool = False, has_trailers: bool = False) -> Response:
        """The next answer, interim ones included. Trailers are a fault where none are announced by `has_trailers`."""
        received = self._take_until(b"\r\n\r\n")
        status_line, *field_lines = received[:-4].split(b"\r\n")
        match = STATUS_LINE.fullmatch(status_line)
        assert match, f"not a status line: {status_line!r}"
        response = Response(int(match[1]), parsed_fields(field_lines))
        response.body = self._body(response, is_head)
        assert has_trailers or not response.trailers, f"unexpected trailers: {response.trailers}"
        return response

    def _body(self, response: Response, is_head: bool) -> bytes:
        length, coding = response.field("content-length"), response.field("transfer-encoding")
        assert length is None or coding is None, "both content-length and transfer-encoding"
        if response.status < 200 or response.status == 204:
            assert length is None and coding is None, f"{response.status} has no body and says so by having no framing"
            return b""
        if is_head or response.status == 304:
            return b""
        if coding is not None:
            assert coding == "chunked"
            return self._chunked_body(response)
        if length is not None:
            assert re.fullmatch(r"\d+", length)
            return self._take(int(length))
        assert response.closes, "a body that ends with the connection has to announce it"
        return self.rest()

    def _chunked_body(self, response: Response) -> bytes:
        # Collected, and joined once: added up, a hundred megabytes in pieces would be copied a thousand times.
        pieces = []
        while True:
            line = self._take_until(b"\r\n")[:-2]
            assert re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line), f"not a chunk size: {line!r}"
            size = int(line, 16)
            if size == 0:
                trailers = []
                while (line := self._take_until(b"\r\n")) != b"\r\n":
                    trailers.append(line[:-2])
                response.trailers = tuple(parsed_fields(trailers))
                return b"".join(pieces)
            pieces.append(self._take(size))
            assert self._take(2) == b"\r\n"

    def _take_until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._receive()
        index = self._buffer.index(end) + len(end)
        taken, self._buffer = self._buffer[:index], self._buffer[index:]
        return taken

    def _take(self, count: int) -> bytes:
        if len(self._buffer) < count:
            # Joined once: five megabytes in pieces of some kilobytes would be copied a thousand times.
            pieces, have = [self._buffer], len(self._buffer)
            while have < count:
                self._buffer = b""
                self._receive()
                pieces.append(self._buffer)
                have += len(self._buffer)
            self._buffer = b"".join(pieces)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _receive(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Cut(self._buffer)
        self._buffer += data

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        pieces = [self._buffer]
        self._buffer = b""
        while True:
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                return b"".join(pieces)
            pieces.append(data)

    def skip(self, length: int) -> None:
        """Reads so many bytes, whatever they are."""
        while length > 0:
            data = self.socket.recv(min(length, 1 << 20))
            if not data:
                raise Cut(b"")
            length -= len(data)

    def seconds_until_closed(self, seconds_max: float = TIMEOUT_SECONDS) -> float:
        """Fails when something is sent, or nothing happens in time."""
        started = time.monotonic()
        self.socket.settimeout(seconds_max)
        rest = self.rest()
        assert rest == b"", f"nothing but the end was expected, not {rest[:200]!r}"
        return time.monotonic() - started


def parsed_fields(lines: list[bytes]) -> list[tuple[str, str]]:
    fields = []
    for line in lines:
        field = FIELD_LINE.fullmatch(line)
        assert field, f"not a field line: {line!r}"
        fields.append((field[1].decode().lower(), field[2].decode("latin-1")))
    return fields


def get(target: str = "/", *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(body: bytes, *fields: str, target: str = "/echo") -> bytes:
    return get(target, f"Content-Length: {len(body)}", *fields, method="POST") + body


def chunked(body: bytes, chunk_size: int, *fields: str, target: str = "/echo") -> bytes:
    chunks = [body[start:start + chunk_size] for start in range(0, len(body), chunk_size)]
    encoded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return get(target, "Transfer-Encoding: chunked", *fields, method="POST") + encoded + b"0\r\n\r\n"
