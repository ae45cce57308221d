"""FastAPI."""
from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated, Any, AsyncIterator, Iterator

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from shared import STATIC_DIRECTORY, count_async_request, digest, events, events_forever, failing_pieces, note, pieces, sync_pieces, thread_facts


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"greeting": "world"}
    note("lifespan", "ended")


application = FastAPI(lifespan=lifespan)
application.mount("/static", StaticFiles(directory=STATIC_DIRECTORY))


@application.get("/json")
async def json(request: Request) -> dict[str, Any]:
    return {"hello": request.state.greeting}


@application.post("/json")
async def json_echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@application.post("/form")
async def form(name: Annotated[str, Form()], tag: Annotated[list[str], Form()]) -> dict[str, Any]:
    return {"name": name, "tags": tag}


@application.post("/upload")
async def upload(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    return await asyncio.to_thread(digest, file.filename or "", file.file)


@application.get("/stream")
async def stream(count: int, size: int) -> StreamingResponse:
    return StreamingResponse(pieces(count, size))


@application.get("/stream-sync")
def stream_sync() -> StreamingResponse:
    return StreamingResponse(sync_pieces(100))


@application.get("/events")
async def events_route() -> StreamingResponse:
    return StreamingResponse(events(3), media_type="text/event-stream")


@application.get("/forever")
async def forever(key: str) -> StreamingResponse:
    return StreamingResponse(events_forever(key), media_type="text/event-stream")


@application.post("/background")
async def background(key: str, tasks: BackgroundTasks) -> PlainTextResponse:
    async def work() -> None:
        await asyncio.sleep(0.05)
        note(key, "done")

    tasks.add_task(work)
    return PlainTextResponse("accepted")


@application.get("/fail")
async def fail() -> None:
    raise RuntimeError("failed before the start")


@application.get("/fail-later")
async def fail_later() -> StreamingResponse:
    return StreamingResponse(failing_pieces())


def first_dependency() -> Iterator[str]:
    """Begins and ends in a thread."""
    yield "a"


def second_dependency(first: Annotated[str, Depends(first_dependency)]) -> str:
    return first + "b"


@application.get("/sync")
def sync(dependency: Annotated[str, Depends(second_dependency)]) -> dict[str, Any]:
    assert dependency == "ab"
    return thread_facts()


@application.get("/async")
async def async_() -> dict[str, Any]:
    return count_async_request()
