"""SIGTERM and SIGINT: what is in flight is finished, nobody new is let in, one bound for all of it, exit status 0."""
from __future__ import annotations

import signal
import time
from typing import Callable

import pytest

from raw_http import Connection, Cut, get, post
from server_process import Server

StartServer = Callable[..., Server]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stops_at_once_when_idle(server: StartServer, number: int) -> None:
    running = server()
    running.signal(number)
    assert running.wait(3) == 0


def test_request_in_flight_is_finished(server: StartServer) -> None:
    running = server("--timeout-drain", "10")
    data = post(b"half now, half later")
    with Connection(running.address) as connection:
        connection.send(data[:-5])
        time.sleep(0.1)
        running.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.is_running
        connection.send(data[-5:])
        response = connection.response()
        assert (response.status, response.body) == (200, b"half now, half later")
        connection.seconds_until_closed()
    assert running.wait(3) == 0


@pytest.mark.parametrize("target", ["/later", "/async", "/stream"])
def test_answers_in_flight_arrive_whole(server: StartServer, target: str) -> None:
    running = server("--timeout-drain", "10")
    with Connection(running.address) as alone:
        expected = alone.request(get(target)).body
    connections = [Connection(running.address) for _ in range(20)]
    try:
        for connection in connections:
            connection.send(get(target))
        running.signal(signal.SIGTERM)
        for connection in connections:
            response = connection.response()
            assert (response.status, response.body) == (200, expected)
    finally:
        for connection in connections:
            connection.socket.close()
    assert running.wait(5) == 0


def test_large_answer_in_flight_arrives_whole(server: StartServer, root: object) -> None:
    running = server("--timeout-drain", "10", "--root", str(root))
    with Connection(running.address, receive_buffer=65536) as connection:
        connection.send(get("/sendfile?large.bin"))
        time.sleep(0.1)
        running.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert connection.response().body == (root / "large.bin").read_bytes()
        connection.seconds_until_closed()
    assert running.wait(5) == 0


def test_idle_connection_is_answered_once_more(server: StartServer) -> None:
    """A client that was just sending must not lose its request; it is told to close."""
    running = server("--timeout-drain", "10")
    with Connection(running.address) as connection:
        assert connection.request(get("/")).status == 200
        running.signal(signal.SIGTERM)
        time.sleep(0.2)
        response = connection.request(get("/"))
        assert (response.status, response.closes) == (200, True)
        connection.seconds_until_closed()
    assert running.wait(5) == 0


def test_idle_connections_do_not_hold_the_server(server: StartServer) -> None:
    running = server("--timeout-drain", "20")
    with Connection(running.address) as silent, Connection(running.address) as idle:
        assert idle.request(get("/")).status == 200
        running.signal(signal.SIGTERM)
        assert running.wait(5) == 0
        silent.seconds_until_closed()
        idle.seconds_until_closed()


def test_nobody_new_is_let_in(server: StartServer) -> None:
    running = server("--timeout-drain", "10")
    with Connection(running.address) as holding:
        holding.send(post(b"12345")[:-1])
        time.sleep(0.1)
        running.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.is_running
        with pytest.raises((ConnectionRefusedError, ConnectionResetError, Cut, BrokenPipeError)):
            with Connection(running.address, timeout=2) as late:
                late.request(get("/"))
        holding.send(b"5")
        assert holding.response().body == b"12345"
    assert running.wait(3) == 0


def test_bound_of_the_drain(server: StartServer) -> None:
    running = server("--timeout-drain", "1", "--timeout-body", "30")
    with Connection(running.address) as stuck:
        stuck.send(post(b"never whole")[:-1])
        time.sleep(0.1)
        started = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait(6) == 0
        assert 0.8 < time.monotonic() - started < 5


def test_second_interrupt_ends_now(server: StartServer) -> None:
    running = server("--timeout-drain", "30", "--timeout-body", "30")
    with Connection(running.address) as stuck:
        stuck.send(post(b"never whole")[:-1])
        time.sleep(0.1)
        running.signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.is_running
        started = time.monotonic()
        running.signal(signal.SIGINT)
        # Not graceful, so any status but that of a crash.
        assert running.wait(3) >= 0 or running.wait() == -signal.SIGINT
        assert time.monotonic() - started < 2


def test_busy_connections_are_never_cut(server: StartServer) -> None:
    """Of what was sent before the signal each connection gets a beginning, in order and whole, up to an announced close."""
    running = server("--timeout-drain", "10")
    connections = [Connection(running.address) for _ in range(50)]
    try:
        for number, connection in enumerate(connections):
            assert connection.request(get("/")).status == 200
            connection.send(b"".join(post(b"%d of %d" % (index, number)) for index in range(20)))
        running.signal(signal.SIGTERM)
        for number, connection in enumerate(connections):
            for index in range(20):
                response = connection.response()
                assert response.body == b"%d of %d" % (index, number)
                if response.closes:
                    break
            connection.seconds_until_closed()
    finally:
        for connection in connections:
            connection.socket.close()
    assert running.wait(5) == 0
