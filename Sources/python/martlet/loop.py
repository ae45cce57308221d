"""The asyncio event loop whose wait is the ring.

Ready queue, timers, scheduling and the wait are native (`_martlet.LoopBase`); descriptors that Python code registers stay in the selector, an epoll
descriptor that the ring watches. Everything else is asyncio's own: subprocesses, signals, executors, transports.

Nothing reads the clock but the native half: `time()` in a derived class, or a patched `time.monotonic`, moves no timer.
"""
from __future__ import annotations

import asyncio
import selectors
import signal
import socket
import sys
import threading
from asyncio import format_helpers, runners
from contextlib import contextmanager
from typing import Any, Callable, Coroutine, Iterator, TypeVar

try:
    from martlet import _martlet
except ImportError as error:
    raise ImportError(
        f"The extension module of martlet cannot be loaded by this Python ({sys.implementation.cache_tag}); install martlet again with its own pip: {error}"
    ) from error

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

    # Until `__init__` has come so far: a loop that could not be made is none that somebody forgot to close.
    _closed = True
    _wakes_for_signals = False
    # asyncio's own, which its types do not show.
    _csock: socket.socket
    _signal_handlers: dict[int, asyncio.Handle]
    _check_closed: Callable[[], None]
    _check_running: Callable[[], None]
    _check_thread: Callable[[], None]
    _check_callback: Callable[[object, str], None]

    def __init__(self, engine: str = "auto") -> None:
        _martlet.LoopBase.__init__(self, engine)
        self._poller = _Selector()
        try:
            super(_martlet.LoopBase, self).__init__(self._poller)
        except BaseException:
            self._closed = True
            self._poller.close()
            self._close_native()
            raise
        self._poller.loop = self

    def run_forever(self) -> None:
        # Python 3.13.0 takes the loop that runs for one that has ended when it is run inside itself.
        self._check_closed()
        self._check_running()
        with self._waking_for_signals():
            super().run_forever()

    @contextmanager
    def _waking_for_signals(self) -> Iterator[None]:
        """A signal ends the wait even when it comes just before, or on another thread: Python writes to the loop's socket pair, which is watched.

        asyncio asks Python for that only while it has handlers of its own, so that Ctrl-C may wait for the next event."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        own = self._csock.fileno()
        previous = signal.set_wakeup_fd(own, warn_on_full_buffer=False)
        if previous not in (-1, own):
            signal.set_wakeup_fd(previous)
            yield
            return
        self._wakes_for_signals = True
        try:
            yield
        finally:
            self._wakes_for_signals = False
            if not self._signal_handlers:
                signal.set_wakeup_fd(-1)

    def remove_signal_handler(self, sig: int) -> bool:
        removed = super().remove_signal_handler(sig)
        if self._wakes_for_signals:
            signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
        return removed

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(enabled)
        self._set_debug(enabled)

    def _write_to_self(self) -> None:
        self._wake()

    def close(self) -> None:
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        try:
            super().close()
        finally:
            self._poller.loop = None
            self._close_native()


def call_at_checked(loop: Loop, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.TimerHandle:
    """`call_at` in debug mode: with asyncio's checks, and a handle that knows where it was made."""
    loop._check_closed()
    loop._check_thread()
    loop._check_callback(callback, "call_at")
    timer: Any = asyncio.TimerHandle(when, callback, args, loop, context)
    if timer._source_traceback:
        del timer._source_traceback[-1]
    loop._adopt(timer)
    made: asyncio.TimerHandle = timer
    return made


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
            if not asyncio.iscoroutine(coro):
                raise ValueError(f"a coroutine was expected, got {coro!r}")
            if asyncio._get_running_loop() is not None:
                raise RuntimeError("Runner.run() cannot be called from a running event loop")
            return self.get_loop().run_until_complete(coro)

        def close(self) -> None:
            """Cancels what still runs, and closes the loop."""
            loop, self._loop = self._loop, None
            if loop is None:
                return
            try:
                cancel_all_tasks: Any = getattr(runners, "_cancel_all_tasks")
                cancel_all_tasks(loop)
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()
