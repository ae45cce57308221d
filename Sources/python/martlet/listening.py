"""Opens the listening sockets, and owns them. Imported by the supervisor, so it imports little.

Addresses are texts in one form everywhere: `host:port`, `[v6]:port`, `unix:path`, `fd://number`. Whoever accepts from a socket gets its descriptor and never
closes it. With several workers a TCP address has one socket for each of them (SO_REUSEPORT): a *column* is what one worker accepts from alone. Sockets that
cannot be had several times, those of Unix and inherited ones, are shared by all.
"""
from __future__ import annotations

import errno
import os
import socket
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# The kernel needs some milliseconds to let go of the sockets of a killed ring.
BIND_RETRY_SECONDS = 1.0
BIND_PAUSE_SECONDS = 0.02
UNIX_PATH_BYTES_MAX = 107
# The first descriptor that systemd passes on (sd_listen_fds(3)).
SYSTEMD_DESCRIPTOR_FIRST = 3
PORT_MAX = 65535


class ListenError(Exception):
    """A sentence: where it could not listen, why, and what to do."""


class AddressError(ValueError):
    """A sentence: what is wrong with the text of an address, and how to write it."""


def split(address: str) -> tuple[str, str, int]:
    """The parts of an address: ("tcp", host, port), ("unix", path, 0) or ("fd", "", number)."""
    if address.startswith("unix:"):
        path = address[len("unix:"):]
        if not path or len(os.fsencode(path)) > UNIX_PATH_BYTES_MAX:
            raise AddressError(f"{address!r} needs a path of 1 to {UNIX_PATH_BYTES_MAX} bytes; write unix:PATH.")
        return "unix", path, 0
    if address.startswith("fd://"):
        number = address[len("fd://"):]
        if not (number.isascii() and number.isdigit()):
            raise AddressError(f"{address!r} needs the number of an open descriptor; write for example fd://3.")
        return "fd", "", int(number)
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > PORT_MAX:
        raise AddressError(f"{address!r} has no port from 0 to {PORT_MAX}; write host:port, [v6]:port, unix:PATH or fd://N.")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        return "tcp", host[1:-1], int(port)
    if not host or set(host) & set("[]:/ "):
        raise AddressError(f"{address!r} has no host that can be read; write host:port, [v6]:port, unix:PATH or fd://N.")
    return "tcp", host, int(port)


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def systemd_addresses(environment: dict[str, str] | os._Environ[str]) -> list[str]:
    """The sockets that systemd opened for this process (`LISTEN_FDS`)."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = environment.get("LISTEN_FDS", "")
    if not count.isdigit():
        return []
    return [f"fd://{SYSTEMD_DESCRIPTOR_FIRST + index}" for index in range(int(count))]


class Listeners:
    """The open sockets of all addresses. `columns[n]` belongs to one worker, `shared` to all of them. Bound at once; they accept nobody before `listen`."""

    def __init__(self, addresses: Sequence[str], backlog: int, permissions: int | None = None, columns: int = 0) -> None:
        """`columns` is the number of workers with sockets of their own; 0 when there is one process, which then needs no SO_REUSEPORT."""
        self.shared: list[socket.socket] = []
        self.columns: list[list[socket.socket]] = []
        self.urls: list[str] = []
        self._tcp: list[tuple[socket.AddressFamily, tuple[str, int]]] = []
        self._backlog = backlog
        self._is_listening = False
        # Path, device and inode of each Unix socket, to remove no other's.
        self._paths: list[tuple[str, int, int]] = []
        try:
            for address in addresses:
                self._open(address, permissions, columns > 0)
            for _ in range(columns):
                self.widen()
        except BaseException:
            self.close()
            raise

    def listen(self) -> None:
        self._is_listening = True
        for each in [*self.shared, *(each for column in self.columns for each in column)]:
            listen(each, self._backlog)

    def widen(self) -> None:
        """One more column: a further socket on every TCP address."""
        column: list[socket.socket] = []
        try:
            for family, address in self._tcp:
                column.append(self._bound(family, address, reuse_port=True))
                if self._is_listening:
                    listen(column[-1], self._backlog)
        except ListenError:
            for each in column:
                each.close()
            raise
        self.columns.append(column)

    def descriptors(self, columns: Sequence[int]) -> list[int]:
        """What the worker accepts from that has these columns."""
        own = [each for index in columns for each in self.columns[index]]
        return [each.fileno() for each in [*self.shared, *own]]

    def close(self) -> None:
        for each in [*self.shared, *(each for column in self.columns for each in column)]:
            each.close()
        self.shared, self.columns = [], []
        for path, device, inode in self._paths:
            try:
                status = os.stat(path, follow_symlinks=False)
                if (status.st_dev, status.st_ino) == (device, inode):
                    os.unlink(path)
            except OSError:
                # Somebody else has removed it already.
                continue
        self._paths = []

    def _open(self, address: str, permissions: int | None, has_columns: bool) -> None:
        kind, name, number = split(address)
        if kind == "unix":
            self.shared.append(self._unix(name, permissions))
            self.urls.append(f"unix:{name}")
        elif kind == "fd":
            self.shared.append(inherited(number))
            self.urls.append(url(self.shared[-1]))
        else:
            self._open_tcp(name, number, has_columns)

    def _open_tcp(self, host: str, port: int, has_columns: bool) -> None:
        """On every address that the name stands for. One of several may be missing, as [::1] is where there is no IPv6."""
        resolved = resolve(host, port)
        failure: ListenError | None = None
        count = len(self.urls)
        for family, address in resolved:
            # Port 0 is chosen once, for all addresses of the name.
            wanted = (address[0], port)
            try:
                probe = self._bound(family, wanted, reuse_port=False)
            except ListenError as error:
                failure = error
                if len(resolved) > 1 and isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue
                raise
            port = probe.getsockname()[1]
            self.urls.append(f"http://{joined(address[0], port)}")
            if has_columns:
                # Bound without SO_REUSEPORT for a moment: a foreign server on this port is noticed, instead of shared with.
                probe.close()
                self._tcp.append((family, (address[0], port)))
            else:
                self.shared.append(probe)
        if failure is not None and len(self.urls) == count:
            raise failure

    @staticmethod
    def _bound(family: socket.AddressFamily, address: tuple[str, int], reuse_port: bool) -> socket.socket:
        try:
            opened = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise ListenError(f"Cannot listen on {joined(*address)}: {error.strerror}.") from error
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Accepted sockets inherit it, which saves a call for each connection.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bind_retrying(opened, address)
        except OSError as error:
            opened.close()
            raise ListenError(f"Cannot listen on {joined(*address)}: {reason(error)}") from error
        return opened

    def _unix(self, path: str, permissions: int | None) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            remove_stale(path)
            # Nobody may connect before the mode is what it shall be.
            mask = os.umask(0o777)
            try:
                opened.bind(path)
            finally:
                os.umask(mask)
            os.chmod(path, 0o666 if permissions is None else permissions)
            status = os.stat(path)
            self._paths.append((os.path.abspath(path), status.st_dev, status.st_ino))
        except OSError as error:
            opened.close()
            raise ListenError(f"Cannot listen on unix:{path}: {reason(error)}") from error
        except BaseException:
            opened.close()
            raise
        return opened


def reason(error: OSError) -> str:
    advice = {
        errno.EADDRINUSE: "it is in use by another program; end that, or choose another with --port, --bind or --uds.",
        errno.EADDRNOTAVAIL: "this machine does not have that address; choose one of its own, or 0.0.0.0 for all.",
        errno.EACCES: "this user may not; ports below 1024 need a capability, and a Unix socket a directory that can be written to.",
        errno.EEXIST: "the path is there and is not a socket; choose another with --uds or --bind.",
        errno.ENOENT: "the directory does not exist; make it first.",
    }
    return advice.get(error.errno or 0) or f"{(error.strerror or str(error)).lower()}."


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host.encode("ascii") if host.isascii() else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"Cannot listen on {joined(host, port)}: the host's name is not known ({error}); correct --host or --bind.") from error
    results: list[tuple[socket.AddressFamily, tuple[str, int]]] = []
    for family, _, _, _, address in found:
        each = (family, (str(address[0]), int(address[1])))
        if family in (socket.AF_INET, socket.AF_INET6) and each not in results:
            results.append(each)
    return results


def bind_retrying(opened: socket.socket, address: tuple[str, int]) -> None:
    end = time.monotonic() + BIND_RETRY_SECONDS
    while True:
        try:
            opened.bind(address)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= end:
                raise
        time.sleep(BIND_PAUSE_SECONDS)


def listen(opened: socket.socket, backlog: int) -> None:
    try:
        # Somebody else may have taken the connection that a worker was woken for.
        opened.setblocking(False)
        opened.listen(backlog)
    except OSError as error:
        raise ListenError(f"Cannot listen on {url(opened)}: {reason(error)}") from error


def remove_stale(path: str) -> None:
    """A path left by a server that was killed is taken over; one on which somebody listens is not."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EEXIST, "not a socket")
    end = time.monotonic() + BIND_RETRY_SECONDS
    while is_listened_on(path):
        if time.monotonic() >= end:
            raise OSError(errno.EADDRINUSE, "in use")
        time.sleep(BIND_PAUSE_SECONDS)
    os.unlink(path)


def is_listened_on(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A full queue would let a blocking connect wait for ever, and says that somebody is there.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def inherited(number: int) -> socket.socket:
    """A socket that whoever started this process has opened, and perhaps not yet told to listen."""
    try:
        # A copy, so that closing it leaves the number as it was.
        opened = socket.socket(fileno=os.dup(number))
    except OSError as error:
        raise ListenError(f"Cannot listen on fd://{number}: {reason(error)} The descriptor must be an open socket; correct --fd or --bind.") from error
    try:
        if opened.type != socket.SOCK_STREAM or opened.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise ListenError(f"Cannot listen on fd://{number}: it is not a TCP or Unix stream socket; pass on one that is.")
        # For our own eyes only from now on: programs that the application starts must not hold it open.
        os.set_inheritable(number, False)
    except BaseException:
        opened.close()
        raise
    return opened


def url(opened: socket.socket) -> str:
    name = opened.getsockname()
    if opened.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    return f"http://{joined(name[0], name[1])}"


def forget_systemd() -> None:
    """Programs that the application starts must not take the sockets for theirs."""
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
