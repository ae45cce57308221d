"""Several workers: one for each processor, replaced when they die, rolled, added and taken away, and always stopped by their supervisor."""
from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Callable

import pytest

from martlet_process import APPS, Martlet, run_martlet
from raw_http import Connection, get
from test_serving import ask

StartMartlet = Callable[..., Martlet]
PROCESSORS = sorted(os.sched_getaffinity(0))
SUPERVISOR_KILOBYTES_MAX = 8192


def state_of(pid: int) -> str:
    """As `ps` shows it; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    return state_of(pid) not in ("", "Z")


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {seconds} s"
        time.sleep(0.02)


def answering(running: Martlet, connections: int = 40) -> Counter[int]:
    """Which processes answer, and how often."""
    return Counter(ask(running)["pid"] for _ in range(connections))


def test_every_worker_answers(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    workers = running.workers
    assert len(workers) == 2
    assert running.pid not in workers
    assert set(answering(running)) == set(workers)
    assert "2 workers" in running.output
    assert running.output.count("istening on") == 1
    assert running.stop() == 0
    assert not any(is_alive(pid) for pid in workers)
    assert running.output.count("application stops") == 2


@pytest.mark.skipif(len(PROCESSORS) < 2, reason="this machine has one processor")
def test_each_has_a_processor_of_its_own(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", "--pin")
    assert sorted(list(os.sched_getaffinity(pid)) for pid in running.workers) == [[processor] for processor in PROCESSORS[:2]]
    assert sorted(os.sched_getaffinity(running.pid)) == PROCESSORS
    free = martlet("plain:app", "--workers", "2", "--no-pin")
    assert all(sorted(os.sched_getaffinity(pid)) == PROCESSORS for pid in free.workers)


def test_number_from_the_environment(martlet: StartMartlet) -> None:
    assert len(martlet("plain:app", environ={"WEB_CONCURRENCY": "3"}).workers) == 3


def test_supervisor_is_small(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    modules = Path(f"/proc/{running.pid}/maps").read_text()
    assert "_martlet" not in modules
    assert "_asyncio" not in modules
    rollup = Path(f"/proc/{running.pid}/smaps_rollup").read_text()
    assert int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0]) <= SUPERVISOR_KILOBYTES_MAX


def test_dead_worker_is_replaced(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    victim, other = running.workers
    os.kill(victim, signal.SIGKILL)
    running.wait_for_output(rf"pid {victim}\) was ended by SIGKILL; another is started at once")
    running.wait_for_output(r"Worker 1 \(pid \d+\) is ready")
    assert victim not in running.workers
    assert len(running.workers) == 2
    assert set(answering(running)) == set(running.workers)


def test_connections_wait_for_the_successor(martlet: StartMartlet) -> None:
    """The sockets belong to the supervisor, so nobody is refused, and what waits in a dead worker's queue is answered by the next one."""
    running = martlet("plain:app", "--workers", "2")
    for pid in running.workers:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(state_of(pid) == "T" for pid in running.workers))
    connections = [Connection(running.address) for _ in range(30)]
    for connection in connections:
        connection.send(get("/"))
    before = running.workers
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert {connection.response().status for connection in connections} == {200}
    for connection in connections:
        connection.socket.close()
    assert set(running.workers).isdisjoint(before)


def test_exit_status_is_reported(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    with Connection(running.address) as connection:
        connection.send(get("/exit?7"))
        running.wait_for_output("ended with status 7; another is started at once")
    running.wait_for_output(r"is ready")


def test_worker_that_dies_again_and_again_is_given_time(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    for attempt in range(3):
        running.wait_for_output("is ready", attempt)
        os.kill(running.workers[0] if attempt == 0 else max(running.workers), signal.SIGKILL)
        running.wait_for_output("was ended by SIGKILL", attempt + 1)
    assert "another is started in 0.5 s" in running.output
    assert "another is started in 1 s" in running.output


@pytest.mark.parametrize(("target", "words"), [
    ("plain:cannot_start", "the database is away"), ("broken:app", "LookupError: there is no database here"), ("plain:absent", "no attribute 'absent'"),
])
def test_start_that_fails_stops_everything(engine: str, target: str, words: str) -> None:
    started = time.monotonic()
    result = run_martlet(target, "--workers", "2", "--port", "0", "--engine", engine)
    assert result.returncode == 1
    assert result.stderr.count(words) == 1
    assert "A worker cannot start" in result.stderr
    assert time.monotonic() - started < 10


def test_successor_that_cannot_start_stops_everything(martlet: StartMartlet, tmp_path: Path) -> None:
    running = martlet("plain:starts_once", "--app-dir", str(APPS), "--workers", "2", directory=tmp_path)
    (tmp_path / "stop").touch()
    running.signal(signal.SIGCONT)
    os.kill(running.workers[0], signal.SIGKILL)
    assert running.wait(10) == 1
    assert "the database is away" in running.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_requests_in_flight_are_finished(martlet: StartMartlet, number: int) -> None:
    running = martlet("plain:app", "--workers", "2")
    connections = [Connection(running.address) for _ in range(10)]
    for connection in connections:
        connection.send(get("/slow?1"))
    time.sleep(0.3)
    running.signal(number)
    assert {connection.response().status for connection in connections} == {200}
    for connection in connections:
        connection.socket.close()
    assert running.wait(6) == 0


def test_interrupt_of_the_terminal_reaches_the_supervisor_only(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", launcher=["setsid"])
    groups = {os.getpgid(pid) for pid in running.workers}
    assert os.getpgid(running.pid) not in groups
    running.signal(0)
    os.killpg(os.getpgid(running.pid), signal.SIGINT)
    assert running.wait(5) == 0
    assert running.output.count("application stops") == 2


def test_bound_of_the_stop(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", "--timeout-graceful-shutdown", "1")
    with Connection(running.address) as connection:
        connection.send(get("/never"))
        time.sleep(0.3)
        started = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait(8) == 0
        assert 0.8 < time.monotonic() - started < 5


def test_second_interrupt_ends_now(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    workers = running.workers
    with Connection(running.address) as connection:
        connection.send(get("/never"))
        time.sleep(0.3)
        running.signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.is_running
        running.signal(signal.SIGINT)
        assert running.wait(4) == 128 + signal.SIGINT
    assert not any(is_alive(pid) for pid in workers)


def test_worker_that_hangs_is_killed(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", "--timeout-graceful-shutdown", "0.5")
    os.kill(running.workers[0], signal.SIGSTOP)
    running.signal(signal.SIGTERM)
    assert running.wait(12) == 1
    assert "did not stop in time and is killed" in running.output


def test_workers_stop_when_the_supervisor_has_gone(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2")
    workers = running.workers
    running.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in workers))
    running.wait_for_output("The supervisor has gone", 2)


class Load(threading.Thread):
    """Asks on fresh connections, one after the other, and keeps what went wrong."""

    def __init__(self, address: object) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._ending = threading.Event()
        self.faults: list[str] = []
        self.answers = 0
        self.start()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                with Connection(self._address) as connection:
                    status = connection.request(get("/")).status
                if status != 200:
                    self.faults.append(str(status))
                self.answers += 1
            except Exception as error:
                self.faults.append(repr(error))

    @staticmethod
    def end(loads: list[Load]) -> None:
        for load in loads:
            load._ending.set()
        for load in loads:
            load.join(15)
        assert [fault for load in loads for fault in load.faults] == []
        assert all(load.answers > 0 for load in loads)


def test_rolling_replaces_every_worker_and_loses_nobody(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", "--no-access-log")
    before = running.workers
    loads = [Load(running.address) for _ in range(4)]
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(running.workers) == 2 and set(running.workers).isdisjoint(before), 20)
    Load.end(loads)
    assert set(answering(running)) == set(running.workers)


def test_rolling_to_what_cannot_start_keeps_the_old_ones(martlet: StartMartlet, tmp_path: Path) -> None:
    running = martlet("plain:starts_once", "--app-dir", str(APPS), "--workers", "2", directory=tmp_path)
    before = running.workers
    (tmp_path / "stop").touch()
    running.process.send_signal(signal.SIGHUP)
    running.wait_for_output("goes on instead")
    wait_until(lambda: running.workers == before)
    assert set(answering(running)) == set(before)


def test_one_more_one_less(martlet: StartMartlet) -> None:
    running = martlet("plain:app", "--workers", "2", "--no-access-log")
    running.process.send_signal(signal.SIGTTIN)
    running.wait_for_output(r"Worker 3 \(pid \d+\) is ready")
    assert len(running.workers) == 3
    assert set(answering(running, 80)) == set(running.workers)
    loads = [Load(running.address) for _ in range(2)]
    for left in (2, 1):
        running.process.send_signal(signal.SIGTTOU)
        wait_until(lambda left=left: len(running.workers) == left, 20)
    Load.end(loads)
    running.process.send_signal(signal.SIGTTOU)
    running.wait_for_output("The last worker stays")
    assert set(answering(running)) == set(running.workers)
    running.process.send_signal(signal.SIGTTIN)
    wait_until(lambda: len(running.workers) == 2)
    running.wait_for_output(r"Worker 2 \(pid \d+\) is ready", 1)
    assert running.stop() == 0


def test_unix_socket_is_shared(martlet: StartMartlet, tmp_path: Path) -> None:
    running = martlet("plain:app", "--uds", "a.sock", "--workers", "2", "--app-dir", str(APPS), directory=tmp_path)
    path = str(tmp_path / "a.sock")
    assert {ask(running, address=path)["pid"] for _ in range(20)} <= set(running.workers)
    assert running.stop() == 0
    assert not Path(path).exists()


def test_descriptor_is_shared(martlet: StartMartlet) -> None:
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        running = martlet("plain:app", "--fd", str(given.fileno()), "--workers", "2", descriptors=[given.fileno()])
        assert running.port == given.getsockname()[1]
    assert ask(running)["pid"] in running.workers


def test_log_set_up_by_the_user(martlet: StartMartlet, tmp_path: Path) -> None:
    (tmp_path / "log.ini").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=mine\n[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[handler_out]\nclass=StreamHandler\nformatter=mine\nargs=(sys.stdout,)\n[formatter_mine]\nformat=mine %(name)s %(message)s\n")
    running = martlet("plain:app", "--workers", "2", "--log-config", str(tmp_path / "log.ini"))
    ask(running)
    assert running.stop() == 0
    assert "mine martlet.error Martlet 0." in running.output
    assert 'mine martlet.access 127.0.0.1' in running.output


def test_run_with_workers(martlet: StartMartlet, engine: str) -> None:
    running = martlet(script=f"import martlet\nmartlet.run('plain:app', port=0, workers=2, engine={engine!r})\nprint('run has returned')")
    assert set(answering(running)) == set(running.workers)
    assert running.stop() == 0
    assert "run has returned" in running.output
