"""What every web application does: JSON, forms, uploads, static files, middleware and background work, through httpx and curl."""
from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import httpx
import pytest

from application_server import ApplicationServer
from raw_http import Connection, post

UPLOAD_BYTES = 50 << 20
CURL = ["curl", "--silent", "--show-error", "--fail", "--max-time", "30", "--noproxy", "*"]
WITHOUT_BACKGROUND_TASKS = {"django"}


def curl(*arguments: str) -> bytes:
    return subprocess.run([*CURL, *arguments], check=True, capture_output=True, timeout=40).stdout


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("upload") / "upload.bin"
    file.write_bytes(hashlib.shake_256(b"upload").digest(1 << 20) * (UPLOAD_BYTES >> 20))
    return file


def test_json(client: httpx.Client) -> None:
    for _ in range(3):
        assert client.get("/json").json() == {"hello": "world"}
    data = {"text": "é€🐦", "numbers": list(range(1000)), "nested": {"null": None}}
    assert client.post("/json", json=data).json() == data


def test_large_json(client: httpx.Client) -> None:
    data = {"text": "x" * 1_000_000}
    assert client.post("/json", json=data).json() == data


def test_large_json_on_one_connection(served: ApplicationServer) -> None:
    """Frameworks say the length of a body that is whole: nothing is a reason to close then."""
    data = json.dumps({"text": "x" * 100_000}).encode()
    with Connection(served.address) as connection:
        for _ in range(5):
            response = connection.request(post(data, "Content-Type: application/json", target="/json"))
            assert (response.status, json.loads(response.body)) == (200, json.loads(data))
            assert not response.closes


def test_form(client: httpx.Client) -> None:
    assert client.post("/form", data={"name": "a b&c=é", "tag": ["1", "2"]}).json() == {"name": "a b&c=é", "tags": ["1", "2"]}


def test_query_and_headers_arrive(client: httpx.Client) -> None:
    body = client.get("/stream", params={"count": 3, "size": 4}).content
    assert body == b"0,..1,..2,.."


@pytest.mark.parametrize("via", ["httpx", "curl", "curl that expects to be told to go on"])
def test_upload(served: ApplicationServer, client: httpx.Client, upload: Path, via: str) -> None:
    before = served.resident_bytes
    expected = {"name": "upload.bin", "size": UPLOAD_BYTES, "sha256": hashlib.sha256(upload.read_bytes()).hexdigest()}
    if via == "httpx":
        with upload.open("rb") as file:
            assert client.post("/upload", files={"file": ("upload.bin", file)}).json() == expected
    else:
        options = ["--header", "Expect: 100-continue"] if "expects" in via else ["--header", "Expect:"]
        output = curl(*options, "--form", f"file=@{upload}", f"{served.url}/upload")
        assert httpx.Response(200, content=output).json() == expected
    # Litestar keeps the whole of it in memory while it parses.
    assert served.resident_bytes - before < 3 * UPLOAD_BYTES


@pytest.mark.parametrize("name", ["small.txt", "empty.txt", "large.bin"])
def test_static_file(served: ApplicationServer, client: httpx.Client, files: Path, name: str) -> None:
    expected = (files / name).read_bytes()
    response = client.get(f"/static/{name}")
    assert (response.status_code, response.content) == (200, expected)
    assert curl(f"{served.url}/static/{name}") == expected
    assert client.head(f"/static/{name}").content == b""


def test_static_file_not_modified(framework: str, client: httpx.Client) -> None:
    first = client.get("/static/small.txt")
    conditions = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    fields = {target: first.headers[source] for source, target in conditions.items() if source in first.headers}
    if framework == "litestar":
        # It sends both fields, but answers with the file.
        assert client.get("/static/small.txt", headers=fields).content == first.content
        return
    again = client.get("/static/small.txt", headers=fields)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/json").json() == {"hello": "world"}


def test_static_file_that_is_not_there(client: httpx.Client) -> None:
    assert client.get("/static/missing").status_code == 404
    assert client.get("/no/such/route").status_code == 404


def test_background_task(framework: str, served: ApplicationServer, client: httpx.Client, key: str) -> None:
    """It runs after the answer is out. Django has none of its own."""
    if framework in WITHOUT_BACKGROUND_TASKS:
        assert client.post(f"/background?key={key}").status_code == 404
        return
    assert client.post(f"/background?key={key}").text == "accepted"
    assert served.note(key) == "done"


def test_curl_keeps_its_connection(served: ApplicationServer) -> None:
    output = subprocess.run([*CURL, "--verbose", *[f"{served.url}/json"] * 5], check=True, capture_output=True, timeout=40)
    assert output.stdout.replace(b" ", b"").count(b'{"hello":"world"}') == 5
    assert output.stderr.count(b"Re-using existing connection") == 4
