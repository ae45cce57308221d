"""Starlette."""
from __future__ import annotations

import asyncio
from typing import Any

from shared import STATIC_DIRECTORY, count_async_request, digest, events, events_forever, failing_pieces, note, pieces, sync_pieces, thread_facts
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


class AddField(BaseHTTPMiddleware):
    """The middleware that reads and sends through tasks of its own."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        response.headers["x-middleware"] = "seen"
        return response


async def json(request: Request) -> Response:
    return JSONResponse(await request.json() if request.method == "POST" else {"hello": "world"})


async def form(request: Request) -> Response:
    data = await request.form()
    return JSONResponse({"name": data["name"], "tags": data.getlist("tag")})


async def upload(request: Request) -> Response:
    async with request.form() as data:
        file = data["file"]
        return JSONResponse(await asyncio.to_thread(digest, file.filename, file.file))


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces(int(request.query_params["count"]), int(request.query_params["size"])))


async def stream_sync(request: Request) -> Response:
    return StreamingResponse(sync_pieces(100))


async def events_route(request: Request) -> Response:
    return StreamingResponse(events(3), media_type="text/event-stream")


async def forever(request: Request) -> Response:
    return StreamingResponse(events_forever(request.query_params["key"]), media_type="text/event-stream")


async def background(request: Request) -> Response:
    async def work() -> None:
        await asyncio.sleep(0.05)
        note(request.query_params["key"], "done")

    return PlainTextResponse("accepted", background=BackgroundTask(work))


async def fail(request: Request) -> Response:
    raise RuntimeError("failed before the start")


async def fail_later(request: Request) -> Response:
    return StreamingResponse(failing_pieces())


def sync(request: Request) -> Response:
    return JSONResponse(thread_facts())


async def async_(request: Request) -> Response:
    return JSONResponse(count_async_request())


async def until_disconnected(request: Request) -> Response:
    key = request.query_params["key"]
    note(key, "started")
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    note(key, "ended")
    return PlainTextResponse("")


routes = [
    Route("/json", json, methods=["GET", "POST"]), Route("/form", form, methods=["POST"]), Route("/upload", upload, methods=["POST"]),
    Route("/stream", stream), Route("/stream-sync", stream_sync), Route("/events", events_route), Route("/forever", forever),
    Route("/background", background, methods=["POST"]), Route("/fail", fail), Route("/fail-later", fail_later), Route("/sync", sync),
    Route("/async", async_), Route("/until-disconnected", until_disconnected), Mount("/static", StaticFiles(directory=STATIC_DIRECTORY)),
]
application = Starlette(routes=[*routes, Mount("/middleware", Starlette(routes=routes, middleware=[Middleware(AddField), Middleware(GZipMiddleware)]))])
