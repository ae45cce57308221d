"""Sync endpoints: they run in a pool that is used again, and are served while async ones are busy."""
from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from application_server import ApplicationServer
from raw_http import Connection, get

REQUESTS = 1000
CLIENTS = 10
# anyio's pool has 40, asyncio's some more than there are cores; Django makes one for each request in flight.
THREADS_ALIVE_MAX = 64
POOLED = {"fastapi", "starlette", "quart", "litestar"}
BESIDE_REQUESTS = 60
# How many async requests may be answered while one sync request waits: where threads do not get the interpreter's lock, it would be all of them.
OVERTAKEN_MAX = 3000


def asked(server: ApplicationServer, target: str, count: int) -> list[dict[str, int]]:
    with Connection(server.address) as connection:
        return [json.loads(connection.request(get(target)).body) for _ in range(count)]


def test_sync_endpoints_use_the_pool(framework: str, served: ApplicationServer) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        facts = [fact for part in pool.map(lambda _: asked(served, "/sync", REQUESTS // CLIENTS), range(CLIENTS)) for fact in part]
    assert len(facts) == REQUESTS
    assert not any(fact["is_main"] for fact in facts)
    assert max(fact["alive"] for fact in facts) <= THREADS_ALIVE_MAX
    if framework in POOLED:
        assert len({fact["thread"] for fact in facts}) <= THREADS_ALIVE_MAX


def test_sync_endpoints_beside_async_load(served: ApplicationServer) -> None:
    done = threading.Event()

    def load() -> None:
        with Connection(served.address) as connection:
            while not done.is_set():
                connection.send(get("/async") * 20)
                for _ in range(20):
                    connection.response()

    overtaken = []
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load) for _ in range(4)]
        try:
            with Connection(served.address) as connection, Connection(served.address) as counting:
                before = json.loads(counting.request(get("/async")).body)["count"]
                for _ in range(BESIDE_REQUESTS):
                    connection.request(get("/sync"))
                    count = json.loads(counting.request(get("/async")).body)["count"]
                    overtaken.append(count - before)
                    before = count
        finally:
            done.set()
        for each in loads:
            each.result()
    overtaken.sort()
    print(f"async requests answered during a sync one: median {overtaken[len(overtaken) // 2]}, second most {overtaken[-2]}")
    assert sum(overtaken) > BESIDE_REQUESTS, "there was no load"
    assert overtaken[-2] <= OVERTAKEN_MAX
