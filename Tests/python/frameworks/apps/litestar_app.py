"""Litestar."""
from __future__ import annotations

import asyncio
from typing import Any

from litestar import Litestar, Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Response, Stream
from litestar.static_files import create_static_files_router
from shared import STATIC_DIRECTORY, count_async_request, digest, events, events_forever, failing_pieces, note, pieces, sync_pieces, thread_facts
from typing_extensions import Annotated


@get("/json")
async def json() -> dict[str, Any]:
    return {"hello": "world"}


@post("/json", status_code=200)
async def json_echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@post("/form", status_code=200)
async def form(request: Request) -> dict[str, Any]:
    data = await request.form()
    return {"name": data["name"], "tags": data.getall("tag")}


@post("/upload", status_code=200, request_max_body_size=None)
async def upload(data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)]) -> dict[str, Any]:
    return await asyncio.to_thread(digest, data.filename, data.file)


@get("/stream")
async def stream(count: int, size: int) -> Stream:
    return Stream(pieces(count, size))


@get("/stream-sync", sync_to_thread=True)
def stream_sync() -> Stream:
    return Stream(sync_pieces(100))


@get("/events")
async def events_route() -> Stream:
    return Stream(events(3), media_type="text/event-stream")


@get("/forever")
async def forever(key: str) -> Stream:
    return Stream(events_forever(key), media_type="text/event-stream")


@post("/background", status_code=200)
async def background(key: str) -> Response[str]:
    async def work() -> None:
        await asyncio.sleep(0.05)
        note(key, "done")

    return Response("accepted", background=BackgroundTask(work), media_type="text/plain")


@get("/fail")
async def fail() -> None:
    raise RuntimeError("failed before the start")


@get("/fail-later")
async def fail_later() -> Stream:
    return Stream(failing_pieces())


@get("/sync", sync_to_thread=True)
def sync() -> dict[str, Any]:
    return thread_facts()


@get("/async")
async def async_() -> dict[str, Any]:
    return count_async_request()


application = Litestar([
    json, json_echo, form, upload, stream, stream_sync, events_route, forever, background, fail, fail_later, sync, async_,
    create_static_files_router("/static", directories=[STATIC_DIRECTORY]),
])
