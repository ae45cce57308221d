"""Django: one asynchronous view behind CommonMiddleware, answered with JSON. Settings and application are in this one file."""
from __future__ import annotations

import django
from common_fields import ADDED
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"], DEBUG=False, ROOT_URLCONF=__name__, SECRET_KEY="only measured", USE_TZ=True, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


async def read_item(request: HttpRequest, item: int) -> JsonResponse:
    return JsonResponse({"item": item, "name": request.GET["name"], "tags": ["a", "b"], "price": 12.5}, headers=dict(ADDED))


urlpatterns = [path("items/<int:item>", read_item)]
application = get_asgi_application()
