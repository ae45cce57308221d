"""What goes wrong between a server and its application."""
from __future__ import annotations

import logging

logger = logging.getLogger("martlet.error")


class ClientDisconnected(OSError):
    """Raised by ``send()`` once the client has gone (ASGI www 2.4). An application may let it pass: it is not logged."""


def report_application_error(error: BaseException) -> None:
    """Logs what an application raised, with its traceback."""
    logger.error("Exception in the ASGI application", exc_info=(type(error), error, error.__traceback__))


def is_disconnect(error: BaseException) -> bool:
    """Whether all that is wrong is that the client has gone. Frameworks wrap that: as a cause, a context, or in groups."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, ClientDisconnected):
            return True
        seen.add(id(current))
        parts = getattr(current, "exceptions", None)
        if isinstance(parts, tuple) and parts and all(isinstance(part, BaseException) and is_disconnect(part) for part in parts):
            return True
        current = current.__cause__ or current.__context__
    return False
