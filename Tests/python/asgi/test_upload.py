"""Large bodies: an application that does not read stops the client, memory stays flat, and no byte is lost or late."""
from __future__ import annotations

import ast
import select
import socket
import threading
import time

import pytest

from application_server import ApplicationServer
from asgi.conftest import Serve
from raw_http import Connection, get

APPLICATION = "receiving:application"
MEBIBYTE = 1 << 20
SIZE = 100 * MEBIBYTE
PIECE = b"0123456789abcdef" * (MEBIBYTE // 16)
# The kernel's buffers of both ends, which grow by themselves on loopback, and the server's own.
IN_FLIGHT_BYTES_MAX = 48 * MEBIBYTE
GROWTH_BYTES_MAX = 24 * MEBIBYTE
STOPPED_SECONDS = 1.0


def send_until_stopped(connection: Connection, count: int) -> int:
    """How many bytes go out until the socket has taken nothing for a while."""
    connection.socket.setblocking(False)
    sent = 0
    while sent < count:
        if not select.select([], [connection.socket], [], STOPPED_SECONDS)[1]:
            break
        sent += connection.socket.send(PIECE[sent % MEBIBYTE:][:count - sent])
    connection.socket.settimeout(30)
    return sent


def send_rest(connection: Connection, sent: int, count: int) -> None:
    while sent < count:
        sent += connection.socket.send(PIECE[sent % MEBIBYTE:][:count - sent])


def test_application_that_does_not_read_stops_the_client(served: ApplicationServer, key: str) -> None:
    assert served.ask("/hello").status == 200
    before = served.resident_bytes
    with Connection(served.address) as connection:
        connection.send(get(f"/read-at-gate?{key}", f"Content-Length: {SIZE}", method="POST"))
        assert served.note(key) == "started"
        sent = send_until_stopped(connection, SIZE)
        assert sent < IN_FLIGHT_BYTES_MAX
        assert served.resident_bytes - before < GROWTH_BYTES_MAX
        # Others are served meanwhile.
        assert served.ask("/hello").status == 200
        served.open_gate(key)
        send_rest(connection, sent, SIZE)
        assert ast.literal_eval(connection.response().body.decode())["total"] == SIZE
    assert served.resident_bytes - before < GROWTH_BYTES_MAX


def test_unread_body_of_a_client_that_leaves(served: ApplicationServer, key: str) -> None:
    """Stopped, the socket is not read; that its client is gone is seen nevertheless, at the latest when reading goes on."""
    with Connection(served.address) as connection:
        connection.send(get(f"/read-at-gate?{key}", f"Content-Length: {SIZE}", method="POST"))
        assert served.note(key) == "started"
        send_until_stopped(connection, SIZE)
    served.open_gate(key)
    assert 0 <= served.notes(key, 2)[1]["left after"] < IN_FLIGHT_BYTES_MAX


def test_large_chunked_upload(served: ApplicationServer, connection: Connection, key: str) -> None:
    before = served.resident_bytes
    connection.socket.settimeout(30)
    connection.send(get(f"/read-at-gate?{key}", "Transfer-Encoding: chunked", method="POST"))
    served.open_gate(key)
    chunk = b"%x\r\n%b\r\n" % (MEBIBYTE, PIECE)
    for _ in range(SIZE // MEBIBYTE):
        connection.send(chunk)
    connection.send(b"0\r\n\r\n")
    assert ast.literal_eval(connection.response().body.decode())["total"] == SIZE
    assert served.resident_bytes - before < GROWTH_BYTES_MAX


def test_both_ways_at_once(connection: Connection) -> None:
    """Ten megabytes go in while they come out: neither direction waits for the end of the other."""
    count = 10
    received = bytearray()

    def read() -> None:
        while not received.endswith(b"\r\n0\r\n\r\n"):
            data = connection.socket.recv(1 << 18)
            if not data:
                return
            received.extend(data)

    reader = threading.Thread(target=read)
    connection.send(get("/both-ways", f"Content-Length: {count * MEBIBYTE}", method="POST"))
    reader.start()
    for _ in range(count):
        connection.send(PIECE)
    reader.join(20)
    assert not reader.is_alive()
    assert len(received) > count * MEBIBYTE


def test_answer_before_the_body_is_sent(served: ApplicationServer) -> None:
    """An application may answer without reading. The rest of the body is either read and dropped or ends the connection; it is never a request."""
    with Connection(served.address) as connection:
        body = get("/hello") * 10
        connection.send(get("/answer-early", f"Content-Length: {len(body)}", method="POST"))
        response = connection.response()
        assert response.body == b"early"
        connection.send_in_pieces(body + get("/echo"), 1 << 16)
        try:
            following = connection.response()
        except Exception:
            assert response.closes or served.is_running
        else:
            assert (following.status, following.body) == (200, b"")


@pytest.mark.parametrize("size", [10 * MEBIBYTE])
def test_early_answer_reaches_a_client_that_sends_much(served: ApplicationServer, size: int) -> None:
    """A close with unread bytes would reset the connection and destroy the answer on its way."""
    for _ in range(10):
        with Connection(served.address) as connection:
            connection.send(get("/answer-early", f"Content-Length: {size}", method="POST"))
            connection.send_in_pieces(bytes(size), MEBIBYTE)
            assert connection.response().body == b"early"


def test_slow_reader_of_the_body_is_not_a_slow_client(serve: Serve, key: str) -> None:
    """The deadline of a body is the client's: time during which the application does not read does not count."""
    server = serve(APPLICATION, "--timeout-body-window", "1")
    with Connection(server.address) as connection:
        connection.send(get(f"/read-at-gate?{key}", f"Content-Length: {SIZE}", method="POST"))
        assert server.note(key) == "started"
        started = time.monotonic()
        sent = send_until_stopped(connection, SIZE)
        connection.socket.setblocking(True)
        assert not select.select([connection.socket], [], [], max(0.0, 3 - (time.monotonic() - started)))[0], "given up on the client"
        server.open_gate(key)
        send_rest(connection, sent, SIZE)
        assert ast.literal_eval(connection.response().body.decode())["total"] == SIZE


def test_half_closed_client_still_gets_its_answer(connection: Connection) -> None:
    """A client may shut down its sending side when it has sent all: HTTP says that it still reads."""
    connection.send(get("/echo", "Content-Length: 4", method="POST") + b"last")
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.response().body == b"last"
