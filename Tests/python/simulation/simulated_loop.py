"""A martlet loop over the simulated engine: virtual time, no descriptors, one thread.

The library of `Tools/extension --simulation` is both `martlet._martlet` and `_simulation`; both must come from it before martlet.loop is imported.
"""
from __future__ import annotations

import asyncio
import functools
import importlib.util
import selectors
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]


def load(library: str) -> ModuleType:
    """Makes the library's two modules this process's, and returns `_simulation`."""
    sys.path.insert(0, str(REPOSITORY / "Sources/python"))
    import martlet

    for name in ("martlet._martlet", "_simulation"):
        loader = ExtensionFileLoader(name, library)
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
        loader.exec_module(module)
        sys.modules[name] = module
    martlet._martlet = sys.modules["martlet._martlet"]
    return sys.modules["_simulation"]


class NoDescriptors(selectors.BaseSelector):
    """Stands where asyncio wants a selector. In debug mode asyncio waits here, and so for the engine."""

    def __init__(self, loop: Any) -> None:
        self.loop = loop

    def fileno(self) -> int:
        return 0x7FFF_FFFF

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop._wait(timeout)
        return []

    def register(self, *_: object) -> Any:
        raise AssertionError("a simulation has no descriptors")

    unregister = register

    def get_map(self) -> dict[Any, Any]:
        return {}


@functools.cache
def loop_class(simulation: ModuleType) -> Any:
    """Loops of this class belong to the run that has begun when they are made."""
    from martlet.loop import Loop

    class SimulatedLoop(Loop):
        def __init__(self) -> None:
            simulation.place(self)
            self._poller = NoDescriptors(self)
            asyncio.SelectorEventLoop.__init__(self, self._poller)

        def time(self) -> float:
            return simulation.time()

        def _waking_for_signals(self) -> AbstractContextManager[None]:
            return nullcontext()

        def _make_self_pipe(self) -> None:
            pass

        def _close_self_pipe(self) -> None:
            pass

    return SimulatedLoop
