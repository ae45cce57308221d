"""The lifespan protocol of ASGI (lifespan 2.0): tells the application that it starts and stops, in a task of its own, and waits for its answers.

With `auto` an application that does not know the protocol raises an exception, and goes on without; with `on` that is a failure.
"""
from __future__ import annotations

import asyncio
import logging
from typing import Any

from .application import Application

log = logging.getLogger("martlet.error")


class StartupFailed(Exception):
    """A sentence: why the application says, or shows, that it cannot start."""


class ProtocolError(Exception):
    """The application has sent something that the protocol does not allow at this point."""


class Lifespan:
    def __init__(self, application: Application, mode: str) -> None:
        self.state: dict[str, Any] = {}
        self._application = application
        self._mode = mode
        self._task: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started: asyncio.Future[str | None] | None = None
        self._stopped: asyncio.Future[str | None] | None = None

    @property
    def is_supported(self) -> bool:
        """Whether the application has answered, and so has a state to share with its requests."""
        return self._task is not None

    async def startup(self) -> None:
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._messages.put_nowait({"type": "lifespan.startup"})
        task = self._task = loop.create_task(self._run(), name="martlet lifespan")
        try:
            await asyncio.wait(_both(task, self._started), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        if self._started.done():
            failure = self._started.result()
            if failure is not None:
                await self._cancel()
                raise StartupFailed("The application says that it cannot start" + (f": {failure}" if failure else "."))
            return
        self._task = None
        self._judge(task)

    def _judge(self, task: asyncio.Task[None]) -> None:
        """The task has ended before it answered."""
        error = None if task.cancelled() else task.exception()
        if self._mode == "on":
            if error is not None:
                log.error("Exception in the application's lifespan.", exc_info=error)
                raise StartupFailed("The application's lifespan has failed; see the traceback above.")
            raise StartupFailed("The application has returned from its lifespan without an answer; say --lifespan off if it has none.")
        detail = f" ({type(error).__name__}: {error})" if error is not None else ""
        log.debug("The application does not support lifespan%s; going on without.", detail)

    async def shutdown(self, seconds: float) -> bool:
        """Whether the application has ended well, in the time given."""
        task, stopped = self._task, self._stopped
        if task is None or stopped is None:
            return True
        if task.done():
            return self._has_ended_well(task)
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait(_both(task, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            failure = stopped.result()
            await self._cancel()
            if failure is not None:
                log.error("The application says that it could not stop well%s", f": {failure}" if failure else ".")
            return failure is None
        if task.done():
            return self._has_ended_well(task)
        log.error("The application's lifespan did not end within %g s; it is cancelled.", seconds)
        await self._cancel()
        return False

    def _has_ended_well(self, task: asyncio.Task[None]) -> bool:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("Exception in the application's lifespan.", exc_info=error)
        return error is None

    async def _cancel(self) -> None:
        """What goes on after the last answer, or instead of it, gets one moment to clean up."""
        task = self._task
        if task is None or task.done():
            return
        # Whoever has answered usually returns at once; then there is nothing to cancel.
        await asyncio.wait({task}, timeout=0.1)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
        if task.done() and not task.cancelled() and task.exception() is not None:
            log.debug("Exception at the end of the application's lifespan.", exc_info=task.exception())

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._application(scope, self._messages.get, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        for event, future in (("startup", self._started), ("shutdown", self._stopped)):
            if future is None or kind not in (f"lifespan.{event}.complete", f"lifespan.{event}.failed"):
                continue
            if future.done():
                raise ProtocolError(f"The application has sent {kind} a second time.")
            if event == "shutdown" and not (self._started is not None and self._started.done()):
                raise ProtocolError(f"The application has sent {kind} before it had started.")
            future.set_result(None if kind.endswith(".complete") else str(message.get("message") or ""))
            return
        raise ProtocolError(f"The application has sent {kind!r}, which is not a message of lifespan.")


def _both(task: asyncio.Task[None], answer: asyncio.Future[str | None]) -> set[asyncio.Future[Any]]:
    return {task, answer}
