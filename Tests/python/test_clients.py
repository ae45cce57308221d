"""Real clients, as users have them: curl, httpx, requests and the standard library."""
from __future__ import annotations

import asyncio
import http.client
import random
import subprocess
from pathlib import Path
from typing import Callable

import httpx
import pytest
import requests

from server_process import Server

MEBIBYTE = 1 << 20


def curl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", *arguments], capture_output=True, check=True)


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl(hello: Server, version: str) -> None:
    output = curl(version, "--include", hello.url + "/").stdout
    assert output.startswith(b"HTTP/1.1 200 OK\r\n")
    assert output.endswith(b"\r\n\r\nHello, World!")


def test_curl_keeps_one_connection(hello: Server) -> None:
    result = curl("--write-out", "%{num_connects}", *[f"{hello.url}/"] * 3)
    assert result.stdout == b"Hello, World!1Hello, World!0Hello, World!0"


def test_curl_head(hello: Server) -> None:
    assert b"content-length: 13\r\n" in curl("--head", hello.url + "/").stdout.lower()


@pytest.mark.parametrize("size", [0, 1, 1024, 100 * 1024, 5 * MEBIBYTE])
@pytest.mark.parametrize("framing", [[], ["--header", "Transfer-Encoding: chunked"]], ids=["content-length", "chunked"])
def test_curl_echo(hello: Server, tmp_path: Path, size: int, framing: list[str]) -> None:
    """curl asks for 100-continue by itself when the body is large."""
    body = random.Random(size).randbytes(size)
    (tmp_path / "body").write_bytes(body)
    assert curl(*framing, "--data-binary", f"@{tmp_path / 'body'}", hello.url + "/echo").stdout == body


def test_curl_sendfile(hello: Server, root: Path) -> None:
    assert curl(hello.url + "/sendfile?large.bin").stdout == (root / "large.bin").read_bytes()


def test_curl_unix(server: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server("--bind", "unix:server.sock")
    assert curl("--unix-socket", "server.sock", "http://localhost/").stdout == b"Hello, World!"


@pytest.mark.parametrize("target", ["/", "/json", "/stream", "/later", "/async"])
def test_httpx(hello: Server, target: str) -> None:
    with httpx.Client(base_url=hello.url) as client:
        first, second = client.get(target), client.get(target)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert first.http_version == "HTTP/1.1"


@pytest.mark.parametrize("size", [0, 1, 1024, 100 * 1024, 5 * MEBIBYTE])
def test_httpx_echo(hello: Server, size: int) -> None:
    body = random.Random(size).randbytes(size)
    pieces = [body[start:start + 50_000] for start in range(0, size, 50_000)]
    with httpx.Client(base_url=hello.url) as client:
        assert client.post("/echo", content=body).content == body
        assert client.post("/echo", content=iter(pieces)).content == body


def test_httpx_many_at_once(hello: Server) -> None:
    targets = ["/", "/json", "/later", "/async", "/stream", "/sendfile?small.txt"] * 20

    async def get_all() -> list[int]:
        async with httpx.AsyncClient(base_url=hello.url, timeout=20) as client:
            return [response.status_code for response in await asyncio.gather(*(client.get(target) for target in targets))]

    assert asyncio.run(get_all()) == [200] * len(targets)


def test_httpx_that_stops_reading_a_stream(hello: Server) -> None:
    with httpx.Client(base_url=hello.url) as client:
        for _ in range(10):
            with client.stream("GET", "/sendfile?large.bin") as response:
                next(response.iter_raw(1000))
        assert client.get("/").status_code == 200


def test_requests(hello: Server) -> None:
    with requests.Session() as session:
        assert session.get(hello.url + "/").text == "Hello, World!"
        assert session.get(hello.url + "/json").json() == {"message": "Hello, World!"}
        assert session.post(hello.url + "/echo", data=iter([b"in ", b"pieces"])).content == b"in pieces"
        assert session.head(hello.url + "/").headers["content-length"] == "13"
        assert session.get(hello.url + "/no-such-route").status_code == 404


def test_standard_library(hello: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hello.port, timeout=10)
    for _ in range(3):
        connection.request("POST", "/echo", body=b"again")
        assert connection.getresponse().read() == b"again"
    connection.close()
