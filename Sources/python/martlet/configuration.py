"""The resolved configuration: each option's value, and where it came from. Plain data, and importing little: workers get it ready-made.

Knows nothing of how the options were read (resolution.py) and what is done with the values.
"""
from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from .listening import joined, systemd_addresses

COMMAND_LINE, ENVIRONMENT, FILE, DEFAULT = "command line", "environment", "file", "default"
_RANKS = {COMMAND_LINE: 0, ENVIRONMENT: 1, FILE: 2, DEFAULT: 3}
# The native module's bound on the time in which an idle connection may ask once more during a stop.
DRAIN_GRACE_SECONDS = 1.0


class UsageError(ValueError):
    """One sentence that names the option and the fix."""


@dataclass(frozen=True)
class Configuration:
    """One attribute for each option of the table, and `app`. Plain values only, so that it can be handed to workers as JSON."""

    app: str | None
    host: str
    port: int
    bind: list[str]
    uds: str | None
    uds_permissions: int
    fd: int | None
    backlog: int
    factory: bool
    app_dir: str
    env_file: str | None
    interface: str
    lifespan: str
    root_path: str
    workers: int | str
    pin: bool | None
    loop: str
    engine: str
    timeout_keep_alive: float
    timeout_header: float
    timeout_body_window: float
    body_bytes_per_second_min: int
    timeout_write: float
    timeout_request: float
    timeout_graceful_shutdown: float
    limit_concurrency: int
    limit_connections: int | None
    limit_request_line: int
    limit_request_fields: int
    limit_request_head: int
    limit_request_body: int
    header: list[list[str]]
    server_header: bool
    date_header: bool
    log_level: str
    log_config: Any
    use_colors: bool | None
    access_log: bool
    config: str | None
    check_config: bool
    # Where each value came from, and what the user should know about them.
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def addresses(self) -> list[str]:
        """Where to listen, in the form of `listening`. What is named more directly wins; what systemd has opened comes on top."""
        named = list(self.bind) + ([f"unix:{self.uds}"] if self.uds is not None else []) + ([f"fd://{self.fd}"] if self.fd is not None else [])
        inherited = systemd_addresses(os.environ)
        if self._names_host_and_port(bool(named), bool(inherited)):
            named = [joined(self.host, self.port)]
        return inherited + [address for address in named if address not in inherited]

    def _names_host_and_port(self, has_others: bool, has_inherited: bool) -> bool:
        others, own = self._rank("bind", "uds", "fd"), self._rank("host", "port")
        if has_others and others <= own:
            return False
        return not (has_inherited and own == _RANKS[DEFAULT])

    def _rank(self, *names: str) -> int:
        return min(_RANKS[self.sources.get(name, DEFAULT).partition(":")[0]] for name in names)

    def settings(self) -> dict[str, object]:
        """What the native service wants to know, by its names."""
        from . import __version__

        return {
            "root_path": self.root_path,
            "server_header": f"martlet/{__version__}" if self.server_header else None,
            "date_header": self.date_header,
            "timeout_keep_alive": self.timeout_keep_alive,
            "timeout_header": self.timeout_header,
            "timeout_body_window": self.timeout_body_window,
            "body_bytes_per_second_min": self.body_bytes_per_second_min,
            "timeout_write": self.timeout_write,
            "timeout_request": self.timeout_request,
            "timeout_graceful_shutdown": self.timeout_graceful_shutdown,
            "drain_grace": min(DRAIN_GRACE_SECONDS, self.timeout_graceful_shutdown),
            "limit_request_line": self.limit_request_line,
            "limit_request_fields": self.limit_request_fields,
            "limit_request_head": self.limit_request_head,
            "limit_request_body": self.limit_request_body,
            "limit_connections": self.limit_connections,
            "limit_concurrency": self.limit_concurrency,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.header],
        }

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)
