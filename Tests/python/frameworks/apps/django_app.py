"""Django, as one file: settings, views and the ASGI application."""
from __future__ import annotations

import asyncio
import json as json_module
from typing import Any

import django
from django.conf import settings
from shared import STATIC_DIRECTORY, count_async_request, digest, events, events_forever, failing_pieces, note, pieces, sync_pieces, thread_facts

settings.configure(
    ALLOWED_HOSTS=["*"], DEBUG=False, ROOT_URLCONF=__name__, SECRET_KEY="for tests only", STATIC_URL="/static/", STATICFILES_DIRS=[STATIC_DIRECTORY],
    INSTALLED_APPS=["django.contrib.staticfiles"], MIDDLEWARE=["django.middleware.common.CommonMiddleware"], USE_TZ=True,
    LOGGING={"version": 1, "disable_existing_loggers": False, "handlers": {"console": {"class": "logging.StreamHandler"}},
             "loggers": {"django": {"handlers": ["console"], "level": "ERROR"}}},
)
django.setup()

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


async def json(request: HttpRequest) -> HttpResponse:
    return JsonResponse(json_module.loads(request.body) if request.method == "POST" else {"hello": "world"})


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": request.POST["name"], "tags": request.POST.getlist("tag")})


def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    return JsonResponse(digest(file.name, file))


async def stream(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(pieces(int(request.GET["count"]), int(request.GET["size"])))


def stream_sync(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(sync_pieces(100))


async def events_view(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(events(3), content_type="text/event-stream")


async def forever(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(events_forever(request.GET["key"]), content_type="text/event-stream")


async def waits(request: HttpRequest) -> HttpResponse:
    """Django cancels a view whose client leaves."""
    key = request.GET["key"]
    note(key, "started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note(key, "cancelled")
        raise
    return HttpResponse()


async def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("failed before the start")


async def fail_later(request: HttpRequest) -> HttpResponse:
    return StreamingHttpResponse(failing_pieces())


def sync(request: HttpRequest) -> HttpResponse:
    return JsonResponse(thread_facts())


async def async_(request: HttpRequest) -> HttpResponse:
    return JsonResponse(count_async_request())


urlpatterns: list[Any] = [
    path("json", json), path("form", form), path("upload", upload), path("stream", stream), path("stream-sync", stream_sync), path("events", events_view),
    path("forever", forever), path("fail", fail), path("fail-later", fail_later), path("sync", sync), path("async", async_), path("waits", waits),
]
application = ASGIStaticFilesHandler(get_asgi_application())
