"""Martlet serves Python web applications on io_uring.

    martlet module:application          from a shell
    martlet.run("module:application")   from Python

Everything is imported when it is first used: the supervisor of several workers, and whoever only asks for the version, never loads the native module.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._errors import ClientDisconnected
    from .loop import Loop, Runner, new_event_loop
    from .starting import run

__version__ = "0.1.0"
__all__ = ["ClientDisconnected", "Loop", "Runner", "__version__", "new_event_loop", "run"]

_HOMES = {
    "ClientDisconnected": "._errors",
    "Loop": ".loop",
    "Runner": ".loop",
    "new_event_loop": ".loop",
    "run": ".starting",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
