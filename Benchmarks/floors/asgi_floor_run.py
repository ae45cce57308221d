"""asgi_floor_run.py BUILT PORT MODE MODULE:ATTRIBUTE: serves the application by the ASGI floor, which asgi_floor.c explains. BUILT is where the module is."""
from __future__ import annotations

import importlib
import selectors
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])
import asgi_floor  # noqa: E402

TASK = 2


class RingSelector(selectors.BaseSelector):
    """Lets an asyncio loop wait on the floor's ring. It watches for reading only: the one who asks is the loop's own wake-up."""

    def __init__(self) -> None:
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if events != selectors.EVENT_READ:
            raise ValueError("the floor watches for reading only")
        asgi_floor.watch(fileobj)
        return self._keys.setdefault(fileobj, selectors.SelectorKey(fileobj, fileobj, events, data))

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        readable = asgi_floor.turn(timeout)
        return [(self._keys[fileobj], selectors.EVENT_READ) for fileobj in readable if fileobj in self._keys]

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys


def main() -> None:
    port, mode = int(sys.argv[2]), int(sys.argv[3])
    module, _, attribute = sys.argv[4].partition(":")
    if mode == TASK:
        import asyncio

        loop = asyncio.SelectorEventLoop(RingSelector())
        asyncio.set_event_loop(loop)
        asgi_floor.serve(port, mode, getattr(importlib.import_module(module), attribute), loop)
        loop.run_forever()
    else:
        asgi_floor.serve(port, mode, getattr(importlib.import_module(module), attribute), None)
        while True:
            asgi_floor.turn(None)


main()
