"""A server that answers every request with the same bytes, right or wrong: what a client must tell apart."""
from __future__ import annotations

import socket
import threading
import time


class ScriptedServer:
    """Answers each head with `answer`, in pieces of `piece` bytes; closes after it if `closes`. None: never answers."""

    def __init__(self, answer: bytes | None, closes: bool = False, piece: int = 1 << 20, resets: bool = False) -> None:
        self.answer, self.closes, self.piece, self.resets = answer, closes, piece, resets
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept keeps the socket open; this wakes it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        try:
            while data := connection.recv(1 << 16):
                received += data
                while b"\r\n\r\n" in received:
                    received = received.split(b"\r\n\r\n", 1)[1]
                    self.requests += 1
                    if not self._answer(connection):
                        return
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> bool:
        if self.answer is None:
            return True
        for start in range(0, len(self.answer), self.piece):
            connection.sendall(self.answer[start:start + self.piece])
            if self.piece < len(self.answer):
                time.sleep(0.0002)
        if self.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if self.closes or self.resets:
            connection.close()
        return not (self.closes or self.resets)
