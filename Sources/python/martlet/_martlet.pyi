"""The native half of Martlet, written in Swift: an event loop on a ring, and the service that runs on it."""
import asyncio
from contextvars import Context
from typing import Callable, Mapping, Sequence, final

from typing_extensions import TypeVarTuple, Unpack, disjoint_base

_Ts = TypeVarTuple("_Ts")

@disjoint_base
class LoopBase:
    """The native half of `martlet.Loop`: ready queue, timers, the wait on the ring."""

    @property
    def engine_name(self) -> str:
        """`io_uring` or `epoll`."""

    @property
    def engine_reason(self) -> str:
        """One line for the log: which engine, and why."""

    def __init__(self, engine: str = "auto") -> None:
        """`engine` is "auto", "uring" or "epoll". Raises `OSError` with a sentence when that engine cannot be had."""

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts], context: Context | None = None
    ) -> asyncio.Handle: ...
    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts], context: Context | None = None
    ) -> asyncio.Handle: ...
    def call_later(
        self, delay: float, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts], context: Context | None = None
    ) -> asyncio.TimerHandle: ...
    def call_at(
        self, when: float, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts], context: Context | None = None
    ) -> asyncio.TimerHandle: ...
    def _wait(self, timeout: float | None, /) -> None: ...
    def _wake(self) -> None: ...
    def _set_debug(self, enabled: bool, /) -> None: ...
    def _adopt(self, handle: asyncio.TimerHandle, /) -> None: ...
    def _close_native(self) -> None: ...

@final
class Service:
    """Serves one application on a loop's ring, on the loop's thread. Accepts from the moment it is made."""

    def __init__(
        self,
        loop: LoopBase,
        interface: str,
        application: object,
        listeners: Sequence[int],
        settings: Mapping[str, object],
        state: dict[str, object] | None = None,
    ) -> None:
        """`interface` is "asgi3". `listeners` are descriptors, which the caller keeps open until `ended`. `settings` are those of
        `martlet.configuration.Configuration.settings`, and `access_log`: None, or what is called after each answer with the client's
        address, the method, the path with its query, the HTTP version and the status."""

    def drain(self) -> None:
        """Begins a graceful stop, bounded by the setting `timeout_graceful_shutdown`. Calling it again changes nothing."""

    def stop(self) -> None:
        """Cuts everything now."""

    def ended(self) -> asyncio.Future[None]:
        """Done once nothing is left open."""

    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks of applications that still run."""

    def counters(self) -> dict[str, int]:
        """What has happened so far, by name."""

