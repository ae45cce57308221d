"""Many clients at once in one thread: each asks, then all answers are read."""
from __future__ import annotations

import re
import resource
import selectors
import socket
import time

ANSWER_SECONDS_MAX = 20.0
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
# <linux/in.h>; Python names it from 3.14 on.
IP_BIND_ADDRESS_NO_PORT = 24
# Listeners and whatever else the test's process holds open.
DESCRIPTORS_SPARE = 512


def raise_descriptor_limit(connections: int) -> None:
    """For this process and for the servers that it starts from now on."""
    wanted = connections + DESCRIPTORS_SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    # Past the hard limit only root gets; elsewhere the error says what is missing.
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


class Crowd:
    """Connections from 127.0.0.1 on, ten thousand from each address, so that ports do not run short."""

    CONNECTIONS_PER_ADDRESS = 10_000

    def __init__(self, address: tuple[str, int], count: int) -> None:
        raise_descriptor_limit(count)
        self.sockets: list[socket.socket] = []
        self._selector = selectors.EpollSelector()
        for index in range(count):
            each = socket.socket()
            # The port is chosen at connect: at bind it would have to be one that no other connection of this machine has.
            each.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            each.bind((f"127.0.0.{1 + index // self.CONNECTIONS_PER_ADDRESS}", 0))
            each.settimeout(ANSWER_SECONDS_MAX)
            each.connect(address)
            self.sockets.append(each)
            self._selector.register(each, selectors.EVENT_READ)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for each in self.sockets:
            each.close()

    def send(self, data: bytes) -> None:
        for each in self.sockets:
            each.sendall(data)

    def ask(self, request: bytes) -> int:
        """Sends the request on every connection; how many of them got a whole 200."""
        self.send(request)
        return self.answers()

    def answers(self, answers_each: int = 1) -> int:
        """How many connections bring so many whole answers, each a 200 with a length, in time and without being cut."""
        waiting = {each: b"" for each in self.sockets}
        good = 0
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while waiting and time.monotonic() < deadline:
            for key, _ in self._selector.select(1.0):
                each = key.fileobj
                try:
                    data = each.recv(1 << 18)
                except ConnectionError:
                    data = b""
                if each not in waiting:
                    self._selector.unregister(each)
                    continue
                waiting[each] += data
                verdict = is_whole(waiting[each], answers_each) if data else False
                if verdict is not None:
                    good += verdict
                    del waiting[each]
                if not data:
                    self._selector.unregister(each)
        return good


def is_whole(data: bytes, answers: int) -> bool | None:
    """True once exactly so many answers are there, None while something is missing, False when it is something else."""
    position = 0
    for _ in range(answers):
        end = data.find(b"\r\n\r\n", position)
        if end < 0:
            return None
        length = LENGTH.search(data, position, end + 2)
        if not data.startswith(b"HTTP/1.1 200 ", position) or length is None:
            return False
        position = end + 4 + int(length[1])
    if len(data) < position:
        return None
    return len(data) == position
