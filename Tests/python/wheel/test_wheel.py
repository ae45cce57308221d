"""What is in a repaired wheel, and that Tools/wheel refuses one that would not run elsewhere."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from server_process import REPOSITORY

PACKAGE = REPOSITORY / "Sources/python/martlet"
VERSION = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(), re.MULTILINE)[1]
CHECK_SECONDS_MAX = 60


def test_version_is_said_once(own_wheel: Path) -> None:
    headings = re.findall(r"^## \[(.+?)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == VERSION
    assert own_wheel.name.split("-")[1] == VERSION


def test_contents(own_wheel: Path) -> None:
    with zipfile.ZipFile(own_wheel) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name and not name.endswith("/")]
    modules = [name for name in names if name.endswith(".so")]
    expected = {f"martlet/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyi") or path.name == "py.typed"}
    assert set(names) - set(modules) == expected
    tag = "cp%d%d" % sys.version_info[:2]
    assert len(modules) == 1 and re.fullmatch(r"martlet/_martlet\.cpython-3\d+-.+\.so", modules[0])
    assert re.fullmatch(rf"martlet-.+-{tag}-{tag}-manylinux_2_\d+_\w+\.whl", own_wheel.name)


def test_metadata(own_wheel: Path) -> None:
    with zipfile.ZipFile(own_wheel) as wheel:
        information = f"martlet-{VERSION}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{information}/METADATA").decode())
        entry_points = wheel.read(f"{information}/entry_points.txt").decode()
    assert entry_points.split() == ["[console_scripts]", "martlet", "=", "martlet.command:main"]
    assert metadata.get_all("Requires-Dist") == ["click>=8", "tomli>=2; python_version < '3.11'"]
    assert (metadata["Requires-Python"], metadata["License-Expression"]) == (">=3.10", "Apache-2.0")


# Wheels that Tools/wheel has to refuse: the C source of the module, what it is linked with, the name of the wheel, further files, and what is said.
MODULE = "__attribute__((visibility(\"default\"))) int PyInit__martlet(void) { return 0; }\n"
GOOD_NAME = "martlet-1-cp313-cp313-manylinux_2_34_x86_64.whl"
REFUSED = {
    "other symbols": (MODULE + "int swift_other(void) { return 0; }\n", [], GOOD_NAME, {}, "shows more than PyInit__martlet"),
    "no symbol": ("static int nothing;\n", [], GOOD_NAME, {}, "shows more than PyInit__martlet, or not that"),
    "needs Swift": (MODULE, ["-Wl,--no-as-needed", "-L{directory}", "-lswiftCore"], GOOD_NAME, {}, "needs libswiftCore.so"),
    "looks elsewhere": (MODULE, ["-Wl,-rpath,/somewhere"], GOOD_NAME, {}, "looks for libraries in a place of its own"),
    "other libraries": (MODULE, [], GOOD_NAME, {"martlet.libs/liburing-1.so.2": b""}, "brings other libraries along"),
    "too new": (MODULE, [], "martlet-1-cp313-cp313-manylinux_2_39_x86_64.whl", {}, "needs glibc 2.39"),
    "not repaired": (MODULE, [], "martlet-1-cp313-cp313-linux_x86_64.whl", {}, "is not a manylinux wheel"),
    "too large": (MODULE, [], GOOD_NAME, {"martlet/large": b"0" * 9_000_000}, "has 90"),
}


def compile_library(source: str, output: Path, *options: str) -> None:
    """With the compiler that is part of Swift."""
    compiler = shutil.which("clang") or str(Path(shutil.which("swift") or "").resolve().parent / "clang")
    flags = ["-shared", "-fPIC", "-nostdlib", "-fuse-ld=lld", *options]
    subprocess.run([compiler, "-x", "c", "-", *flags, "-o", output], input=source, text=True, check=True, timeout=60)


def check(wheel: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REPOSITORY / "Tools/wheel", "--check", wheel], capture_output=True, text=True, timeout=CHECK_SECONDS_MAX)


def made_wheel(directory: Path, source: str, options: list[str], name: str, files: dict[str, bytes]) -> Path:
    # Not what the module is linked with by chance, but a library of that name.
    compile_library("int swift_none;\n", directory / "libswiftCore.so", "-Wl,-soname,libswiftCore.so")
    compile_library(source, directory / "module.so", *[option.format(directory=directory) for option in options])
    with zipfile.ZipFile(directory / name, "w") as wheel:
        wheel.write(directory / "module.so", "martlet/_martlet.cpython-313-x86_64-linux-gnu.so")
        for path, content in {"martlet/py.typed": b"", "martlet/_martlet.pyi": b"", **files}.items():
            wheel.writestr(path, content)
    return directory / name


@pytest.mark.parametrize("case", REFUSED)
def test_check_refuses(case: str, tmp_path: Path) -> None:
    source, options, name, files, sentence = REFUSED[case]
    ended = check(made_wheel(tmp_path, source, options, name, files))
    assert ended.returncode == 1 and sentence in ended.stderr, ended


def test_check_accepts(own_wheel: Path, tmp_path: Path) -> None:
    ended = check(made_wheel(tmp_path, MODULE, [], GOOD_NAME, {}))
    assert ended.returncode == 0, ended
    ended = check(own_wheel)
    assert ended.returncode == 0 and "shows PyInit__martlet only" in ended.stdout, ended
