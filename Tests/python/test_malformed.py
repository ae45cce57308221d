"""What RFC 9110 and 9112 forbid is refused with its status, the connection closes, and nothing behind it is answered.

Each request is sent whole and in pieces: parsing must not depend on how the bytes were cut.
"""
from __future__ import annotations

import pytest

from raw_http import Connection, Cut, get
from server_process import Server

HOST = b"Host: localhost\r\n"
FOLLOWING = get("/json")


def with_field(line: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n"


def with_framing(*lines: bytes, body: bytes = b"0\r\n\r\n", version: bytes = b"1.1") -> bytes:
    return b"POST /echo HTTP/" + version + b"\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def with_chunks(chunks: bytes) -> bytes:
    return with_framing(b"Transfer-Encoding: chunked", body=chunks)


CHUNKED, LENGTH = b"Transfer-Encoding: chunked", b"Content-Length: 5"

REQUEST_LINES = {
    "two spaces": (b"GET  / HTTP/1.1", {400}),
    "two spaces before version": (b"GET /  HTTP/1.1", {400}),
    "tab": (b"GET\t/ HTTP/1.1", {400}),
    "leading space": (b" GET / HTTP/1.1", {400}),
    "trailing space": (b"GET / HTTP/1.1 ", {400}),
    "no version": (b"GET /", {400}),
    "no target": (b"GET HTTP/1.1", {400}),
    "one word": (b"GET", {400}),
    "method with separator": (b"G(T / HTTP/1.1", {400}),
    "method with control": (b"G\x01T / HTTP/1.1", {400}),
    "relative target": (b"GET path HTTP/1.1", {400}),
    "target with fragment": (b"GET /#part HTTP/1.1", {400}),
    "target with raw non-ASCII": (b"GET /\xc3\xa9 HTTP/1.1", {400}),
    "target with NUL": (b"GET /\0 HTTP/1.1", {400}),
    "target with DEL": (b"GET /\x7f HTTP/1.1", {400}),
    "asterisk for GET": (b"GET * HTTP/1.1", {400}),
    "lower-case version": (b"GET / http/1.1", {400}),
    "version of two digits": (b"GET / HTTP/1.10", {400, 505}),
    "version without minor": (b"GET / HTTP/1", {400, 505}),
    "version 2.0": (b"GET / HTTP/2.0", {505}),
    "version 0.9": (b"GET / HTTP/0.9", {400, 505}),
    "another protocol": (b"GET / RTSP/1.0", {400, 505}),
    "bare CR": (b"GET /\r HTTP/1.1", {400}),
}

FIELDS = {
    "space before colon": b"X-A : b",
    "tab before colon": b"X-A\t: b",
    "no colon": b"X-A",
    "empty name": b": b",
    "separator in name": b"X(A): b",
    "control in name": b"X\x01A: b",
    "NUL in name": b"X\0A: b",
    "non-ASCII in name": b"X\xe9: b",
    "NUL in value": b"X-A: a\0b",
    "control in value": b"X-A: a\x07b",
    "DEL in value": b"X-A: a\x7fb",
    "bare CR in value": b"X-A: a\rb",
    "bare CR at the end": b"X-A: b\r",
    "bare LF": b"X-A: a\nX-B: b",
    "folded": b"X-A: a\r\n b",
    "folded with tab": b"X-A: a\r\n\tb",
    "second Host": b"Host: localhost",
    "second Host that differs": b"host: elsewhere",
}

FRAMINGS = {
    "length and chunked": ((LENGTH, CHUNKED), {400}),
    "chunked and length": ((CHUNKED, LENGTH), {400}),
    "two lengths that differ": ((LENGTH, b"Content-Length: 6"), {400}),
    "list of lengths that differ": ((b"Content-Length: 5, 6",), {400}),
    "length with plus": ((b"Content-Length: +5",), {400}),
    "length with minus": ((b"Content-Length: -5",), {400}),
    "length in hexadecimal": ((b"Content-Length: 0x5",), {400}),
    "length with space inside": ((b"Content-Length: 5 5",), {400}),
    "length with fraction": ((b"Content-Length: 5.0",), {400}),
    "length that is no number": ((b"Content-Length: five",), {400}),
    "empty length": ((b"Content-Length:",), {400}),
    "length of 2 to the 64": ((b"Content-Length: 18446744073709551616",), {400, 413}),
    "length that wraps to 5": ((b"Content-Length: 18446744073709551621",), {400, 413}),
    "unknown coding": ((b"Transfer-Encoding: xchunked",), {400, 501}),
    "identity": ((b"Transfer-Encoding: identity",), {400, 501}),
    "chunked twice": ((b"Transfer-Encoding: chunked, chunked",), {400, 501}),
    "chunked in two fields": ((CHUNKED, CHUNKED), {400, 501}),
    "chunked not last": ((b"Transfer-Encoding: chunked, gzip",), {400, 501}),
    "empty coding": ((b"Transfer-Encoding:",), {400, 501}),
    "coding after vertical tab": ((b"Transfer-Encoding: \x0bchunked",), {400, 501}),
    "coding with NUL": ((b"Transfer-Encoding: chunked\0",), {400, 501}),
    "coding in quotes": ((b'Transfer-Encoding: "chunked"',), {400, 501}),
}

HOSTS = {
    # RFC 9110 §4.2.1: an http URI with an empty host is to be rejected.
    "empty": b"Host:\r\n",
    "none": b"",
    "with space": b"Host: a b\r\n",
    "with path": b"Host: a/b\r\n",
    "with user": b"Host: a@b\r\n",
    "with bad port": b"Host: a:b\r\n",
    "list": b"Host: a, b\r\n",
    "open bracket": b"Host: [::1\r\n",
}

CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size with underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "size with leading space": b" 5\r\nhello\r\n0\r\n\r\n",
    "size of 17 digits": b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    "size that wraps to 5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size ends with LF": b"5\nhello\r\n0\r\n\r\n",
    "size ends with CR": b"5\rhello\r\n0\r\n\r\n",
    "data longer than size": b"5\r\nhello!\r\n0\r\n\r\n",
    "data ends with LF": b"5\r\nhello\n0\r\n\r\n",
    "data without end": b"5\r\nhello0\r\n\r\n",
    "extension with LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension with CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension with NUL": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "extension without end": b"5;" + b"a" * (1 << 17) + b"\r\nhello\r\n0\r\n\r\n",
    "trailer without colon": b"0\r\nX-A\r\n\r\n",
    "trailer with space before colon": b"0\r\nX-A : b\r\n\r\n",
    "folded trailer": b"0\r\nX-A: a\r\n b\r\n\r\n",
    "trailers without end": b"0\r\n" + b"X-A: b\r\n" * (1 << 14) + b"\r\n",
}

OTHERS = {
    "chunked in HTTP/1.0": (with_framing(CHUNKED, version=b"1.0"), {400, 501}),
    "space before the first field": (b"GET / HTTP/1.1\r\n X-A: b\r\n" + HOST + b"\r\n", {400}),
    "lines end with LF": (b"GET / HTTP/1.1\nHost: localhost\n\n", {400}),
    "request line ends with LF": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", {400}),
    "last line ends with LF": (b"GET / HTTP/1.1\r\n" + HOST + b"\n", {400}),
    "LF before the request": (b"\n" + get("/"), {400}),
    "many empty lines": (b"\r\n" * 1000 + get("/"), {400}),
    "start of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {400}),
    "start of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "zeros": (bytes(1000), {400}),
    "Host differs from absolute target": (b"GET http://elsewhere/ HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "long target": (get("/" + "a" * (1 << 17)), {414}),
    "long method": (b"A" * (1 << 17) + b" / HTTP/1.1\r\n" + HOST + b"\r\n", {400, 414, 431, 501}),
    "long field": (get("/", "X-A: " + "a" * (1 << 18)), {431}),
    "long name": (get("/", "a" * (1 << 18) + ": b"), {431}),
    "many fields": (get("/", *(f"X-{number}: a" for number in range(5000))), {431}),
}

CASES = {f"line, {name}": (line + b"\r\n" + HOST + b"\r\n", statuses) for name, (line, statuses) in REQUEST_LINES.items()}
CASES.update({f"field, {name}": (with_field(line), {400}) for name, line in FIELDS.items()})
CASES.update({f"framing, {name}": (with_framing(*lines), statuses) for name, (lines, statuses) in FRAMINGS.items()})
CASES.update({f"host, {name}": (b"GET / HTTP/1.1\r\n" + line + b"\r\n", {400}) for name, line in HOSTS.items()})
CASES.update(OTHERS)


@pytest.fixture(params=[0, 1, 7], ids=["whole", "bytes", "sevens"])
def piece(request: pytest.FixtureRequest) -> int:
    return request.param


def send(connection: Connection, data: bytes, piece: int) -> None:
    if piece == 0 or len(data) > 1 << 14:
        connection.send_in_pieces(data, 1 << 16)
    else:
        connection.send_in_pieces(data, piece)


@pytest.mark.parametrize("name", CASES)
def test_refused(hello: Server, connection: Connection, name: str, piece: int) -> None:
    data, statuses = CASES[name]
    send(connection, data + FOLLOWING, piece)
    response = connection.response()
    assert response.status in statuses
    assert response.closes
    assert connection.seconds_until_closed() < 5


@pytest.mark.parametrize("name", CHUNKS)
def test_refused_body(hello: Server, connection: Connection, name: str, piece: int) -> None:
    """Refused with its status; or, when the answer had begun before the fault was seen, cut so that the client notices."""
    send(connection, with_chunks(CHUNKS[name]) + FOLLOWING, piece)
    try:
        response = connection.response()
    except Cut:
        return
    assert response.status in {400, 413, 431}
    assert response.closes
    assert connection.seconds_until_closed() < 5


ACCEPTED = {
    "method unknown to us": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", {200, 405, 501}),
    "no space after colon": (with_field(b"X-A:b"), {200}),
    "spaces around the value": (with_field(b"X-A: \t b \t "), {200}),
    "empty value": (with_field(b"X-A:"), {200}),
    "non-ASCII in value": (with_field(b"X-A: \xc3\xa9"), {200}),
    "every character of names": (with_field(b"!#$%&'*+-.^_`|~09azAZ: b"), {200}),
    "Host with port": (b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n", {200}),
    "Host in version 6": (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", {200}),
    "fifty fields": (get("/", *(f"X-{number}: a" for number in range(50))), {200}),
    "four kibibytes in one field": (get("/", "Cookie: " + "a" * 4096), {200}),
    "target of four kibibytes": (get("/?" + "a" * 4096), {200}),
    "asterisk for OPTIONS": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", {200, 204, 404, 405}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_but_right(connection: Connection, name: str, piece: int) -> None:
    data, statuses = ACCEPTED[name]
    send(connection, data, piece)
    assert connection.response().status in statuses
    assert connection.request(get("/")).body == b"Hello, World!"
