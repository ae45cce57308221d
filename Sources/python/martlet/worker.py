"""One worker: serves the application in this process, on one loop, from the start of its lifespan to the end.

Everything runs in one `run_until_complete`, because libraries such as anyio look for the task at the bottom of it. Listening sockets are handed to it.
"""
from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Sequence

from . import __version__, logs
from .application import ApplicationError, called, load, prepared
from .channel import Channel
from .configuration import Configuration
from .lifespan import Lifespan, StartupFailed
from .listening import Listeners, ListenError, forget_systemd
from .notify import notify
from .process import STATUS_NOT_STARTED
from .stopping import CUT_SECONDS, LIFESPAN_SECONDS_MIN, Interrupted, StopSignals

if TYPE_CHECKING:
    from ._martlet import Service
    from .loop import Loop

log = logging.getLogger("martlet.error")

STATUS_NOT_WELL = 1
# What a shell says of a process that ran into signal N is 128 + N; so do we, when one was needed twice.
STATUS_OF_SIGNALS = 128
# Over the native service's own bound, which it keeps exactly.
SERVICE_SLACK_SECONDS = 0.5
WAIT_SLICE_SECONDS = 0.25
# Between the disconnect that a stop at its bound tells applications of, and their cancellation.
DISCONNECT_SECONDS = 1.0
# A drain takes in for 30 ms what the kernel has finished, and lets go of the listening sockets at the end of the turn in which it notices that they are over.
CLOSING_SECONDS = 0.06
CLOSING_TURNS = 3


class StartError(Exception):
    """Sentences that tell why this worker cannot serve."""


@dataclass
class Duty:
    """What a worker is to do, and whom it tells."""

    configuration: Configuration
    # Descriptors of listening sockets; whoever gives them keeps them open.
    listeners: Sequence[int]
    urls: Sequence[str]
    # The object to serve, where it is not named by `configuration.app`.
    application: object = None
    # Called when the application has started, before the first connection is accepted.
    on_started: Callable[[], None] | None = None
    # Who has started this worker, is told how it goes, and says when it may accept.
    supervisor: Channel | None = None
    # The processor that it is kept on.
    core: int | None = None
    # Whether the process ends with the worker, and so must not wait for ever for threads of the application.
    owns_process: bool = False


def serve_alone(configuration: Configuration, application: object, owns_process: bool) -> int:
    """Opens the sockets, and serves in this process. The exit status."""
    try:
        listeners = Listeners(configuration.addresses(), configuration.backlog, configuration.uds_permissions)
        forget_systemd()
        try:
            return serve(Duty(
                configuration, listeners.descriptors([]), listeners.urls, application, on_started=listeners.listen, owns_process=owns_process))
        finally:
            listeners.close()
    except (ListenError, StartError) as error:
        log.error("%s", error)
        return STATUS_NOT_STARTED


def serve(duty: Duty) -> int:
    """The exit status of the process. A worker that cannot serve raises `StartError`."""
    try:
        from .loop import Loop
    except ImportError as error:
        raise StartError(f"The native half of Martlet cannot be loaded: {error}. Install the wheel for this Python, or build it.") from None
    try:
        loop = Loop(engine=duty.configuration.engine)
    except OSError as error:
        raise StartError(f"--engine: {error}") from None
    worker = Worker(duty, loop)
    try:
        return run(worker.main(), loop)
    finally:
        if not duty.owns_process:
            worker.stopping.watchdog.call_off()
        worker.stopping.uninstall(loop)


def run(main: Coroutine[Any, Any, int], loop: Loop) -> int:
    """As `asyncio.run`, on this loop; the watchdog bounds the end of what the application leaves behind."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        try:
            _cancel_rest(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_rest(loop: Loop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    for task in rest:
        if not task.cancelled() and task.exception() is not None:
            log.error("Exception in a task of the application while it was stopped.", exc_info=task.exception())


class Worker:
    def __init__(self, duty: Duty, loop: Loop) -> None:
        self._duty = duty
        self._configuration = duty.configuration
        self._loop = loop
        self._service: Service | None = None
        self._stop_asked = asyncio.Event()
        self._go = asyncio.Event()
        self._is_cut = False
        self._was_interrupted = 0
        self.stopping = StopSignals(self._configuration.timeout_graceful_shutdown)

    async def main(self) -> int:
        self.stopping.on_stop = self._stop
        try:
            self.stopping.install(self._loop)
            shown, interface, application = self._load()
            # From here on there is something that wants to be stopped in order.
            self.stopping.raises = False
        except Interrupted:
            return 0
        finally:
            self.stopping.raises = False
        if self._duty.supervisor is not None:
            self._duty.supervisor.set_blocking(False)
            self._loop.add_reader(self._duty.supervisor.fileno(), self._hear, self._duty.supervisor)
        lifespan = Lifespan(application, self._configuration.lifespan)
        if not await self._start(lifespan) or not await self._may_accept(lifespan):
            return 0
        service = self._service = self._make_service(interface, application, lifespan)
        self._announce(shown)
        ended = service.ended()
        asked = self._loop.create_task(self._stop_asked.wait(), name="martlet stop")
        both: set[asyncio.Future[Any]] = {asked, ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            asked.cancel()
            log.error("The service has ended by itself.")
            await lifespan.shutdown(LIFESPAN_SECONDS_MIN)
            ended.result()
            return STATUS_NOT_WELL
        return await self._end(service, ended, lifespan)

    def _load(self) -> tuple[str, str, Any]:
        configuration = self._configuration
        try:
            application = self._duty.application
            if application is None:
                application = load(configuration.app or "", configuration.app_dir, configuration.factory)
            elif configuration.factory:
                application = called(application, "The application")
            return prepared(application, configuration.interface)
        except ApplicationError as error:
            raise StartError(str(error)) from None

    async def _start(self, lifespan: Lifespan) -> bool:
        """Whether the application has started; a signal in the meantime ends it again."""
        starting = self._loop.create_task(lifespan.startup(), name="martlet startup")
        asked = self._loop.create_task(self._stop_asked.wait(), name="martlet stop")
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if starting.done():
            try:
                starting.result()
            except StartupFailed as failure:
                raise StartError(str(failure)) from None
        else:
            log.info("Told to stop while the application was starting.")
            starting.cancel()
            await asyncio.wait({starting}, timeout=LIFESPAN_SECONDS_MIN)
        if self._stop_asked.is_set():
            await lifespan.shutdown(LIFESPAN_SECONDS_MIN)
            return False
        return True

    async def _may_accept(self, lifespan: Lifespan) -> bool:
        """Whether it comes to that. A supervisor lets it once the predecessor has left the sockets to it."""
        if self._duty.on_started is not None:
            self._duty.on_started()
        if self._duty.supervisor is None:
            return True
        self._tell({"prepared": True})
        going, asked = (self._loop.create_task(event.wait()) for event in (self._go, self._stop_asked))
        await asyncio.wait({going, asked}, return_when=asyncio.FIRST_COMPLETED)
        going.cancel()
        asked.cancel()
        if self._stop_asked.is_set():
            await lifespan.shutdown(LIFESPAN_SECONDS_MIN)
            return False
        return True

    def _tell(self, message: dict[str, Any]) -> None:
        if self._duty.supervisor is not None:
            try:
                self._duty.supervisor.send(message)
            except OSError:
                # It has gone, which is noticed where its words are read.
                log.debug("The supervisor did not hear %s.", message)

    def _make_service(self, interface: str, application: object, lifespan: Lifespan) -> Service:
        from ._martlet import Service

        settings = self._configuration.settings()
        settings["access_log"] = logs.access_logger() if self._configuration.access_log else None
        state = lifespan.state if lifespan.is_supported else None
        try:
            return Service(self._loop, interface, application, list(self._duty.listeners), settings, state)
        except OSError as error:
            raise StartError(f"The service cannot be started: {error}") from None

    def _announce(self, shown: str) -> None:
        details = {"interface": shown, "engine": self._loop.engine_name, "reason": self._loop.engine_reason}
        if self._duty.supervisor is not None:
            self._tell({"ready": {**details, "core": self._duty.core}})
            return
        for sentence in listening_lines(self._duty.urls, f"{shown}, {details['engine']}, pid {os.getpid()}"):
            log.info("%s", sentence)
        log.info("%s", details["reason"])
        notify("READY=1")

    def _stop(self, number: int, is_graceful: bool) -> None:
        self._is_cut = self._is_cut or not is_graceful
        if self._is_cut:
            self._was_interrupted = number
        service = self._service
        if service is not None and self._is_cut and self._stop_asked.is_set():
            log.warning("Told to stop again: what is left is cut.")
            service.stop()
        self._stop_asked.set()

    def _hear(self, supervisor: Channel) -> None:
        messages, is_open = supervisor.receive()
        if any("go" in message for message in messages):
            self._go.set()
        if not is_open:
            self._loop.remove_reader(supervisor.fileno())
            log.error("The supervisor has gone; this worker stops.")
            self.stopping.begin()

    async def _end(self, service: Service, ended: asyncio.Future[None], lifespan: Lifespan) -> int:
        bound = self._configuration.timeout_graceful_shutdown
        deadline = time.monotonic() + bound
        if self._is_cut or bound == 0:
            service.stop()
        else:
            self._say("Stopping, within %g s.", bound)
            if self._duty.supervisor is None:
                notify("STOPPING=1")
            service.drain()
            await asyncio.sleep(CLOSING_SECONDS)
            for _ in range(CLOSING_TURNS):
                await asyncio.sleep(0)
            self._tell({"closed": True})
        if not await self._has_ended(ended, bound + SERVICE_SLACK_SECONDS):
            log.error("Requests were in flight after %g s; they are cut.", bound)
            service.stop()
            await self._has_ended(ended, CUT_SECONDS / 2)
        await self._finish(service, deadline)
        left = CUT_SECONDS / 2 if self._is_cut else max(LIFESPAN_SECONDS_MIN, deadline - time.monotonic())
        has_ended_well = await lifespan.shutdown(left)
        if self._is_cut:
            return STATUS_OF_SIGNALS + self._was_interrupted
        if not has_ended_well:
            return STATUS_NOT_WELL
        self._say("Stopped.")
        return 0

    def _say(self, sentence: str, *values: object) -> None:
        """What a supervisor says once for all workers."""
        log.log(logging.INFO if self._duty.supervisor is None else logging.DEBUG, sentence, *values)

    async def _finish(self, service: Service, deadline: float) -> None:
        """What applications still do once their answers are out, as in background tasks, has the rest of the time; then it is cancelled."""
        tasks = service.tasks()
        deadline = max(deadline, time.monotonic() + DISCONNECT_SECONDS)
        while tasks and not self._is_cut and time.monotonic() < deadline:
            await asyncio.wait(tasks, timeout=min(WAIT_SLICE_SECONDS, max(0.0, deadline - time.monotonic())))
            tasks = service.tasks()
        if not tasks:
            return
        log.error("%d of the application's tasks did not end in time; they are cancelled.", len(tasks))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CUT_SECONDS / 2)

    async def _has_ended(self, ended: asyncio.Future[None], seconds: float) -> bool:
        """Waits in slices, so that a second signal shortens it."""
        end = time.monotonic() + seconds
        was_cut = self._is_cut
        while not ended.done() and time.monotonic() < end:
            if self._is_cut and not was_cut:
                end, was_cut = min(end, time.monotonic() + CUT_SECONDS / 2), True
            await asyncio.wait({ended}, timeout=min(WAIT_SLICE_SECONDS, max(0.0, end - time.monotonic())))
        return ended.done()


def listening_lines(urls: Sequence[str], details: str) -> list[str]:
    first, *others = urls
    return [f"Martlet {__version__} listening on {first} ({details})", *(f"Also listening on {other}" for other in others)]
