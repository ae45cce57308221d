"""Applications: found by `module:attribute`, and told apart by the way they want to be called."""
from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from martlet.application import ApplicationError, as_asgi3, detected, interface_of, load, offers, prepared


async def function(scope: Any, receive: Any, send: Any) -> None: ...


async def with_default(scope: Any, receive: Any, send: Any, extra: int = 0) -> None: ...


async def variadic(*arguments: Any) -> None: ...


def returns_awaitable(scope: Any, receive: Any, send: Any) -> Any: ...


def twice(scope: Any) -> Any: ...


def wsgi(environ: Any, start_response: Any) -> Any: ...


def anything(*arguments: Any) -> Any: ...


def nothing() -> Any: ...


class Instance:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class Awaited:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def __await__(self) -> Any: ...


class Twice:
    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class WSGIInstance:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...


class WSGIClass:
    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Any: ...


class RSGI:
    async def __rsgi__(self, scope: Any, protocol: Any) -> None: ...


class Both(Instance):
    async def __rsgi__(self, scope: Any, protocol: Any) -> None: ...


@functools.wraps(function)
def decorated(*arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)


LOOKS = [
    (function, "asgi3"), (with_default, "asgi3"), (variadic, "asgi3"), (returns_awaitable, "asgi3"), (Instance(), "asgi3"), (Instance().method, "asgi3"),
    (Awaited, "asgi3"), (functools.partial(with_default, extra=1), "asgi3"), (functools.partial(Instance()), "asgi3"), (decorated, "asgi3"),
    (twice, "asgi2"), (Twice, "asgi2"), (wsgi, "wsgi"), (WSGIInstance(), "wsgi"), (WSGIClass, "wsgi"), (RSGI(), "rsgi"), (Both(), "asgi3"),
    (nothing, "factory"), (anything, None), (print, None),
]


@pytest.mark.parametrize(("application", "expected"), LOOKS)
def test_looks(application: object, expected: str | None) -> None:
    assert detected(application) == expected


def test_interface_as_wanted() -> None:
    assert interface_of(anything, "asgi3") == "asgi3"
    assert interface_of(twice, "asgi") == "asgi2"
    assert interface_of(function, "asgi") == "asgi3"
    with pytest.raises(ApplicationError, match="--interface"):
        interface_of(anything)
    with pytest.raises(ApplicationError, match="a module, which cannot be called.*It offers: .*function"):
        interface_of(sys.modules[__name__])


def test_what_is_not_served_yet_is_said() -> None:
    for application in (wsgi, RSGI()):
        with pytest.raises(ApplicationError, match="not served yet"):
            prepared(application)


def test_factory_is_noticed() -> None:
    assert prepared(lambda: function)[1:] == ("asgi3", function)


def test_asgi2_is_called_twice() -> None:
    seen = []

    class Application:
        def __init__(self, scope: dict[str, Any]) -> None:
            seen.append(scope)

        async def __call__(self, receive: Any, send: Any) -> None:
            seen.extend([receive, send])

    shown, interface, wrapped = prepared(Application)
    assert (shown, interface) == ("ASGI 2", "asgi3")
    asyncio.run(wrapped({"type": "http"}, "receive", "send"))
    assert seen == [{"type": "http"}, "receive", "send"]
    assert detected(as_asgi3(Application)) == "asgi3"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A module of its own for each test, found in its directory only."""
    name = f"module_of_{request.node.name}"
    (tmp_path / f"{name}.py").write_text(
        "from pathlib import Path\nimport os\nnumber = 1\nclass Holder:\n    pass\nholder = Holder()\n"
        "async def application(scope, receive, send): ...\nholder.app = application\ndef make():\n    return application\n"
        "def needs(argument): ...\ndef fails():\n    return {}['key']\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return name


def test_load(module: str) -> None:
    found = load(f"{module}:application")
    assert load(f"{module}:holder.app") is found
    assert load(f"{module}:make", factory=True) is found


def test_load_from_another_directory(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    with pytest.raises(ApplicationError, match=r"There is no module '\w+' in / \(--app-dir\)"):
        load(f"{module}:application")
    assert callable(load(f"{module}:application", str(tmp_path)))


def test_factories_that_fail(module: str) -> None:
    with pytest.raises(ApplicationError, match="(?s)called as a factory and failed.*KeyError: 'key'"):
        load(f"{module}:fails", factory=True)
    with pytest.raises(ApplicationError, match="missing 1 required positional argument"):
        load(f"{module}:needs", factory=True)
    with pytest.raises(ApplicationError, match="not callable; leave --factory out"):
        load(f"{module}:number", factory=True)


def test_offers_callables_of_its_own_first(module: str) -> None:
    sentence = offers(sys.modules[load(f"{module}:application").__module__])
    order = [sentence.index(f"{name} (") for name in ("application", "make", "Path", "number")]
    assert order == sorted(order)
    assert "os (" not in sentence


def test_module_is_looked_for_among_what_is_there(module: str) -> None:
    with pytest.raises(ApplicationError, match=f"There is: {module}."):
        load("absent:app")
    with pytest.raises(ApplicationError, match="write module:attribute"):
        load("absent:")
    with pytest.raises(ApplicationError, match="not the name of a module"):
        load(".relative:app")
