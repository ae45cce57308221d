"""Request bodies: every size, framed both ways, cut in every way, come back as they were."""
from __future__ import annotations

import random
import threading

import pytest

from raw_http import Connection, chunked, get, post

KIBIBYTE = 1024
SIZES = [0, 1, KIBIBYTE, 100 * KIBIBYTE, 5 * KIBIBYTE * KIBIBYTE]


def body_of(size: int) -> bytes:
    # Seeded: a failure repeats.
    return random.Random(size).randbytes(size)


def exchange(connection: Connection, data: bytes) -> bytes:
    """Sends and receives at once: an echo of more than the buffers between hold would otherwise wait for itself."""
    sender = threading.Thread(target=connection.send_in_pieces, args=(data, 1 << 16), daemon=True)
    sender.start()
    response = connection.response()
    sender.join(10)
    assert response.status == 200
    return response.body


@pytest.mark.parametrize("size", SIZES)
def test_content_length(connection: Connection, size: int) -> None:
    body = body_of(size)
    assert exchange(connection, post(body)) == body
    assert connection.request(get("/")).body == b"Hello, World!"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chunk_size", [7, 4096, 1 << 20])
def test_chunked(connection: Connection, size: int, chunk_size: int) -> None:
    body = body_of(min(size, 100 * KIBIBYTE) if chunk_size == 7 else size)
    assert exchange(connection, chunked(body, chunk_size)) == body
    assert connection.request(get("/")).body == b"Hello, World!"


@pytest.mark.parametrize("encode", [post, lambda body: chunked(body, 3)], ids=["content-length", "chunked"])
def test_byte_by_byte(connection: Connection, encode: object) -> None:
    body = b"in very small pieces"
    connection.send_in_pieces(encode(body), 1, pause=0.0005)
    assert connection.response().body == body
    assert connection.request(get("/")).body == b"Hello, World!"


@pytest.mark.parametrize("encode", [post, lambda body: chunked(body, 5)], ids=["content-length", "chunked"])
def test_every_cut_in_two(connection: Connection, encode: object) -> None:
    data = encode(b"cut in two")
    for cut in range(1, len(data)):
        connection.send(data[:cut])
        connection.send(data[cut:])
        assert connection.response().body == b"cut in two"


def test_trailers_and_extensions_are_not_body(connection: Connection) -> None:
    data = get("/echo", "Transfer-Encoding: Chunked", "Trailer: X-Sum", method="POST")
    data += b'5;name=value;quoted="a;b"\r\nhello\r\n00006\r\n world\r\n000;last\r\nX-Sum: 11\r\nContent-Length: 99\r\n\r\n'
    assert connection.request(data).body == b"hello world"
    assert connection.request(get("/")).body == b"Hello, World!"


def test_uppercase_and_leading_zeros_of_chunk_sizes(connection: Connection) -> None:
    head = get("/echo", "Transfer-Encoding: chunked", method="POST")
    assert connection.request(head + b"000A\r\n0123456789\r\n0\r\n\r\n").body == b"0123456789"


def test_pipelined_bodies_stay_apart(connection: Connection) -> None:
    bodies = [body_of(size) for size in (1, 0, 4095, 4096, 4097, 3)]
    connection.send(b"".join(post(body) if index % 2 else chunked(body, 1000) for index, body in enumerate(bodies)))
    assert [connection.response().body for _ in bodies] == bodies


def test_client_that_leaves_in_mid_body(hello: object, connection: Connection) -> None:
    for _ in range(20):
        with Connection(hello.address) as leaving:
            leaving.send(post(body_of(100 * KIBIBYTE))[:50 * KIBIBYTE])
    assert connection.request(post(b"still here")).body == b"still here"
