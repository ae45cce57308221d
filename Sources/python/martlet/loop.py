"""The asyncio event loop whose wait is the ring.

Ready queue, timers, scheduling and the wait are native (`_martlet.LoopBase`); descriptors that Python code registers stay in the selector, an epoll
descriptor that the ring watches. Everything else is asyncio's own: subprocesses, signals, executors, transports.
"""
from __future__ import annotations

import asyncio
import selectors
import sys
from asyncio import format_helpers
from typing import TYPE_CHECKING, Any, Callable, Coroutine, TypeVar

try:
    from martlet import _martlet
except ImportError as error:
    raise ImportError(
        f"The extension module of martlet cannot be loaded by this Python ({sys.implementation.cache_tag}); install martlet again with its own pip: {error}"
    ) from error

if TYPE_CHECKING:
    from contextvars import Context

    from typing_extensions import TypeVarTuple, Unpack

    Arguments = TypeVarTuple("Arguments")

T = TypeVar("T")


class _Selector(selectors.EpollSelector):
    """In debug mode asyncio's own `_run_once` waits here: for the ring, which watches this selector among the rest."""

    loop: Loop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop is None:
            return super().select(timeout)
        self.loop._wait(timeout)
        return super().select(0)


class Loop(_martlet.LoopBase, asyncio.SelectorEventLoop):
    """An asyncio event loop on io_uring, or on epoll where that is all there is.

    :param engine: ``auto`` takes io_uring if it works here; ``uring`` or ``epoll`` insist.
    :raises OSError: when the engine cannot run, in a sentence that says why.

    Belongs to the thread that runs it; `call_soon_threadsafe` may be called from any.
    """

    _debug: bool

    def __init__(self, engine: str = "auto") -> None:
        _martlet.LoopBase.__init__(self, engine)
        selector = _Selector()
        asyncio.SelectorEventLoop.__init__(self, selector)
        selector.loop = self

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(enabled)
        self._set_debug(enabled)
        if not enabled:
            for handle in getattr(self, "_scheduled", ()):
                self._adopt(handle)
            self._scheduled: list[asyncio.TimerHandle] = []

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Arguments]], object], *args: Unpack[Arguments], context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._debug:
            return asyncio.SelectorEventLoop.call_later(self, delay, callback, *args, context=context)
        return _martlet.LoopBase.call_later(self, delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Arguments]], object], *args: Unpack[Arguments], context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._debug:
            return asyncio.SelectorEventLoop.call_at(self, when, callback, *args, context=context)
        return _martlet.LoopBase.call_at(self, when, callback, *args, context=context)

    def _write_to_self(self) -> None:
        self._wake()

    def close(self) -> None:
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        super().close()
        self._close_native()


def report_failure(handle: asyncio.Handle, error: BaseException) -> None:
    """What `Handle._run` does with an exception of its callback."""
    private: Any = handle
    callback = format_helpers._format_callback_source(private._callback, private._args)
    context: dict[str, Any] = {"message": f"Exception in callback {callback}", "exception": error, "handle": handle}
    if private._source_traceback:
        context["source_traceback"] = private._source_traceback
    private._loop.call_exception_handler(context)


def new_event_loop() -> Loop:
    """A new loop with the engine that works here; for `asyncio.Runner(loop_factory=martlet.new_event_loop)`."""
    return Loop()


if sys.version_info >= (3, 11):

    # Final is what the types of the standard library call it; the class itself is not.
    class Runner(asyncio.Runner):  # type: ignore[misc]
        """`asyncio.Runner` with a Martlet loop."""

        def __init__(self, *, debug: bool | None = None, loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_event_loop) -> None:
            super().__init__(debug=debug, loop_factory=loop_factory)

else:

    class Runner:
        """What `asyncio.Runner` is from Python 3.11 on, with a Martlet loop."""

        def __init__(self, *, debug: bool | None = None, loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_event_loop) -> None:
            self._debug = debug
            self._factory = loop_factory
            self._loop: asyncio.AbstractEventLoop | None = None

        def __enter__(self) -> Runner:
            self.get_loop()
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def get_loop(self) -> asyncio.AbstractEventLoop:
            """The loop, made when it is asked for first."""
            if self._loop is None:
                self._loop = self._factory()
                asyncio.set_event_loop(self._loop)
                if self._debug is not None:
                    self._loop.set_debug(self._debug)
            return self._loop

        def run(self, coro: Coroutine[Any, Any, T]) -> T:
            """Runs a coroutine to its end."""
            return self.get_loop().run_until_complete(coro)

        def close(self) -> None:
            """Cancels what still runs, and closes the loop."""
            loop, self._loop = self._loop, None
            if loop is None:
                return
            try:
                left = asyncio.all_tasks(loop)
                for task in left:
                    task.cancel()
                if left:
                    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()
