"""FastAPI: a validated path and query, answered with JSON."""
from __future__ import annotations

from typing import Any

from common_fields import ADDED
from fastapi import FastAPI, Response

application = FastAPI()


@application.get("/items/{item}")
async def read_item(item: int, name: str, response: Response) -> dict[str, Any]:
    for field, value in ADDED:
        response.headers[field] = value
    return {"item": item, "name": name, "tags": ["a", "b"], "price": 12.5}
