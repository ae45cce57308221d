"""Tells systemd how this service does (sd_notify(3)), if systemd has asked to be told."""
from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            # An abstract name begins with a zero byte.
            sender.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
    except OSError:
        # Nobody listens; the service is none the worse for it.
        return
