"""One route of each kind, for a look at each engine."""
from __future__ import annotations

import asyncio

from connecting import sleep
from files import pathsend
from pushing import flood
from receiving import leaving
from sending import script

from common import Receive, Scope, Send, answer
from common import application as routed


async def threads(scope: Scope, receive: Receive, send: Send) -> None:
    """The loop is woken by another thread."""
    await answer(send, await asyncio.get_running_loop().run_in_executor(None, lambda: "in a thread"))


application = routed(sleep, pathsend, flood, leaving, script, threads)
