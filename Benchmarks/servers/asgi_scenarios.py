"""What is asked of the servers of ASGI applications."""
from __future__ import annotations

from .application import ApplicationScenario
from .scenario import HELLO_BODY, Group

ITEM = "/items/7?name=martlet"

SCENARIOS = [
    ApplicationScenario("hello-64", Group.HELLO, "GET of 13 bytes, 64 connections", 64, answer=HELLO_BODY),
    ApplicationScenario("body-1k", Group.BODIES, "GET of 1,024 bytes, 64 connections", 64, body_size=1 << 10, application="plain:body_1k"),
    ApplicationScenario("body-10k", Group.BODIES, "GET of 10,240 bytes, 64 connections", 64, body_size=10 << 10, application="plain:body_10k"),
    ApplicationScenario(
        "stream-64k", Group.BODIES, "GET of 65,536 bytes in 16 pieces, chunked, 64 connections", 64, body_size=64 << 10,
        application="plain:stream", is_chunked=True,
    ),
    ApplicationScenario(
        "pathsend-50k", Group.BODIES, "GET of a file of 51,200 bytes, 64 connections", 64, body_size=50 << 10, application="plain:file_by_path", is_file=True
    ),
    ApplicationScenario(
        "echo-10k", Group.ECHO, "POST of 10,240 bytes, echoed piece by piece, 64 connections", 64, body_size=10 << 10, application="plain:echo"
    ),
    ApplicationScenario(
        # Few connections, because what is under way when a load ends has cost the server and is not counted.
        "upload-1m", Group.ECHO, "POST of 1,048,576 bytes, counted, 8 connections", 8, body_size=1 << 20, application="plain:upload", answer=b"1048576"
    ),
    ApplicationScenario(
        "sleep-512", Group.SLEEP, "GET of 13 bytes after 10 ms of awaited sleep, 512 connections", 512, application="plain:sleep", answer=HELLO_BODY
    ),
    ApplicationScenario(
        "fastapi", Group.FRAMEWORKS, "FastAPI: path and query validated, JSON, 64 connections", 64, application="fastapi_json:application", target=ITEM,
        answer=b'{"item":7,"name":"martlet","tags":["a","b"],"price":12.5}',
    ),
    ApplicationScenario(
        "django", Group.FRAMEWORKS, "Django: an asynchronous view, JSON, 64 connections", 64, application="django_view:application", target=ITEM,
        answer=b'{"item": 7, "name": "martlet", "tags": ["a", "b"], "price": 12.5}',
    ),
]
