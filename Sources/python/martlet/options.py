"""The table of all options. The command line, the environment, the TOML file, `martlet.run` and the documentation are made from it, and from nothing else.

An option called `timeout_keep_alive` is `--timeout-keep-alive` on the command line, `MARTLET_TIMEOUT_KEEP_ALIVE` in the environment,
`timeout-keep-alive = 5` in TOML and `timeout_keep_alive=5` in Python.
Names and meanings are Uvicorn's wherever it has the option, so that a command for it works here.
"""
from __future__ import annotations

from dataclasses import dataclass, field

from .kinds import Anything, Choice, Flag, HeaderField, Kind, Permissions, Refusal, Seconds, Several, Text, Whole, WorkerCount
from .listening import PORT_MAX, AddressError, split

ENVIRONMENT_PREFIX = "MARTLET_"


def _address(text: str) -> None:
    try:
        split(text)
    except AddressError as error:
        raise Refusal(str(error)) from None


@dataclass(frozen=True)
class Option:
    name: str
    kind: Kind
    default: object
    help: str
    # Names in the environment that others have made customary; the option's own comes first.
    variables: tuple[str, ...] = ()
    # Asks for something else than to serve, so it makes sense on the command line only.
    only_on_command_line: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def negative_flag(self) -> str:
        return "--no-" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        return self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def has_negative(self) -> bool:
        return isinstance(self.kind, Flag) and self.name not in ("factory", "check_config")

    @property
    def usage(self) -> str:
        if isinstance(self.kind, Flag):
            return f"{self.flag} / {self.negative_flag}" if self.has_negative else self.flag
        return f"{self.flag} {self.kind.metavar}"

    @property
    def shown_default(self) -> str:
        return "" if isinstance(self.kind, Flag) and not self.has_negative else self.kind.show(self.default)


@dataclass(frozen=True)
class Group:
    title: str
    options: tuple[Option, ...] = field(default_factory=tuple)


_COUNT = Whole(0)
_SIZE = Whole(1)
# What the native parser can count: offsets of 16 bits, and a table of this many fields.
_HEAD_BYTES_MAX = 65535
_FIELDS_MAX = 100

GROUPS = (
    Group("Where to listen", (
        Option("host", Text("HOST"), "127.0.0.1", "Address or name to listen on; 0.0.0.0 for all IPv4 addresses of the machine, :: for all of IPv6."),
        Option("port", Whole(0, PORT_MAX, "a port"), 8000, "Port to listen on; 0 takes any free one and prints it.", ("PORT",)),
        Option("bind", Several(Text("ADDRESS", _address)), [], "Listen on host:port, [v6]:port, unix:PATH or fd://N instead; may be given several times."),
        Option("uds", Text("PATH", lambda path: _address(f"unix:{path}")), None, "Listen on a Unix socket."),
        Option("uds_permissions", Permissions(), 0o666, "Who may connect to Unix sockets, as the mode of a file."),
        Option("fd", _COUNT, None, "Listen on a socket that is already open, by its descriptor. Those that systemd passes (LISTEN_FDS) need no option."),
        Option("backlog", Whole(1, 65535), 2048, "Connections that the kernel holds until they are accepted."),
    )),
    Group("The application", (
        Option("factory", Flag(), False, "APP is a function without parameters that makes the application."),
        Option("app_dir", Text("DIRECTORY"), ".", "Where to look for APP's module first."),
        Option("env_file", Text("FILE"), None, "Put the lines NAME=VALUE of this file into the environment, where the names are not there yet."),
        Option("interface", Choice("auto", "asgi", "asgi3", "asgi2", "wsgi", "rsgi"), "auto", "How the application is called; auto looks at it."),
        Option("lifespan", Choice("auto", "on", "off"), "auto", "Tell the application when it starts and stops; auto goes on if it cannot be told."),
        Option("root_path", Text("PATH"), "", "The part of the path under which a proxy has mounted the application."),
    )),
    Group("Processes and engine", (
        Option("workers", WorkerCount(), 1, "Processes to serve with; auto: one for each processor that affinity and CPU quota allow.", ("WEB_CONCURRENCY",)),
        Option("pin", Flag(), None, "Keep each of several workers on a processor of its own. On unless a CPU quota or too few processors speak against it."),
        Option("loop", Choice("martlet", "auto", "asyncio", "uvloop"), "martlet", "The event loop; auto is martlet. The others are not supported yet."),
        Option("engine", Choice("auto", "uring", "epoll"), "auto", "How to talk to the kernel; auto takes io_uring where it is allowed."),
    )),
    Group("Deadlines, in seconds (0: none)", (
        Option("timeout_keep_alive", Seconds(), 5.0, "Close a connection on which nothing has been asked for this long."),
        Option("timeout_header", Seconds(), 10.0, "For the head of a request to arrive."),
        Option("timeout_body_window", Seconds(), 10.0, "In which a body must bring body-bytes-per-second-min on average."),
        Option("body_bytes_per_second_min", Whole(), 100, "The least rate of a body, over each window; less gets 408."),
        Option("timeout_write", Seconds(), 30.0, "For a client to take some of an answer."),
        Option("timeout_request", Seconds(), 0.0, "For an answer to be whole."),
        Option("timeout_graceful_shutdown", Seconds(), 30.0, "For what is in flight, once the server is told to stop. With 0 it is cut at once."),
    )),
    Group("Limits", (
        Option("limit_concurrency", _COUNT, 0, "Requests that each worker has in hand; more get 503 with Retry-After. 0: no limit."),
        Option("limit_connections", _SIZE, None, "Open connections of each worker. By default 16384, or what its open files allow."),
        Option("limit_request_line", Whole(1, _HEAD_BYTES_MAX), 8192, "Bytes of a request's first line; more get 414."),
        Option("limit_request_fields", Whole(1, _FIELDS_MAX), _FIELDS_MAX, "Header fields of a request; more get 431."),
        Option("limit_request_head", Whole(1, _HEAD_BYTES_MAX), _HEAD_BYTES_MAX, "Bytes of a request's head; more get 431."),
        Option("limit_request_body", _COUNT, 0, "Bytes of a request's body; more get 413. 0: no limit."),
    )),
    Group("Answers", (
        Option("header", Several(HeaderField(), "\n"), [], "Add this field to every answer; may be given several times."),
        Option("server_header", Flag(), True, "Send a Server field."),
        Option("date_header", Flag(), True, "Send a Date field."),
    )),
    Group("Logs", (
        Option("log_level", Choice("critical", "error", "warning", "info", "debug", "trace"), "info", "Leave out what is less important than this."),
        Option("log_config", Anything("FILE"), None, "Set up logging from this file (.ini, .json, .toml, or .yaml with PyYAML) instead."),
        Option("use_colors", Flag(), None, "Colour the log. By default if it goes to a terminal."),
        Option("access_log", Flag(), True, "Log every request."),
    )),
    Group("This command", (
        Option("config", Text("FILE"), None, "Read options from this TOML file. By default: martlet.toml, or [tool.martlet] of pyproject.toml."),
        Option("check_config", Flag(), False, "Say what would run, where each option comes from, and end. Loads the application.", only_on_command_line=True),
    )),
)

OPTIONS = {option.name: option for group in GROUPS for option in group.options}

# Options of Uvicorn that are known and refused, each with what to do. 
_NO_RELOAD = "Reloading on changes is not there yet; leave it out and start again by hand, or send HUP to a server with --workers 2."
_NO_TLS = "TLS is not there yet; put a proxy that speaks it in front, and leave the option out."
_NO_WEBSOCKET = "WebSocket is not there yet; leave the option out, and serve WebSocket with another server until then."
_NO_PROXY = "The fields that proxies add (X-Forwarded-For and others) are not read yet; leave the option out, or read them in the application."
_NO_RECYCLING = "Replacing workers after some requests is not there yet; leave the option out."
REFUSED = {
    **dict.fromkeys(("reload", "reload_dir", "reload_include", "reload_exclude", "reload_delay"), _NO_RELOAD),
    **dict.fromkeys(
        ("ssl_keyfile", "ssl_certfile", "ssl_keyfile_password", "ssl_version", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ciphers"), _NO_TLS),
    **dict.fromkeys(("ws", "ws_max_size", "ws_max_queue", "ws_ping_interval", "ws_ping_timeout", "ws_per_message_deflate"), _NO_WEBSOCKET),
    **dict.fromkeys(("proxy_headers", "forwarded_allow_ips"), _NO_PROXY),
    **dict.fromkeys(("limit_max_requests", "limit_max_requests_jitter"), _NO_RECYCLING),
    "http": "Martlet has one HTTP parser of its own; leave the option out.",
    "http2": "HTTP/2 is not there yet; leave the option out.",
    "h11_max_incomplete_event_size": "It is an option of another parser; say --limit-request-head instead.",
    "timeout_worker_healthcheck": "Workers are not asked for their health yet; leave the option out.",
    "reset_contextvars": "Every request has a context of its own already; leave the option out.",
}
# Values of these that ask for what is the case anyway.
_HARMLESS = {"proxy_headers": {"0", "false", "no", "off"}, "http": {"auto"}, "ws": {"none"}}
REFUSED_FLAGS = ("reload", "http2", "proxy_headers", "reset_contextvars")


def is_refused(name: str, value: object) -> bool:
    return name in REFUSED and str(value).strip().lower() not in _HARMLESS.get(name, ())


def documentation() -> str:
    """The options as Markdown: `python -m martlet.options`."""
    lines = [
        "# The martlet command",
        "",
        "`martlet [OPTIONS] module:attribute` serves a Python web application.",
        "",
        "An option comes from the command line, else from the environment, else from a TOML file, else it has its default. In TOML (`martlet.toml`, or",
        "`[tool.martlet]` in `pyproject.toml`, or `--config FILE`) its name stands without the dashes in front, and `app` names the application; so does",
        "`MARTLET_APP` in the environment. Lists are separated by blanks there, headers by line ends. This page is made by `python -m martlet.options`.",
    ]
    for group in GROUPS:
        lines += ["", f"## {group.title}", "", "| Option | Environment | Default | Meaning |", "|---|---|---|---|"]
        for option in group.options:
            usage = f"`{option.usage}`".replace("|", "\\|")
            variables = " ".join(f"`{name}`" for name in (option.variable, *option.variables))
            default = f"`{option.shown_default}`" if option.shown_default else ""
            lines.append(f"| {usage} | {'' if option.only_on_command_line else variables} | {default} | {option.help} |")
    lines += ["", "## Options of Uvicorn that are refused", "", "| Option | Why |", "|---|---|"]
    lines += [f"| `--{name.replace('_', '-')}` | {sentence} |" for name, sentence in REFUSED.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(documentation(), end="")
