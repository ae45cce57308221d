"""Little memory to lock, few descriptors: the server works or says in one sentence why not, and never crashes or spins."""
from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

import pytest

from raw_http import Connection, get
from server_process import Server, ServerFault, run_to_end

StartServer = Callable[..., Server]
ENGINES = ["auto", "uring", "epoll"]
# Of a core, while connections wait that it cannot accept.
BUSY_SHARE_MAX = 0.1
WATCHED_SECONDS = 1.0
# With three descriptors the loader cannot even open the program's libraries.
LOADER_FAILED = 127


def cpu_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def works_or_says_why(launcher: Sequence[str], *options: str) -> str | None:
    """None when the server starts, serves and stops; else the sentence that it ended with."""
    try:
        server = Server(*options, launcher=launcher)
    except ServerFault:
        result = run_to_end("--bind", "127.0.0.1:0", *options, launcher=launcher)
    else:
        with Connection(server.address) as connection:
            assert connection.request(get("/")).status == 200
        server.finish()
        return None
    assert result.returncode in (1, LOADER_FAILED), f"{result.returncode}: {result.stderr}"
    assert result.stdout == "", "it said that it listens before it was sure"
    sentences = [line for line in result.stderr.splitlines() if not line.startswith("engine: ")]
    assert len(sentences) == 1, result.stderr
    return sentences[0]


@pytest.mark.parametrize("choice", ENGINES)
def test_no_locked_memory(choice: str) -> None:
    why = works_or_says_why(("prlimit", "--memlock=0"), "--engine", choice)
    assert why is None or (choice == "uring" and "locked-memory" in why)


@pytest.mark.parametrize("descriptors", [3, 4, 5, 8, 12, 16, 20, 24, 28, 32, 40])
@pytest.mark.parametrize("choice", ENGINES)
def test_few_descriptors(choice: str, descriptors: int) -> None:
    why = works_or_says_why(("prlimit", f"--nofile={descriptors}"), "--engine", choice)
    assert why is None or "open files" in why or (descriptors == 3 and "shared libraries" in why), why


# MARK: A table that fills up while serving


@pytest.fixture
def crowded(server: StartServer) -> Iterator[tuple[Server, list[Connection]]]:
    """A server with room for some connections, and more clients than that, each of which has sent its request."""
    running = server("--cores", str(min(os.sched_getaffinity(0))), launcher=("prlimit", "--nofile=40"))
    clients = [Connection(running.address) for _ in range(60)]
    yield running, clients
    for client in clients:
        client.socket.close()


def is_answered(client: Connection, seconds: float) -> bool:
    client.socket.settimeout(seconds)
    try:
        return client.response().status == 200
    except socket.timeout:
        return False


def test_full_descriptor_table(crowded: tuple[Server, list[Connection]]) -> None:
    running, clients = crowded
    for client in clients:
        client.send(get("/"))
    time.sleep(0.2)
    answered = [is_answered(client, 0.02) for client in clients]
    assert 5 <= sum(answered) < len(clients), "the limit of descriptors was not reached"

    before = cpu_seconds(running)
    time.sleep(WATCHED_SECONDS)
    assert cpu_seconds(running) - before <= BUSY_SHARE_MAX * WATCHED_SECONDS, "it spins while it cannot accept"

    # Those who are in are served meanwhile, and those who wait get their turn as the others leave.
    inside = [client for client, is_inside in zip(clients, answered) if is_inside]
    waiting = [client for client, is_inside in zip(clients, answered) if not is_inside]
    assert inside[0].request(get("/json")).status == 200
    for client in inside:
        client.socket.close()
    served = []
    for _ in range(20):
        for client in [each for each in waiting if each not in served]:
            if is_answered(client, 0.05):
                served.append(client)
                client.socket.close()
        if len(served) == len(waiting):
            return
    raise AssertionError(f"{len(served)} of {len(waiting)} that waited were served")
