"""Listening sockets: every form of address, columns for several workers, and clear words when there are none to be had."""
from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Iterator

import pytest

from martlet.listening import AddressError, Listeners, ListenError, split, systemd_addresses

BACKLOG = 16


@pytest.fixture
def opened() -> Iterator[list[Listeners]]:
    """Closed at the end."""
    kept: list[Listeners] = []
    yield kept
    for each in kept:
        each.close()


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


SPLIT = [
    ("127.0.0.1:80", ("tcp", "127.0.0.1", 80)), ("[::1]:0", ("tcp", "::1", 0)), ("localhost:8000", ("tcp", "localhost", 8000)),
    ("unix:/run/x.sock", ("unix", "/run/x.sock", 0)), ("unix:a b", ("unix", "a b", 0)), ("fd://3", ("fd", "", 3)),
]


@pytest.mark.parametrize(("text", "parts"), SPLIT)
def test_split(text: str, parts: tuple[str, str, int]) -> None:
    assert split(text) == parts


WRONG = [
    "", "x", ":80", "h:", "h:x", "h:65536", "h:-1", "h:\u0663", "[::1]", "[::1:80", "::1:80", "http://h:80", "unix:", "unix:" + "x" * 108, "fd://", "fd://x",
    "fd://-1",
]


@pytest.mark.parametrize("text", WRONG)
def test_split_refuses(text: str) -> None:
    with pytest.raises(AddressError, match=r"write .*\.$"):
        split(text)


def test_accepts_nobody_before_listen(opened: list[Listeners]) -> None:
    opened.append(Listeners(["127.0.0.1:0"], BACKLOG))
    address = ("127.0.0.1", port_of(opened[0].urls[0]))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 1)
    opened[0].listen()
    socket.create_connection(address, 1).close()
    (descriptor,) = opened[0].descriptors([])
    assert not os.get_blocking(descriptor)
    assert not os.get_inheritable(descriptor)


def test_one_process_shares_its_port_with_nobody(opened: list[Listeners]) -> None:
    opened.append(Listeners(["127.0.0.1:0"], BACKLOG))
    opened[0].listen()
    for columns in (0, 2):
        with pytest.raises(ListenError, match=r"127.0.0.1:\d+: it is in use.*--port"):
            Listeners([opened[0].urls[0][len("http://"):]], BACKLOG, columns=columns)


def test_columns_share_a_port_among_themselves_only(opened: list[Listeners]) -> None:
    opened.append(Listeners(["127.0.0.1:0", "127.0.0.1:0"], BACKLOG, columns=3))
    listeners = opened[0]
    listeners.listen()
    assert len(listeners.urls) == 2
    assert [len(column) for column in listeners.columns] == [2, 2, 2]
    assert len({descriptor for index in range(3) for descriptor in listeners.descriptors([index])}) == 6
    with pytest.raises(ListenError, match="in use"):
        Listeners([listeners.urls[0][len("http://"):]], BACKLOG, columns=2)
    listeners.widen()
    assert listeners.columns[3][1].getsockname()[1] == port_of(listeners.urls[1])
    # Each connection is in one of the queues.
    clients = [socket.create_connection(("127.0.0.1", port_of(listeners.urls[0])), 1) for _ in range(BACKLOG)]
    accepted = 0
    for column in listeners.columns:
        while True:
            try:
                column[0].accept()[0].close()
            except BlockingIOError:
                break
            accepted += 1
    assert accepted == len(clients)
    for client in clients:
        client.close()


def test_names_with_several_addresses(opened: list[Listeners]) -> None:
    opened.append(Listeners(["localhost:0"], BACKLOG))
    assert all(url.startswith(("http://127.0.0.1:", "http://[::1]:")) for url in opened[0].urls)
    # Whoever connects to the name must find the same port on each.
    assert len({port_of(url) for url in opened[0].urls}) == 1


def test_addresses_of_somebody_else() -> None:
    with pytest.raises(ListenError, match=r"192.0.2.1:1: this machine does not have that address; .*\.$"):
        Listeners(["192.0.2.1:1"], BACKLOG)
    with pytest.raises(ListenError, match="no-such-host.invalid.*--host"):
        Listeners(["no-such-host.invalid:1"], BACKLOG)


def test_unix(opened: list[Listeners], short: Path) -> None:
    opened.append(Listeners(["unix:one.sock"], BACKLOG, 0o600, columns=2))
    opened[0].listen()
    assert opened[0].urls == ["unix:one.sock"]
    assert stat.S_IMODE(os.stat("one.sock").st_mode) == 0o600
    # Shared: each worker has the one descriptor.
    assert opened[0].descriptors([0]) == opened[0].descriptors([1])
    with pytest.raises(ListenError, match="unix:one.sock: it is in use"):
        Listeners(["unix:one.sock"], BACKLOG)
    os.chdir("/")
    opened.pop().close()
    assert not (short / "one.sock").exists()


def test_unix_socket_of_a_dead_server_is_taken_over(opened: list[Listeners], short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind("one.sock")
    opened.append(Listeners(["unix:one.sock"], BACKLOG))
    assert stat.S_IMODE(os.stat("one.sock").st_mode) == 0o666
    # Somebody has put another in its place: that one is not removed.
    os.unlink("one.sock")
    Path("one.sock").write_text("another")
    opened.pop().close()
    assert Path("one.sock").read_text() == "another"


def test_unix_path_that_is_a_file_is_left_alone(short: Path) -> None:
    Path("file").write_text("precious")
    with pytest.raises(ListenError, match="unix:file: the path is there and is not a socket"):
        Listeners(["unix:file"], BACKLOG)
    assert Path("file").read_text() == "precious"
    with pytest.raises(ListenError, match="unix:absent/x: the directory does not exist"):
        Listeners(["unix:absent/x"], BACKLOG)


def test_inherited(opened: list[Listeners]) -> None:
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        opened.append(Listeners([f"fd://{given.fileno()}"], BACKLOG))
        assert opened[0].urls == [f"http://127.0.0.1:{given.getsockname()[1]}"]
        opened[0].listen()
        assert given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert opened[0].descriptors([])[0] != given.fileno()


def test_inherited_that_is_no_socket(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        with pytest.raises(ListenError, match=f"fd://{file.fileno()}.*--fd"):
            Listeners([f"fd://{file.fileno()}"], BACKLOG)
    with socket.socket(type=socket.SOCK_DGRAM) as wrong:
        with pytest.raises(ListenError, match="not a TCP or Unix stream socket"):
            Listeners([f"fd://{wrong.fileno()}"], BACKLOG)
    with pytest.raises(ListenError, match="fd://987"):
        Listeners(["fd://987"], BACKLOG)


def test_nothing_stays_open_when_one_fails(short: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(ListenError):
        Listeners(["127.0.0.1:0", "unix:x.sock", "192.0.2.1:1"], BACKLOG, columns=2)
    assert set(os.listdir("/proc/self/fd")) == before
    assert not Path("x.sock").exists()


def test_systemd() -> None:
    mine = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
    assert systemd_addresses(mine) == ["fd://3", "fd://4"]
    assert systemd_addresses({**mine, "LISTEN_PID": "1"}) == []
    assert systemd_addresses({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}) == []
    assert systemd_addresses({}) == []
