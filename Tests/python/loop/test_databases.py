"""Drivers of others work on the loop: redis-py and asyncpg, with the real servers."""
from __future__ import annotations

import asyncio
import datetime
import decimal
import os
import uuid
from typing import Iterator

import asyncpg
import pytest
import redis.asyncio as redis

from database_servers import PostgreSQL, Redis
from martlet.loop import Loop


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.close()


# Redis


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_redis_commands(loop: Loop, redis_server: Redis, way: str) -> None:
    async def main() -> None:
        client = redis.Redis(port=redis_server.port) if way == "tcp" else redis.Redis(unix_socket_path=redis_server.socket)
        await client.flushall()
        large = os.urandom(3 << 20)
        assert await client.set("large", large) and await client.get("large") == large
        for _ in range(20):
            await asyncio.gather(*(client.incr("count") for _ in range(50)))
        assert int(await client.get("count")) == 1000
        async with client.pipeline(transaction=True) as pipeline:
            for number in range(500):
                pipeline.rpush("list", number)
            assert await pipeline.execute() == list(range(1, 501))
        assert [int(each) for each in await client.lrange("list", 0, -1)] == list(range(500))
        with pytest.raises(redis.ResponseError):
            await client.incr("large")
        await client.aclose()

    loop.run_until_complete(main())


def test_redis_blocking_and_publishing(loop: Loop, redis_server: Redis) -> None:
    async def main() -> None:
        client = redis.Redis(port=redis_server.port)
        await client.flushall()
        waiting = [asyncio.ensure_future(client.blpop(["queue"], timeout=10)) for _ in range(10)]
        await asyncio.sleep(0.05)
        for number in range(10):
            await client.rpush("queue", number)
        assert sorted(int(item[1]) for item in await asyncio.gather(*waiting)) == list(range(10))
        assert await client.blpop(["empty"], timeout=0.1) is None

        subscription = client.pubsub()
        await subscription.subscribe("news")
        received = []

        async def listen() -> None:
            async for message in subscription.listen():
                if message["type"] == "message":
                    received.append(int(message["data"]))
                    if len(received) == 200:
                        return

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.01)
        for number in range(200):
            await client.publish("news", number)
        await asyncio.wait_for(listening, 10)
        assert received == list(range(200))
        await subscription.aclose()
        await client.aclose()

    loop.run_until_complete(main())


# PostgreSQL


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_postgresql_queries(loop: Loop, postgresql: PostgreSQL, way: str) -> None:
    async def main() -> None:
        host = "127.0.0.1" if way == "tcp" else str(postgresql.directory)
        connection = await asyncpg.connect(host=host, port=postgresql.port, user="martlet", database="postgres")
        await connection.execute("DROP TABLE IF EXISTS things")
        await connection.execute("CREATE TABLE things (number int PRIMARY KEY, name text, price numeric, made timestamptz, key uuid)")
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = [(number, f"thing {number} ✓", decimal.Decimal(number) / 7, now, uuid.uuid4()) for number in range(2000)]
        await connection.copy_records_to_table("things", records=rows)
        assert [tuple(row) for row in await connection.fetch("SELECT * FROM things ORDER BY number")] == rows
        statement = await connection.prepare("SELECT name FROM things WHERE number = $1")
        for number in range(0, 2000, 40):
            assert await statement.fetchval(number) == f"thing {number} ✓"
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await connection.execute("UPDATE things SET name = 'lost'")
                await connection.execute("INSERT INTO things (number) VALUES (1)")
        assert await connection.fetchval("SELECT count(*) FROM things WHERE name = 'lost'") == 0
        async with connection.transaction():
            assert [row["number"] async for row in connection.cursor("SELECT number FROM things ORDER BY 1", prefetch=50)] == list(range(2000))
        assert len(await connection.fetchval("SELECT repeat('x', 5000000)")) == 5_000_000
        await connection.close()

    loop.run_until_complete(main())


def test_postgresql_pool_time_outs_and_notices(loop: Loop, postgresql: PostgreSQL) -> None:
    async def main() -> None:
        options = {"host": "127.0.0.1", "port": postgresql.port, "user": "martlet", "database": "postgres"}
        async with asyncpg.create_pool(min_size=2, max_size=10, **options) as pool:
            assert sum(await asyncio.gather(*(pool.fetchval("SELECT $1::int", number) for number in range(500)))) == sum(range(500))
            with pytest.raises(asyncio.TimeoutError):
                await pool.fetch("SELECT pg_sleep(30)", timeout=0.1)
            slow = asyncio.ensure_future(pool.fetch("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.05)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            assert await pool.fetchval("SELECT 1") == 1

            received: list[str] = []
            complete = loop.create_future()

            def heard(_: object, __: int, ___: str, payload: object) -> None:
                received.append(str(payload))
                if len(received) == 100:
                    complete.set_result(None)

            async with pool.acquire() as listener:
                await listener.add_listener("news", heard)
                for number in range(100):
                    await pool.execute("SELECT pg_notify('news', $1)", str(number))
                await asyncio.wait_for(complete, 10)
                await listener.remove_listener("news", heard)
            assert received == [str(number) for number in range(100)]

    loop.run_until_complete(main())


def test_both_at_once_from_several_tasks(loop: Loop, redis_server: Redis, postgresql: PostgreSQL) -> None:
    async def main() -> None:
        client = redis.Redis(port=redis_server.port)
        await client.flushall()
        pool = await asyncpg.create_pool(
            host="127.0.0.1", port=postgresql.port, user="martlet", database="postgres", min_size=1, max_size=8)

        # redis-py refuses more than a hundred connections.
        some = asyncio.Semaphore(50)

        async def move(number: int) -> None:
            value = await pool.fetchval("SELECT $1::int * 2", number)
            async with some:
                await client.hset("doubled", str(number), str(value))

        await asyncio.gather(*(move(number) for number in range(400)))
        doubled = await client.hgetall("doubled")
        assert {int(key): int(value) for key, value in doubled.items()} == {number: 2 * number for number in range(400)}
        await pool.close()
        await client.aclose()

    loop.run_until_complete(main())
