"""What a supervisor and a worker say to each other: one JSON object on each line of a stream socket. Its end says that the other process is gone.

    supervisor → worker   the plan; {"go": true} when it may accept
    worker → supervisor   {"prepared": true} once the application has started; {"ready": …} once it accepts; {"closed": true} when it accepts nobody any more;
                          {"failed": "…"} when it cannot start

Imported by the supervisor, so it imports little.
"""
from __future__ import annotations

import json
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A plan holds the options; no more than this is read of a worker's words.
LINE_BYTES_MAX = 1 << 20


class Channel:
    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def set_blocking(self, is_blocking: bool) -> None:
        self._socket.setblocking(is_blocking)

    def send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> tuple[list[dict[str, Any]], bool]:
        """The messages that have come, and whether more may come."""
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return [], True
        except OSError:
            data = b""
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        is_open = bool(data) and len(self._received) <= LINE_BYTES_MAX
        return [json.loads(line) for line in lines], is_open

    def wait_for_message(self) -> dict[str, Any]:
        """The first message of a blocking channel; `EOFError` when the other end is gone."""
        while True:
            messages, is_open = self.receive()
            if messages:
                return messages[0]
            if not is_open:
                raise EOFError("the other process has gone")

    def close(self) -> None:
        self._socket.close()
