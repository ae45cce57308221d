"""martlet-load: what it counts is what the server says, what it measures is what a user would have felt."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from raw_http import Connection, get
from scripted_server import ScriptedServer
from server_process import REPOSITORY, Server

PROGRAM = Path(os.environ.get("MARTLET_LOAD") or REPOSITORY / ".build/release/martlet-load")
RUN_SECONDS_MAX = 30
RATE_ERROR_MAX = 0.02
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Result:
    status: int
    figures: dict
    stderr: str


Load = Callable[..., Result]


def run(*options: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS_MAX,
        env={**os.environ, **(environment or {})},
    )


@pytest.fixture
def load(engine: str) -> Load:
    def start(*options: str) -> Result:
        ended = run("--engine", engine, "--json", *options)
        return Result(ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr)

    return start


# Counts


def expect_one_more(counting: Server) -> None:
    """The server ends by itself after so many answers: one more than it has given."""
    time.sleep(0.05)
    assert counting.is_running
    with Connection(counting.address) as connection:
        connection.request(get("/"))
    assert counting.wait() == 0
    # It has ended as it was told to, which is no fault.
    counting.kill()


@pytest.mark.parametrize(("connections", "depth", "requests"), [(1, 1, 1), (1, 1, 500), (7, 1, 1000), (16, 8, 5003), (64, 1, 20)])
def test_sends_exactly_so_many(server: Callable[..., Server], load: Load, connections: int, depth: int, requests: int) -> None:
    counting = server("--exit-after", str(requests + 1), "--cores", "0")
    result = load("-c", str(connections), "-p", str(depth), "-n", str(requests), counting.url)
    assert result.status == 0, result
    assert result.figures["answers"] == requests
    assert result.figures["statuses"] == {"200": requests}
    assert result.figures["error_count"] == 0
    expect_one_more(counting)


def test_open_loop_sends_exactly_so_many(server: Callable[..., Server], load: Load) -> None:
    counting = server("--exit-after", "301", "--cores", "0")
    result = load("-c", "4", "-n", "300", "--rate", "2000", counting.url)
    assert (result.status, result.figures["answers"]) == (0, 300)
    expect_one_more(counting)


def test_duration_and_warmup(hello: Server, load: Load) -> None:
    started = time.monotonic()
    result = load("-c", "4", "-d", "0.4", "--warmup", "0.2", hello.url)
    assert 0.6 <= time.monotonic() - started < 2
    assert result.status == 0
    assert 0.39 < result.figures["seconds"] < 0.6
    assert result.figures["warmup_answers"] > 0
    assert result.figures["answers"] == result.figures["statuses"]["200"]
    assert result.figures["requests_per_second"] == pytest.approx(result.figures["answers"] / result.figures["seconds"], rel=0.001)
    assert result.figures["bytes_received"] > 13 * result.figures["answers"]


# Open loop


@pytest.mark.parametrize("rate", [500, 5000])
def test_rate_is_kept(hello: Server, load: Load, rate: int) -> None:
    result = load("-c", "16", "-d", "1", "--rate", str(rate), hello.url)
    assert result.status == 0
    assert result.figures["answers"] == rate
    assert result.figures["requests_per_second"] == pytest.approx(rate, rel=RATE_ERROR_MAX)


def test_stall_is_not_hidden(server: Callable[..., Server], load: Load) -> None:
    """A server that stands still for 300 ms: the requests due in that time waited, although most had not been sent."""
    stalling = server()

    def stall() -> None:
        time.sleep(0.5)
        os.kill(stalling.pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(stalling.pid, signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    result = load("-c", "4", "-d", "1.5", "--rate", "1000", stalling.url)
    thread.join()
    due, sent = result.figures["latency"], result.figures["latency_since_sent"]
    assert result.status == 0
    assert result.figures["answers"] == 1500
    assert due["p99.9"] > 250_000
    assert due["p90"] > 50_000
    assert sent["p50"] < 20_000
    assert sent["p99"] < 50_000


def test_backlog_is_counted_and_bounded(load: Load) -> None:
    with ScriptedServer(None) as silent:
        started = time.monotonic()
        result = load("-c", "2", "-d", "0.5", "--rate", "200", "--timeout", "0.3", silent.url)
    assert time.monotonic() - started < 5
    assert result.status == 1
    errors = result.figures["errors"]
    assert errors["unsent"] > 0 and errors["timeout"] > 0
    assert errors["unsent"] + errors["timeout"] == 100


# Requests


@pytest.mark.parametrize("options", [["--body-bytes", "0"], ["--body-bytes", "100000"], ["--body-bytes", "40000", "--chunked"]], ids=" ".join)
def test_bodies(hello: Server, load: Load, options: list[str]) -> None:
    result = load("-c", "4", "-p", "2", "-n", "100", *options, "--expect-body-bytes", options[1], hello.url + "/echo")
    assert (result.status, result.figures["answers"], result.figures["error_count"]) == (0, 100, 0), result


def test_body_from_file(hello: Server, load: Load, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\0\r\n\r\n" * 1000)
    result = load("-n", "10", "-c", "2", "--method", "PUT", "--header", "X-A: b", "--body", str(file), "--expect-body-bytes", "5000", hello.url + "/echo")
    assert (result.status, result.figures["answers"]) == (0, 10), result


@pytest.mark.parametrize(("options", "path", "status"), [(["--method", "HEAD"], "/", "200"), ([], "/empty", "204"), ([], "/stream", "200")])
def test_answers_of_each_framing(hello: Server, load: Load, options: list[str], path: str, status: str) -> None:
    result = load("-n", "50", "-c", "3", "-p", "4", *options, hello.url + path)
    assert result.status == 0
    assert result.figures["statuses"] == {status: 50}


def test_large_answers(load: Load) -> None:
    body = bytes(range(256)) * 4096
    with ScriptedServer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as scripted:
        result = load("-n", "40", "-c", "4", "--expect-body-bytes", str(len(body)), scripted.url)
    assert (result.status, result.figures["answers"]) == (0, 40), result
    assert result.figures["bytes_received"] > 40 * len(body)


def test_status_of_400_is_an_error(hello: Server, load: Load) -> None:
    result = load("-n", "5", "-c", "1", hello.url + "/absent")
    assert result.status == 1
    assert result.figures["statuses"] == {"404": 5}
    assert result.figures["errors"]["status"] == 5


def test_body_of_another_size_is_an_error(hello: Server, load: Load) -> None:
    result = load("-n", "5", "-c", "1", "--expect-body-bytes", "12", hello.url)
    assert (result.status, result.figures["errors"]["wrong_length"]) == (1, 5)


# Connections


@pytest.mark.parametrize("depth", [1, 3])
def test_requests_per_connection(hello: Server, load: Load, depth: int) -> None:
    result = load("-n", "100", "-c", "4", "-p", str(depth), "--requests-per-connection", "5", hello.url)
    assert result.status == 0
    assert result.figures["answers"] == 100
    assert 20 <= result.figures["connections_opened"] <= 24


def test_server_that_closes_after_some(server: Callable[..., Server], load: Load) -> None:
    limited = server("--limit-requests", "3", "--cores", "0")
    result = load("-n", "500", "-c", "4", "-p", "4", limited.url)
    assert (result.status, result.figures["answers"], result.figures["error_count"]) == (0, 500, 0), result
    assert result.figures["resent"] > 0
    assert result.figures["connections_opened"] >= 500 / 3


def test_unix_socket(server: Callable[..., Server], load: Load, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    unix = server("--bind", f"unix:{path}")
    result = load("-n", "100", "-c", "4", "--path", "/bytes?77", "--expect-body-bytes", "77", unix.url)
    assert (result.status, result.figures["answers"]) == (0, 100), result


def test_many_connections(hello: Server, load: Load) -> None:
    result = load("-n", "3000", "-c", "700", hello.url)
    assert (result.status, result.figures["answers"], result.figures["connections_opened"]) == (0, 3000, 700), result


def test_no_server(load: Load) -> None:
    with ScriptedServer(OK) as gone:
        url = gone.url
    result = load("-n", "10", url)
    assert result.status == 1
    assert "Connection refused" in result.stderr and len(result.stderr.splitlines()) == 1


def test_server_that_ends(server: Callable[..., Server], load: Load) -> None:
    ending = server()
    timer = threading.Timer(0.5, ending.kill)
    timer.start()
    started = time.monotonic()
    result = load("-c", "4", "-d", "20", "--timeout", "0.5", ending.url)
    assert time.monotonic() - started < 5
    assert result.status == 1
    assert result.figures["answers"] > 0
    assert result.figures["errors"]["connect"] > 0
    assert result.figures["errors"]["reset"] + result.figures["errors"]["closed_early"] > 0


# Answers, right and wrong


@pytest.mark.parametrize(("answer", "closes"), [
    (OK, False),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, False),
    (b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\nA: b\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\n\r\nok", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", False),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", True),
])
@pytest.mark.parametrize("piece", [1 << 20, 1, 7])
def test_right_answers(load: Load, answer: bytes, closes: bool, piece: int) -> None:
    with ScriptedServer(answer, closes, piece) as scripted:
        result = load("-n", "12", "-c", "3", "--expect-body-bytes", "2", scripted.url)
        assert (result.status, result.figures["answers"], scripted.requests) == (0, 12, 12), result


@pytest.mark.parametrize(("answer", "closes", "error"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", False, "protocol"),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", False, "protocol"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", False, "protocol"),
    (OK + b"more", False, "protocol"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False, "protocol"),
    (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 40_000, False, "protocol"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", True, "closed_early"),
    (b"HTTP/1.1 200 OK\r\nContent-Le", True, "closed_early"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", True, "closed_early"),
    (b"", True, "closed_early"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", False, "timeout"),
    (None, False, "timeout"),
])
def test_wrong_answers(load: Load, answer: bytes | None, closes: bool, error: str) -> None:
    with ScriptedServer(answer, closes) as scripted:
        result = load("-n", "4", "-c", "2", "--timeout", "0.3", scripted.url)
    assert result.status == 1
    assert result.figures["errors"][error] > 0
    assert sum(result.figures["errors"].values()) == result.figures["errors"][error], result
    assert ("first_fault" in result.figures) == (error == "protocol")


def test_reset(load: Load) -> None:
    with ScriptedServer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", resets=True) as scripted:
        result = load("-n", "4", "-c", "2", scripted.url)
    assert result.status == 1
    assert result.figures["errors"]["reset"] == 4, result


# Allocation

COUNTER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static unsigned long calls;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
void *malloc(size_t size) { __atomic_add_fetch(&calls, 1, 5); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { __atomic_add_fetch(&calls, 1, 5); return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { __atomic_add_fetch(&calls, 1, 5); return __libc_realloc(old, size); }
int posix_memalign(void **to, size_t alignment, size_t size) {
    __atomic_add_fetch(&calls, 1, 5);
    return (*to = __libc_memalign(alignment, size)) ? 0 : 12;
}
void *aligned_alloc(size_t alignment, size_t size) { __atomic_add_fetch(&calls, 1, 5); return __libc_memalign(alignment, size); }
__attribute__((destructor)) static void tell(void) { fprintf(stderr, "allocations: %lu\\n", calls); }
"""


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("clang")
    if not compiler:
        pytest.fail("there is no C compiler: Tools/setup installs one")
    directory = tmp_path_factory.mktemp("counter")
    (directory / "counter.c").write_text(COUNTER)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", directory / "counter.so", directory / "counter.c"], check=True)
    return str(directory / "counter.so")


@pytest.mark.parametrize("options", [[], ["-p", "8"], ["--rate", "20000"], ["--requests-per-connection", "50"]], ids=lambda options: " ".join(options))
def test_requests_allocate_nothing(hello: Server, engine: str, counter: str, options: list[str]) -> None:
    def allocations(requests: int) -> int:
        ended = run("--engine", engine, "-c", "8", "-n", str(requests), *options, hello.url, environment={"LD_PRELOAD": counter})
        assert ended.returncode == 0, ended
        return int(ended.stderr.rsplit("allocations: ", 1)[1])

    # Beside the requests there is the report, whose numbers have more or fewer digits.
    assert abs(allocations(10_000) - allocations(1_000)) < 50


# The command line


@pytest.mark.parametrize(("options", "words"), [
    ([], ["URL"]),
    (["http://192.0.2.1:80/"], ["192.0.2.1:80", "--remote"]),
    (["https://127.0.0.1/"], ["TLS", "http://"]),
    (["http://example.org/"], ["example.org", "not looked up"]),
    (["-c", "0", "http://127.0.0.1:1/"], ["--connections", "0"]),
    (["-c", "1000000", "http://127.0.0.1:1/"], ["--connections", "ulimit"]),
    (["-c", "100000", "-p", "1000", "http://127.0.0.1:1/"], ["--connections", "--pipeline"]),
    (["--body", "/absent/file", "http://127.0.0.1:1/"], ["--body", "/absent/file"]),
    (["--header", "no colon", "http://127.0.0.1:1/"], ["--header", "no colon"]),
    (["--header", "Content-Length: 1", "http://127.0.0.1:1/"], ["--header", "content-length"]),
    (["--method", "G T", "http://127.0.0.1:1/"], ["--method", "G T"]),
    (["--core", "65000", "http://127.0.0.1:1/"], ["--core", "65000"]),
    (["--engine", "kqueue", "http://127.0.0.1:1/"], ["--engine", "kqueue"]),
    (["--wrong", "http://127.0.0.1:1/"], ["--wrong"]),
])
def test_wrong_options(options: list[str], words: list[str]) -> None:
    ended = run(*options)
    assert (ended.returncode, ended.stdout) == (2, "")
    sentences = ended.stderr.splitlines()
    assert len(sentences) == 1 and sentences[0].endswith(".")
    for word in words:
        assert word in sentences[0]


def test_report_for_people(hello: Server) -> None:
    ended = run("-n", "100", "-c", "2", hello.url)
    assert ended.returncode == 0
    for word in ("closed loop, 2 connections", "requests/s", "p99.99", "answers      200: 100", "generator    busy"):
        assert word in ended.stdout


def test_help() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    assert "--rate" in ended.stdout
