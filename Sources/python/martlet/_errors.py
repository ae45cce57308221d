"""What goes wrong between a server and its application."""
from __future__ import annotations

import logging

logger = logging.getLogger("martlet.error")


class ClientDisconnected(OSError):
    """Raised by ``send()`` once the client has gone (ASGI www 2.4). An application may let it pass: it is not logged."""


def report_application_error(error: BaseException) -> None:
    """Logs what an application raised, with its traceback."""
    logger.error("Exception in the ASGI application", exc_info=(type(error), error, error.__traceback__))
