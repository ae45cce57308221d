"""Quart."""
from __future__ import annotations

import asyncio
from typing import Any

from quart import Quart, Response, request
from shared import STATIC_DIRECTORY, count_async_request, digest, events, events_forever, failing_pieces, note, pieces, sync_pieces, thread_facts

UPLOAD_BYTES_MAX = 1 << 30

application = Quart(__name__, static_folder=STATIC_DIRECTORY, static_url_path="/static")
application.config["MAX_CONTENT_LENGTH"] = UPLOAD_BYTES_MAX
# Streams here may last as long as their clients.
application.config["RESPONSE_TIMEOUT"] = None


@application.get("/json")
async def json() -> dict[str, Any]:
    return {"hello": "world"}


@application.post("/json")
async def json_echo() -> Any:
    return await request.get_json()


@application.post("/form")
async def form() -> dict[str, Any]:
    data = await request.form
    return {"name": data["name"], "tags": data.getlist("tag")}


@application.post("/upload")
async def upload() -> dict[str, Any]:
    file = (await request.files)["file"]
    return await asyncio.to_thread(digest, file.filename, file.stream)


@application.get("/stream")
async def stream() -> Response:
    return Response(pieces(int(request.args["count"]), int(request.args["size"])))


@application.get("/stream-sync")
async def stream_sync() -> Response:
    return Response(sync_pieces(100))


@application.get("/events")
async def events_route() -> Response:
    return Response(events(3), content_type="text/event-stream")


@application.get("/forever")
async def forever() -> Response:
    return Response(events_forever(request.args["key"]), content_type="text/event-stream")


@application.get("/waits")
async def waits() -> str:
    """Quart cancels a handler whose client leaves."""
    key = request.args["key"]
    note(key, "started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note(key, "cancelled")
        raise
    return ""


@application.post("/background")
async def background() -> str:
    async def work(key: str) -> None:
        await asyncio.sleep(0.05)
        note(key, "done")

    application.add_background_task(work, request.args["key"])
    return "accepted"


@application.get("/fail")
async def fail() -> str:
    raise RuntimeError("failed before the start")


@application.get("/fail-later")
async def fail_later() -> Response:
    return Response(failing_pieces())


@application.get("/sync")
def sync() -> dict[str, Any]:
    return thread_facts()


@application.get("/async")
async def async_() -> dict[str, Any]:
    return count_async_request()
