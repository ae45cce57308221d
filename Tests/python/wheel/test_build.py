"""Building from source: what is said where something is missing, and what is left behind."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from installation import BUILD_SECONDS_MAX, checked
from server_process import REPOSITORY

EXTENSION = REPOSITORY / "Tools/extension"
# What the script itself calls, and git, by which the hook finds what belongs to the source.
PROGRAMS = ("bash", "cat", "cp", "dirname", "env", "git", "grep", "mkdir", "mv", "tee")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH without Swift."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in PROGRAMS:
        (directory / name).symlink_to(shutil.which(name) or name)
    return directory


def build(environ: dict[str, str], output: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([EXTENSION, sys.executable, output], env=environ, capture_output=True, text=True, timeout=60)


def test_without_swift(programs: Path, tmp_path: Path) -> None:
    ended = build({"PATH": str(programs)}, tmp_path / "output")
    assert ended.returncode == 1
    assert "swift is not on the PATH. Install Swift 6.2 or later" in ended.stderr and "swift.org" in ended.stderr


def test_pip_without_swift(programs: Path, own_wheel: Path, tmp_path: Path) -> None:
    """pip shows the sentence, and no traceback. The tools of the build are there since the wheel was made."""
    python = REPOSITORY / ".build/wheel" / ("tools-%d.%d" % sys.version_info[:2]) / "bin/python"
    ended = subprocess.run(
        [python, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPOSITORY], env={"PATH": str(programs)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    assert ended.returncode == 1
    assert "swift is not on the PATH" in ended.stdout and "The extension module of Martlet was not built" in ended.stdout, ended.stdout
    assert "Traceback" not in ended.stdout, ended.stdout


@pytest.mark.parametrize("complaint", [
    "shim.h:8:10: error: 'liburing.h' file not found", "error: could not build C module 'CUring'", "ld.lld: error: unable to find library -l:liburing.a",
])
def test_without_liburing(complaint: str, programs: Path, tmp_path: Path) -> None:
    """As the compiler and the linker complain of it, found by taking it away."""
    swift = programs / "swift"
    swift.write_text(f"#!/bin/sh\necho \"{complaint}\"\nexit 1\n")
    swift.chmod(0o755)
    ended = build({"PATH": str(programs)}, tmp_path / "output")
    assert ended.returncode == 1 and complaint in ended.stdout
    assert "liburing is not there for the compiler" in ended.stderr and "apt-get install liburing-dev" in ended.stderr


@pytest.mark.parametrize(("change", "sentence"), [
    ("sysconfig.get_path = lambda *_: '/absent/include'", "The headers of {python} are not there (no Python.h in /absent/include). On Debian: apt-get"),
    ("known = sysconfig.get_config_var; sysconfig.get_config_var = lambda name: 1 if name == 'Py_GIL_DISABLED' else known(name)", "without the GIL"),
    ("sysconfig.get_config_var = None", "does not say how extensions are built for it"),
])
def test_unsuitable_interpreter(change: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sysconfig\n{change}\n")
    ended = build({**os.environ, "PYTHONPATH": str(tmp_path)}, tmp_path / "output")
    assert ended.returncode == 1 and sentence.format(python=sys.executable) in ended.stderr, ended
    assert not (tmp_path / "output").exists()


def git_status() -> str:
    return subprocess.run(["git", "status", "--porcelain", "--ignored"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def test_second_build_is_short_and_leaves_nothing(own_wheel: Path, tmp_path: Path) -> None:
    before = git_status()
    interpreter = Path(sys.base_prefix) / "bin" / ("python%d.%d" % sys.version_info[:2])
    checked(REPOSITORY / "Tools/wheel", "--output", tmp_path, interpreter, seconds=100)
    assert (tmp_path / own_wheel.name).is_file()
    assert git_status() == before
    log = (REPOSITORY / ".build" / ("python-%d.%d" % sys.version_info[:2]) / "log").read_text()
    assert "complete!" in log and "Compiling" not in log, log


@pytest.fixture(scope="session")
def sdist(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made with the tools that have made the wheel."""
    directory = tmp_path_factory.mktemp("sdist")
    python = REPOSITORY / ".build/wheel" / ("tools-%d.%d" % sys.version_info[:2]) / "bin/python"
    subprocess.run([python, "-m", "hatchling", "build", "-t", "sdist", "-d", directory], cwd=REPOSITORY, check=True, capture_output=True, timeout=100)
    return next(directory.glob("martlet-*.tar.gz"))


def test_source_distribution(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ["Package.swift", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Tools/extension", "Tools/hatch_build.py", "Tools/wheel", "PKG-INFO"]
    for path in (*needed, "Sources/MartletPython/exports.txt", "Sources/python/martlet/_martlet.pyi", "Tests/MartletBytesTests/ASCIITests.swift"):
        assert path in names, path
    assert [name for name in names if name.endswith((".so", ".pyc", ".o")) or name.startswith((".build", ".venv", "dist/"))] == []


def package_files(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith("/")}


@pytest.mark.long
def test_source_distribution_builds(sdist: Path, own_wheel: Path, tmp_path: Path) -> None:
    """As pip does where there is no wheel: unpacked somewhere, and with an isolated environment."""
    # Without the cache: pip would take the wheel of an earlier run that had its files in the same place.
    checked(sys.executable, "-m", "pip", "wheel", "--no-cache-dir", "--no-deps", "--wheel-dir", tmp_path, sdist, seconds=BUILD_SECONDS_MAX)
    with zipfile.ZipFile(next(tmp_path.glob("martlet-*.whl"))) as built, zipfile.ZipFile(own_wheel) as wheel:
        assert package_files(built) == package_files(wheel)
