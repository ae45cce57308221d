"""Signals: handlers of the loop's own, Ctrl-C while the loop waits and just before it does, and whose wake-up descriptor it is."""
from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Callable, Iterator

import pytest

from martlet.loop import Loop, Runner


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    interrupt = signal.getsignal(signal.SIGINT)
    yield
    assert signal.set_wakeup_fd(-1) == -1, "a wake-up descriptor was left behind"
    assert signal.getsignal(signal.SIGINT) is interrupt


def send_later(number: int, seconds: float = 0.05) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


def test_handlers(loop: Loop) -> None:
    seen: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "first")
    loop.add_signal_handler(signal.SIGUSR2, loop.stop)
    send_later(signal.SIGUSR1, 0.02)
    send_later(signal.SIGUSR2, 0.06)
    loop.run_forever()
    assert seen == ["first"]
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert seen == ["first", "first"], "a signal between two runs waits for the next one"
    assert loop.remove_signal_handler(signal.SIGUSR1) and loop.remove_signal_handler(signal.SIGUSR2)
    assert not loop.remove_signal_handler(signal.SIGUSR1)


def test_interrupt_ends_a_wait_without_an_end(loop: Loop) -> None:
    send_later(signal.SIGINT)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert time.monotonic() - started < 5
    assert loop.run_until_complete(asyncio.sleep(0.001, "goes on")) == "goes on"


def test_interrupt_in_run_until_complete(loop: Loop) -> None:
    task = loop.create_task(asyncio.sleep(30))
    send_later(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_interrupt_that_arrives_before_the_wait(loop: Loop) -> None:
    """The kernel ends no wait for a signal that was delivered before it began, on whichever thread."""
    for _ in range(50):
        # Delivered on this thread; Python's handler runs some time later, and the wait may begin before that.
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()


def test_interrupt_delivered_to_another_thread(loop: Loop) -> None:
    """The main thread sleeps in the kernel and notices nothing but the byte in the socket pair."""
    ready = threading.Event()

    def take() -> None:
        ready.wait()
        time.sleep(0.05)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=take)
    thread.start()
    loop.call_soon(ready.set)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert time.monotonic() - started < 5
    thread.join()


def test_interrupts_while_the_loop_is_busy(loop: Loop) -> None:
    """Wherever it strikes, the loop is whole afterwards."""

    async def busy() -> None:
        while True:
            await asyncio.sleep(0)
            await asyncio.sleep(0.0001)

    for round in range(30):
        task = loop.create_task(busy())
        # From inside, so that it cannot strike outside.
        loop.call_soon(send_later, signal.SIGINT, 0.003 + 0.0001 * round)
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, KeyboardInterrupt)):
            loop.run_until_complete(task)


def test_a_handler_of_pythons_that_makes_something_ready(loop: Loop) -> None:
    previous = signal.signal(signal.SIGUSR1, lambda *_: loop.stop())
    send_later(signal.SIGUSR1)
    loop.run_forever()
    signal.signal(signal.SIGUSR1, previous)


def test_removing_the_last_handler_inside_the_loop_leaves_ctrl_c(loop: Loop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.call_soon(loop.remove_signal_handler, signal.SIGUSR1)
    thread = threading.Thread(target=lambda: (time.sleep(0.05), signal.pthread_kill(threading.get_ident(), signal.SIGINT)))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    thread.join()


def test_somebody_elses_wake_up_descriptor_stays(loop: Loop) -> None:
    left, right = socket.socketpair()
    with left, right:
        right.setblocking(False)
        signal.set_wakeup_fd(right.fileno())
        loop.run_until_complete(asyncio.sleep(0.001))
        send_later(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert left.recv(9) == bytes([signal.SIGINT])
        assert signal.set_wakeup_fd(-1) == right.fileno()


def test_a_loop_on_another_thread_leaves_signals_alone(make_loop: Callable[[], Loop]) -> None:
    loop = make_loop()
    seen: list[int] = []

    def run() -> None:
        seen.append(loop.run_until_complete(asyncio.sleep(0.01, 1)))
        with pytest.raises(Exception, match="main thread"):
            loop.add_signal_handler(signal.SIGUSR1, print)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [1]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio's Runner, which cancels the main task, came with Python 3.11")
def test_runner_cancels_the_main_task(engine: str) -> None:
    seen: list[str] = []

    async def main() -> None:
        send_later(signal.SIGINT)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        with Runner(loop_factory=lambda: Loop(engine)) as runner:
            runner.run(main())
    assert seen == ["cancelled"]


def test_ctrl_c_of_a_program(engine: str) -> None:
    program = (
        "import asyncio, martlet, sys\n"
        f"with martlet.Runner(loop_factory=lambda: martlet.Loop({engine!r})) as runner:\n"
        "    print('ready', flush=True)\n"
        "    runner.run(asyncio.sleep(60))\n")
    environment = {**os.environ, "PYTHONPATH": next(path for path in sys.path if path.endswith("Sources/python"))}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
