"""Requests that make the application send given messages: `get(script(key, start(), body(b"x")))`."""
from __future__ import annotations

from typing import Any
from urllib.parse import quote

from application_server import ApplicationServer
from raw_http import Connection, Response, get

Message = dict[str, Any]


def script(key: str, *messages: object, route: str = "script") -> str:
    return f"/{route}?" + quote(repr((key, messages)), safe="")


def start(status: object = 200, headers: object = (), **others: object) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers, **others}


def body(data: object = b"", **others: object) -> Message:
    return {"type": "http.response.body", "body": data, **others}


def more(data: object) -> Message:
    return body(data, more_body=True)


def run(server: ApplicationServer, target: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Every byte of the answer, on a connection that the server closes afterwards."""
    with Connection(server.address) as connection:
        connection.send(get(target, "Connection: close", *fields, method=method, version=version))
        return connection.rest()


def asked(server: ApplicationServer, target: str, *fields: str, method: str = "GET", version: str = "1.1") -> Response:
    """The answer, and that the connection serves another request afterwards, or says that it does not and closes."""
    with Connection(server.address) as connection:
        response = connection.request(get(target, *fields, method=method, version=version))
        if response.closes or version == "1.0":
            connection.seconds_until_closed()
        else:
            assert connection.request(get("/hello")).body == b"hello"
        return response
