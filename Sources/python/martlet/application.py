"""Finds the application: `module:attribute` to an object, and how it wants to be called.

What is wrong with the user's module is said in the user's terms: what the module offers, or the traceback of their own code.
"""
from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import logging
import os
import sys
import traceback
from typing import Any, Awaitable, Callable

log = logging.getLogger("martlet.error")

OFFERS_MAX = 12
_PACKAGE = os.path.dirname(os.path.abspath(__file__))
INTERFACES = {"asgi3": "ASGI", "asgi2": "ASGI 2", "wsgi": "WSGI", "rsgi": "RSGI"}
# What the native service can call, by now.
SERVED = ("asgi3", "asgi2")


class ApplicationError(Exception):
    """Sentences that tell why the application cannot be had; perhaps with a traceback of the user's code."""


def load(target: str, app_dir: str = ".", factory: bool = False) -> object:
    """The object behind `module:attribute`. The directory stays on `sys.path`, because applications import later, too."""
    directory = os.path.abspath(app_dir)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    module_name, _, attributes = target.partition(":")
    if not module_name or not attributes:
        raise ApplicationError(f"{target!r} is not an application; write module:attribute, for example main:app.")
    module = _import(module_name, directory)
    found: object = module
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            owner = f"{module_name}" if found is module else f"{module_name}:{attributes.split('.' + attribute)[0]}"
            raise ApplicationError(f"{owner} has no attribute {attribute!r}.{offers(found)}") from None
    return called(found, target) if factory else found


def _import(name: str, directory: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise ApplicationError(_traceback_of(f"{name} could not be imported.", error)) from None
        raise ApplicationError(f"There is no module {error.name!r} in {directory} (--app-dir) or among the installed ones.{_modules(directory)}") from None
    except (ValueError, TypeError) as error:
        if isinstance(error, TypeError) and not name.startswith("."):
            raise ApplicationError(_traceback_of(f"{name} could not be imported.", error)) from None
        if _own_frames(error):
            raise ApplicationError(_traceback_of(f"{name} could not be imported.", error)) from None
        raise ApplicationError(f"{name!r} is not the name of a module; write it with dots, for example package.main:app.") from None
    except Exception as error:
        raise ApplicationError(_traceback_of(f"{name} could not be imported.", error)) from None
    except SystemExit as error:
        raise ApplicationError(_traceback_of(f"{name} ended the process while it was imported.", error)) from None


def called(factory: object, target: str) -> object:
    if not callable(factory):
        raise ApplicationError(f"{target} is not callable; leave --factory out, or name a function that makes the application.")
    try:
        made: object = factory()
    except Exception as error:
        raise ApplicationError(_traceback_of(f"{target} was called as a factory and failed.", error)) from None
    if inspect.iscoroutine(made):
        made.close()
        raise ApplicationError(f"{target} is a coroutine function, or the application itself; a factory (--factory) is a plain function without parameters.")
    return made


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Without the frames of this package and of the import system, which tell the user nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith(("<frozen ", _PACKAGE + os.sep)) and f"{os.sep}importlib{os.sep}" not in frame.filename]


def _traceback_of(sentence: str, error: BaseException) -> str:
    lines = [sentence, "Traceback (most recent call last):\n" + "".join(traceback.format_list(_own_frames(error))).rstrip("\n")]
    if not _own_frames(error):
        lines.pop()
    lines.append("".join(traceback.format_exception_only(type(error), error)).rstrip("\n"))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines.append(f"Because of {type(cause).__name__}: {cause}")
    return "\n".join(lines)


def offers(owner: object) -> str:
    """What could have been meant: callables first, what the module has made itself before what it has imported."""
    names = [name for name in vars(owner) if not name.startswith("_")] if hasattr(owner, "__dict__") else []
    ranked = []
    for position, name in enumerate(names):
        value = getattr(owner, name, None)
        if inspect.ismodule(value):
            continue
        imported = getattr(value, "__module__", None) not in (None, getattr(owner, "__name__", None)) and (inspect.isclass(value) or inspect.isfunction(value))
        ranked.append((not callable(value), imported, position, f"{name} ({_what(value)})"))
    shown = [text for *_, text in sorted(ranked)]
    if not shown:
        return " It offers nothing."
    more = f", and {len(shown) - OFFERS_MAX} more" if len(shown) > OFFERS_MAX else ""
    return f" It offers: {', '.join(shown[:OFFERS_MAX])}{more}."


def _what(value: object) -> str:
    if callable(value):
        interface = detected(value)
        if interface in INTERFACES:
            return INTERFACES[interface]
        if inspect.isclass(value):
            return "a class"
        return "a function" if inspect.isroutine(value) else _article(value)
    return f"{_article(value)}, not callable"


def _modules(directory: str) -> str:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return " The directory cannot be read."
    names = [entry.name[:-3] for entry in entries if entry.name.endswith(".py") and entry.name[:-3].isidentifier() and entry.name != "__init__.py"]
    names += [entry.name for entry in entries if entry.is_dir() and os.path.exists(os.path.join(entry.path, "__init__.py"))]
    if not names:
        return " There are no modules in that directory."
    return f" There is: {', '.join(names[:OFFERS_MAX])}{', …' if len(names) > OFFERS_MAX else ''}."


def interface_of(application: object, wanted: str = "auto") -> str:
    """One of "asgi3", "asgi2", "wsgi", "rsgi"; as wanted, or by the looks of the application."""
    if wanted == "asgi":
        return "asgi2" if detected(application) == "asgi2" else "asgi3"
    if wanted != "auto":
        return wanted
    if not callable(application) and not hasattr(application, "__rsgi__"):
        hint = offers(application) if inspect.ismodule(application) else ""
        raise ApplicationError(f"The application is {_article(application)}, which cannot be called; name the application itself.{hint}")
    found = detected(application)
    if found == "factory":
        raise ApplicationError("The application takes no parameters, but is not a function that makes one; name the application itself.")
    if found is None:
        raise ApplicationError("It cannot be seen from the application's parameters how to call it; say --interface asgi3, asgi2, wsgi or rsgi.")
    return found


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def detected(application: object) -> str | None:
    """By what can be called with how many parameters; "factory" for none, None where that is not clear."""
    if inspect.isclass(application) and not hasattr(application, "__await__"):
        # An instance is made for each request: of the scope (ASGI 2), or of environ and start_response (WSGI).
        parameters = _counts(application)
        if 1 in parameters and _is_asynchronous_call(application, bound=False):
            return "asgi2"
        if 2 in parameters and hasattr(application, "__iter__"):
            return "wsgi"
        return "factory" if parameters == {0} else None
    parameters = _counts(application)
    if 3 in parameters and (_is_asynchronous_call(application) or parameters.isdisjoint({1, 2})):
        return "asgi3"
    if hasattr(application, "__rsgi__"):
        return "rsgi"
    if len(parameters & {1, 2, 3}) != 1:
        return "factory" if parameters == {0} else None
    if _is_asynchronous_call(application):
        return None
    return "wsgi" if 2 in parameters else "asgi2"


def _counts(application: object) -> set[int]:
    """With how many positional arguments, of up to three, it can be called."""
    try:
        signature = inspect.signature(application)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return set()
    possible = set()
    for count in range(4):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        possible.add(count)
    return possible


def _is_asynchronous_call(application: object, bound: bool = True) -> bool:
    """Whether calling it, or with `bound` False calling an instance of this class, gives a coroutine."""
    while isinstance(application, functools.partial):
        application = application.func
    if not bound:
        return inspect.iscoroutinefunction(getattr(application, "__call__", None))
    if inspect.isclass(application):
        return hasattr(application, "__await__")
    call = application if inspect.isroutine(application) else getattr(type(application), "__call__", None)
    # `inspect` knows the mark of `markcoroutinefunction` from 3.12 on, asgiref and asyncio's own one before.
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(application) or hasattr(application, "_is_coroutine")


Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def as_asgi3(application: Callable[[dict[str, Any]], Callable[[Receive, Send], Awaitable[None]]]) -> Application:
    """ASGI 2 calls the application twice."""

    async def called_twice(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        instance = application(scope)
        await instance(receive, send)

    return called_twice


def prepared(application: Any, wanted: str = "auto") -> tuple[str, str, Any]:
    """How users call its interface, how the native service does, and what that calls."""
    if wanted == "auto" and callable(application) and detected(application) == "factory":
        log.warning("The application takes no parameters, so it is called as a factory; say --factory to make that plain.")
        application = called(application, "The application")
    interface = interface_of(application, wanted)
    if interface not in SERVED:
        raise ApplicationError(f"The application is {INTERFACES[interface]}, which is not served yet; Martlet serves ASGI by now.")
    if interface == "asgi2":
        return INTERFACES[interface], "asgi3", as_asgi3(application)
    return INTERFACES[interface], interface, application
