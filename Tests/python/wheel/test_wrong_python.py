"""An extension module that was built for another Python, or is not there, is refused in a sentence that says what to do."""
from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Callable

import pytest

from interpreters import VERSIONS, Interpreter, builder
from server_process import REPOSITORY


def import_error(interpreter: Interpreter, packages: Path) -> str:
    ended = subprocess.run(
        [interpreter.path, "-c", "import martlet.loop"], env={"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
        timeout=30)
    assert ended.returncode == 1, ended
    return ended.stderr.splitlines()[-1]


def package_without_module(directory: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "Sources/python/martlet", directory / "martlet", ignore=shutil.ignore_patterns("*.so", "__pycache__")))


@pytest.mark.parametrize("running", VERSIONS)
@pytest.mark.parametrize("built", VERSIONS)
def test_other_version(built: str, running: str, make_wheel: Callable[[str], Path], tmp_path: Path) -> None:
    interpreter = builder(running)
    if interpreter is None:
        pytest.skip(f"no Python {running} is installed")
    package = package_without_module(tmp_path)
    with zipfile.ZipFile(make_wheel(built)) as wheel:
        module = next(name for name in wheel.namelist() if name.endswith(".so"))
        name = Path(module).name.replace(f"cpython-{built.replace('.', '')}", f"cpython-{running.replace('.', '')}")
        (package / name).write_bytes(wheel.read(module))
    if built == running:
        subprocess.run([interpreter.path, "-c", "import martlet.loop"], env={"PYTHONPATH": str(tmp_path)}, check=True, timeout=30)
        return
    error = import_error(interpreter, tmp_path)
    tag = f"cpython-{running.replace('.', '')}"
    assert error.startswith(f"ImportError: The extension module of martlet cannot be loaded by this Python ({tag}); install martlet again with its own pip: ")
    # An old module finds all that it needs in a new Python, and then has to look itself.
    if VERSIONS.index(built) < VERSIONS.index(running):
        assert error.endswith(f"was built for Python {built}"), error


def test_no_module(tmp_path: Path) -> None:
    interpreter = next(found for found in map(builder, VERSIONS) if found is not None)
    package_without_module(tmp_path)
    assert "install martlet again with its own pip" in import_error(interpreter, tmp_path)
