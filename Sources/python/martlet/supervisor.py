"""The supervisor of several workers: owns the listening sockets, starts each worker as a fresh process, replaces those that die, and stops them all.

It stays small and never touches a request: it imports neither the native module, nor asyncio, nor the application. A worker has a *slot*, which keeps its
sockets: whoever takes the slot next accepts from the same queues, so no connection is lost. A slot is *rolled* when a successor is started beside its worker,
which is stopped only once the successor is ready.
"""
from __future__ import annotations

import os
import select
import signal
import socket
import time

from .channel import Channel
from .listening import Listeners, ListenError
from .notify import notify
from .process import STATUS_NOT_STARTED, arguments
from .slots import BACKOFF_SECONDS_FIRST, Slot, Worker, backoff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A predecessor that is too busy to leave its sockets is not waited for any longer.
HANDOVER_SECONDS_MAX = 1.0
# Over the bound that workers keep themselves, by their own watchdog.
STOP_SLACK_SECONDS = 6.0
CUT_SECONDS = 6.0
STATUS_NOT_STOPPED = 1
STATUS_OF_SIGNALS = 128
WORKERS_MAX = 4096

_STOP = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOP, signal.SIGQUIT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD)


def supervise(plan: dict[str, Any], log: Any) -> int:
    """The exit status of the whole. `plan` is what `starting` has resolved."""
    try:
        options = plan["configuration"]
        listeners = Listeners(plan["addresses"], options["backlog"], options["uds_permissions"], plan["workers"])
    except ListenError as error:
        log.error(str(error))
        return STATUS_NOT_STARTED
    try:
        listeners.listen()
        return Supervisor(plan, listeners, log).run()
    except ListenError as error:
        log.error(str(error))
        return STATUS_NOT_STARTED
    finally:
        listeners.close()


class Supervisor:
    def __init__(self, plan: dict[str, Any], listeners: Listeners, log: Any) -> None:
        self._plan = plan
        self._listeners = listeners
        self._log = log
        self._slots = [Slot(index) for index in range(plan["workers"])]
        # Every process that has not been waited for, in a slot or on its way out.
        self._workers: dict[int, Worker] = {}
        # Slots that wait for a successor; one at a time, so that the machine is not asked for twice its memory.
        self._to_roll: list[Slot] = []
        self._rolling: Slot | None = None
        # Stopped once nothing is left to roll: until then somebody else has to take their sockets over.
        self._retiring: list[Worker] = []
        self._has_started = False
        self._is_stopping = False
        self._interrupts = 0
        self._status = 0
        self._poll = select.poll()

    # The loop.

    def run(self) -> int:
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        previous = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        previous_wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        self._poll.register(reading, select.POLLIN)
        try:
            for slot in self._slots:
                slot.worker = self._spawn(slot)
            while self._workers or not self._is_stopping:
                ready = {descriptor for descriptor, _ in self._poll.poll(self._milliseconds())}
                self._hear(ready)
                if reading.fileno() in ready:
                    for number in _drained(reading):
                        self._signalled(number)
                self._reap()
                self._tick()
        finally:
            for worker in self._workers.values():
                worker.kill(signal.SIGKILL)
            signal.set_wakeup_fd(previous_wakeup)
            for number, handler in previous.items():
                signal.signal(number, handler)
            reading.close()
            writing.close()
        if self._status == 0:
            self._log.info("Stopped.")
        return self._status

    def _milliseconds(self) -> int | None:
        times = [worker.killed_at for worker in self._workers.values() if worker.killed_at is not None]
        times += [worker.waits_until for worker in self._workers.values() if worker.waits_for is not None]
        if not self._is_stopping:
            times += [slot.respawn_at for slot in self._slots if slot.respawn_at is not None]
        return None if not times else max(0, int((min(times) - time.monotonic()) * 1000) + 1)

    def _tick(self) -> None:
        self._let_go()
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.killed_at is not None and now >= worker.killed_at:
                self._log.error(f"{worker.name} did not stop in time and is killed.")
                worker.kill(signal.SIGKILL)
                worker.killed_at = now + CUT_SECONDS
                if self._is_stopping:
                    self._status = self._status or STATUS_NOT_STOPPED
        if self._is_stopping:
            return
        for slot in self._slots:
            if slot.respawn_at is not None and now >= slot.respawn_at:
                slot.respawn_at = None
                slot.worker = self._spawn(slot)
        self._roll_next()

    # Workers.

    def _columns(self, slot: Slot) -> list[int]:
        """The columns of sockets of a slot: its own, and of those that no slot is left for its share."""
        return [index for index in range(len(self._listeners.columns)) if index % len(self._slots) == slot.index]

    def _spawn(self, slot: Slot) -> Worker | None:
        """None when the system refuses another process; then the slot is tried again later."""
        try:
            return self._execute(slot)
        except OSError as error:
            self._log.error(f"Worker {slot.index + 1} cannot be started: {(error.strerror or str(error)).lower()}.")
        if not self._has_started:
            self._give_up()
        slot.failures += 1
        slot.respawn_at = time.monotonic() + max(backoff(slot.failures), BACKOFF_SECONDS_FIRST)
        return None

    def _execute(self, slot: Slot) -> Worker:
        plan = self._plan
        columns = self._columns(slot)
        listeners = self._listeners.descriptors(columns)
        ours, theirs = socket.socketpair()
        # Onto themselves: that makes them inheritable in the child alone.
        inherited = [(os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in [theirs.fileno(), *listeners]]
        command = arguments("worker", plan["executable"], plan["flags"], theirs.fileno())
        # A process group of its own: the terminal's interrupt comes to the supervisor alone, which stops the workers in order.
        with theirs:
            pid = os.posix_spawn(plan["executable"], command, os.environ, file_actions=inherited, setpgroup=0, setsigmask=[])
        channel = Channel(ours)
        cores = plan["cores"]
        core = cores[slot.index % len(cores)] if cores else None
        try:
            channel.send({
                "number": slot.index + 1, "core": core, "listeners": listeners, "urls": self._listeners.urls, "path": plan["path"],
                "configuration": plan["configuration"], "is_level_given": plan["is_level_given"],
            })
        except OSError:
            # It has died already, which is noticed where all deaths are.
            self._log.debug(f"Worker {slot.index + 1} did not take its plan.")
        channel.set_blocking(False)
        self._poll.register(channel.fileno(), select.POLLIN)
        worker = self._workers[pid] = Worker(pid, slot, channel, frozenset(columns))
        return worker

    def _hear(self, ready: set[int]) -> None:
        for worker in list(self._workers.values()):
            if worker.channel.fileno() in ready:
                self._hear_from(worker)

    def _hear_from(self, worker: Worker) -> None:
        messages, is_open = worker.channel.receive()
        for message in messages:
            if "failed" in message:
                worker.failure = str(message["failed"])
            elif "prepared" in message:
                self._prepared(worker)
            elif "closed" in message:
                self._closed(worker)
            elif "ready" in message and not worker.is_ready:
                worker.is_ready = worker.slot.has_served = True
                self._became_ready(worker, message["ready"])
        if not is_open:
            self._poll.unregister(worker.channel.fileno())
            worker.channel.close()

    def _prepared(self, worker: Worker) -> None:
        """Two processes that wait at one socket take each other's wake-ups, and one of them is about to leave: so it leaves first, then the next may accept.

        What comes in between waits in the socket's queue, which the newcomer empties before it waits.
        """
        slot = worker.slot
        leaving = {each for each in self._retiring if each.columns & worker.columns}
        if slot.successor is worker and slot.worker is not None:
            leaving.add(slot.worker)
        for each in leaving:
            each.stop(self._stop_seconds)
        worker.waits_for = leaving
        worker.waits_until = time.monotonic() + HANDOVER_SECONDS_MAX
        self._let_go()

    def _closed(self, worker: Worker) -> None:
        """It accepts nobody any more."""
        for each in self._workers.values():
            if each.waits_for is not None:
                each.waits_for.discard(worker)
        self._let_go()

    def _let_go(self) -> None:
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.waits_for is not None and (not worker.waits_for or now >= worker.waits_until):
                worker.waits_for = None
                worker.tell({"go": True})

    def _became_ready(self, worker: Worker, details: dict[str, Any]) -> None:
        slot = worker.slot
        if self._is_stopping:
            return
        where = f", processor {details['core']}" if details["core"] is not None else ""
        say = self._log.info if self._has_started else self._log.debug
        say(f"{worker.name} is ready{where}.")
        if slot.successor is worker:
            slot.worker, slot.successor = worker, None
            self._rolling = None
        if not self._has_started and all(each.worker is not None and each.worker.is_ready for each in self._slots):
            self._has_started = True
            from . import __version__

            first, *others = self._listeners.urls
            count = len(self._slots)
            self._log.info(
                f"Martlet {__version__} listening on {first} ({details['interface']}, {details['engine']}, {count} workers, pid {os.getpid()})")
            for other in others:
                self._log.info(f"Also listening on {other}")
            self._log.info(details["reason"])
            notify("READY=1")

    # Deaths.

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            try:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody else in this process has waited for it.
                pid, status = worker.pid, 0
            if pid:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, status: int) -> None:
        # Its last words may still be in the channel.
        if worker.channel.fileno() >= 0:
            self._hear_from(worker)
            if worker.channel.fileno() >= 0:
                self._poll.unregister(worker.channel.fileno())
                worker.channel.close()
        del self._workers[worker.pid]
        if worker in self._retiring:
            self._retiring.remove(worker)
        if worker.slot.worker is worker and worker.is_stopping:
            worker.slot.worker = None
        self._closed(worker)
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if self._is_stopping or worker.is_stopping:
            self._ended_as_told(worker, how, status)
        elif worker.is_ready:
            self._died(worker, how)
        else:
            self._not_started(worker, how, status)

    def _ended_as_told(self, worker: Worker, how: str, status: int) -> None:
        # One that was stopped before it could listen to signals is as good as any; and whoever was killed is reported already.
        if status in (0, -signal.SIGTERM, -signal.SIGKILL) or worker.failure is not None or self._interrupts > 1:
            return
        self._log.error(f"{worker.name} {how} when it was stopped.")
        if self._is_stopping:
            self._status = self._status or STATUS_NOT_STOPPED

    def _died(self, worker: Worker, how: str) -> None:
        slot = worker.slot
        if slot.worker is not worker:
            # On its way out of a slot that is none any more.
            self._log.error(f"{worker.name} {how}.")
            return
        slot.worker = None
        delay = slot.delay_after(worker)
        if slot.successor is not None:
            self._log.error(f"{worker.name} {how}; its successor is on its way.")
            return
        slot.respawn_at = time.monotonic() + delay
        self._log.error(f"{worker.name} {how}; another is started {f'in {delay:g} s' if delay else 'at once'}.")

    def _not_started(self, worker: Worker, how: str, status: int) -> None:
        slot = worker.slot
        reason = worker.failure or f"{worker.name} {how} before it was ready."
        if slot.successor is worker and slot.worker is not None and not slot.worker.is_stopping:
            self._log.error(f"{reason}\n{slot.worker.name} goes on instead, and nothing else is replaced.")
            slot.successor, self._rolling, self._to_roll = None, None, []
            return
        if slot.is_additional and not slot.has_served:
            self._log.error(f"{reason}\nThe additional worker is given up.")
            self._drop(slot)
            return
        if self._has_started and status < 0:
            # Killed from outside, as by lack of memory: that may pass.
            if slot.successor is worker:
                slot.successor, self._rolling = None, None
            slot.worker = None
            delay = slot.delay_after(worker)
            slot.respawn_at = time.monotonic() + delay
            self._log.error(f"{reason} Another is started in {delay:g} s.")
            return
        self._log.error(reason)
        self._give_up()

    def _give_up(self) -> None:
        if not self._is_stopping:
            self._log.error("A worker cannot start, so everything is stopped.")
            self._status = STATUS_NOT_STARTED
            self._stop_all()

    # Signals.

    def _signalled(self, number: int) -> None:
        if number == signal.SIGTERM and self._interrupts:
            # Said again, not said louder: only INT or QUIT cut what is left.
            return
        if number in (*_STOP, signal.SIGQUIT):
            self._interrupts += 2 if number == signal.SIGQUIT else 1
            if self._interrupts == 1:
                self._log.info(f"Stopping, within {self._plan['configuration']['timeout_graceful_shutdown']:g} s.")
                self._stop_all()
            else:
                self._cut_all(number)
        elif self._is_stopping or number == signal.SIGCHLD:
            return
        elif number == signal.SIGHUP:
            self._log.info("Replacing the workers one by one.")
            self._to_roll = list(self._slots)
        elif number == signal.SIGTTIN:
            self._grow()
        elif number == signal.SIGTTOU:
            self._shrink()

    @property
    def _stop_seconds(self) -> float:
        bound: float = self._plan["configuration"]["timeout_graceful_shutdown"]
        return bound + STOP_SLACK_SECONDS

    def _stop_all(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            notify("STOPPING=1")
        for worker in self._workers.values():
            worker.stop(self._stop_seconds)

    def _cut_all(self, number: int) -> None:
        self._log.warning("Told to stop at once: what is left is cut.")
        self._stop_all()
        self._status = STATUS_OF_SIGNALS + number
        latest = time.monotonic() + CUT_SECONDS
        for worker in self._workers.values():
            worker.killed_at = latest if worker.killed_at is None else min(worker.killed_at, latest)
            worker.kill(signal.SIGQUIT)

    # More, fewer, fresh ones.

    def _grow(self) -> None:
        count = len(self._slots)
        if not self._has_started or count >= WORKERS_MAX:
            self._log.warning("No worker can be added now.")
            return
        if len(self._listeners.columns) <= count:
            try:
                self._listeners.widen()
            except ListenError as error:
                self._log.error(f"No worker can be added: {error}")
                return
        slot = Slot(count)
        slot.is_additional = True
        self._slots.append(slot)
        self._log.info(f"Adding a worker; {count + 1} from now on.")
        slot.worker = self._spawn(slot)

    def _shrink(self) -> None:
        if len(self._slots) == 1 or not self._has_started:
            self._log.warning("The last worker stays; TERM ends the server." if self._has_started else "No worker can be taken away now.")
            return
        self._log.info(f"Taking a worker away; {len(self._slots) - 1} from now on.")
        self._drop(self._slots[-1])

    def _drop(self, slot: Slot) -> None:
        """Others take its sockets over first."""
        self._slots.remove(slot)
        slot.respawn_at = None
        if slot in self._to_roll:
            self._to_roll.remove(slot)
        if self._rolling is slot:
            self._rolling = None
        self._retiring += [worker for worker in (slot.worker, slot.successor) if worker is not None and worker.pid in self._workers]
        for each in self._slots:
            if each.worker is not None and not each.worker.columns.issuperset(self._columns(each)) and each not in self._to_roll:
                self._to_roll.append(each)

    def _roll_next(self) -> None:
        if self._rolling is not None or not self._has_started:
            return
        while self._to_roll:
            slot = self._to_roll.pop(0)
            # A slot without a worker gets a fresh one anyway.
            if slot.worker is not None and slot.worker.is_ready:
                slot.successor = self._spawn(slot)
                if slot.successor is None:
                    # Refused; what runs goes on.
                    slot.respawn_at, self._to_roll = None, []
                    return
                self._rolling = slot
                return
        for worker in self._retiring:
            worker.stop(self._stop_seconds)
        self._retiring = []


def _drained(reading: socket.socket) -> bytes:
    try:
        return reading.recv(4096)
    except BlockingIOError:
        return b""
