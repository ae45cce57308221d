"""Descriptors that Python code registers: level-triggered, changed in callbacks, of many kinds."""
from __future__ import annotations

import asyncio
import os
import socket
from typing import Iterator

import pytest

from martlet.loop import Loop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


def run_for(loop: Loop, seconds: float) -> None:
    loop.run_until_complete(asyncio.sleep(seconds))


def test_a_reader_that_does_not_read_all_is_called_again(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    seen: list[bytes] = []

    def read() -> None:
        seen.append(left.recv(1))
        if len(seen) == 1000:
            loop.stop()

    loop.add_reader(left, read)
    right.send(bytes(range(250)) * 4)
    loop.run_forever()
    assert b"".join(seen) == bytes(range(250)) * 4
    loop.remove_reader(left)


def test_a_reader_that_reads_nothing_is_called_in_every_turn(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    calls = 0

    def look() -> None:
        nonlocal calls
        calls += 1
        if calls == 50:
            loop.stop()

    loop.add_reader(left, look)
    right.send(b"x")
    loop.run_forever()
    loop.remove_reader(left)
    run_for(loop, 0.01)
    assert calls == 50


def test_readiness_from_before_it_was_registered(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    right.send(b"early")
    run_for(loop, 0)
    received = loop.create_future()
    loop.add_reader(left, lambda: received.done() or received.set_result(left.recv(9)))
    assert loop.run_until_complete(received) == b"early"
    loop.remove_reader(left)


def test_registering_while_the_loop_waits(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    """The watched set changes after the ring was told to watch it, in a callback of another descriptor and in one of a timer."""
    left, right = pair
    seen: list[bytes] = []

    def first() -> None:
        seen.append(left.recv(9))
        loop.remove_reader(left)
        loop.call_later(0.01, again)

    def again() -> None:
        loop.add_reader(left, second)
        loop.call_later(0.01, right.send, b"second")

    def second() -> None:
        seen.append(left.recv(9))
        loop.stop()

    loop.add_reader(left, first)
    loop.call_later(0.005, right.send, b"first")
    loop.run_forever()
    assert seen == [b"first", b"second"]
    loop.remove_reader(left)


def test_removing_in_a_callback_of_the_same_turn(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(10)]
    called: list[int] = []

    def callback(index: int) -> None:
        called.append(index)
        for left, _ in pairs:
            loop.remove_reader(left)

    for index, (left, right) in enumerate(pairs):
        right.send(b"x")
        loop.add_reader(left, callback, index)
    run_for(loop, 0.01)
    assert len(called) == 1
    for left, right in pairs:
        left.close()
        right.close()


def test_closing_in_a_callback_and_using_the_number_again(loop: Loop) -> None:
    seen: list[bytes] = []
    sockets: list[socket.socket] = []
    for number in range(100):
        left, right = socket.socketpair()
        done = loop.create_future()

        def read() -> None:
            seen.append(left.recv(9))
            loop.remove_reader(left)
            left.close()
            right.close()
            done.set_result(None)

        loop.add_reader(left, read)
        right.send(b"%d" % number)
        loop.run_until_complete(done)
    assert seen == [b"%d" % number for number in range(100)] and not sockets


def test_writers(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    payload = os.urandom(4 << 20)

    async def main() -> bytes:
        received = bytearray()
        sending = asyncio.ensure_future(loop.sock_sendall(left, payload))
        while len(received) < len(payload):
            received += await loop.sock_recv(right, 65_536)
        await sending
        return bytes(received)

    assert loop.run_until_complete(main()) == payload


def test_reader_and_writer_of_one_descriptor(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    seen: set[str] = set()

    def note(name: str) -> None:
        seen.add(name)
        (loop.remove_reader if name == "reader" else loop.remove_writer)(left)
        if len(seen) == 2:
            loop.stop()

    loop.add_reader(left, note, "reader")
    loop.add_writer(left, note, "writer")
    right.send(b"x")
    loop.run_forever()
    assert seen == {"reader", "writer"}


def test_the_end_of_a_peer_is_readable(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    ended = loop.create_future()
    loop.add_reader(left, lambda: ended.done() or ended.set_result(left.recv(1)))
    loop.call_later(0.005, right.close)
    assert loop.run_until_complete(ended) == b""
    loop.remove_reader(left)


def test_pipes_and_files(loop: Loop) -> None:
    reading, writing = os.pipe()
    received = loop.create_future()
    loop.add_reader(reading, lambda: received.done() or received.set_result(os.read(reading, 9)))
    loop.call_later(0.005, os.write, writing, b"pipe")
    assert loop.run_until_complete(received) == b"pipe"
    loop.remove_reader(reading)
    os.close(reading)
    os.close(writing)
    with open(__file__) as file, pytest.raises(PermissionError):
        loop.add_reader(file, print)
    run_for(loop, 0)


def test_thousands_of_descriptors(loop: Loop) -> None:
    count = 400
    pairs = [socket.socketpair() for _ in range(count)]
    seen: set[int] = set()

    def read(index: int) -> None:
        pairs[index][0].recv(1)
        seen.add(index)
        if len(seen) == count:
            loop.stop()

    for index, (left, _) in enumerate(pairs):
        loop.add_reader(left, read, index)
    for _, right in pairs:
        right.send(b"x")
    loop.run_forever()
    for left, right in pairs:
        loop.remove_reader(left)
        left.close()
        right.close()


def test_streams(loop: Loop) -> None:
    """Servers and clients of asyncio's own, with bodies larger than any buffer."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def client(port: int, payload: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def send() -> None:
            writer.write(payload)
            await writer.drain()
            writer.write_eof()

        _, received = await asyncio.gather(send(), reader.read(-1))
        writer.close()
        return received

    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        payloads = [os.urandom(1 << (number % 21)) for number in range(60)]
        assert await asyncio.gather(*(client(port, payload) for payload in payloads)) == payloads
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_datagrams(loop: Loop) -> None:
    async def main() -> list[bytes]:
        received: list[bytes] = []
        complete = loop.create_future()

        class Receiver(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: object) -> None:
                received.append(data)
                if len(received) == 20:
                    complete.set_result(None)

        server, _ = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
        client, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=server.get_extra_info("sockname"))
        for number in range(20):
            client.sendto(b"%d" % number)
        await asyncio.wait_for(complete, 5)
        client.close()
        server.close()
        return received

    assert loop.run_until_complete(main()) == [b"%d" % number for number in range(20)]
