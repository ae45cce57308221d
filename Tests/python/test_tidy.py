"""Tools/tidy: each rule fires on a small bad tree, and a good tree passes."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TIDY = Path(__file__).resolve().parents[2] / "Tools/tidy"

GOOD = {
    "Package.swift": "// swift-tools-version: 6.2\nimport PackageDescription\n",
    "README.md": "# Good\n[tests](Tests/a.py#top), [web](https://example.org/page/x), `[no](link)`\n\n```\n[no](link)\n```\n",
    "Sources/MartletBytes/Bytes.swift": "import Swift\nfunc a() {}\n",
    "Sources/MartletHTTP/HTTP.swift": "@_exported public import MartletBytes\ninternal import Synchronization\n",
    "Sources/MartletHTTP1/Parser.swift": "import MartletBytes\npackage import MartletHTTP\n",
    "Sources/MartletEngine/Engine.swift": "import Glibc\npackage import MartletBytes\nimport struct CUring.io_uring\n",
    "Sources/Martlet/Text.swift": '// import Foundation, try! as! fatalError(\nlet a = "try! \\("as!") fatalError("\n/* import /* nested */ Dispatch */\n',
    "Sources/Martlet/Raw.swift": 'let a = #"\\"# ; let b = """\nimport Foundation\n"""\nlet c = maybe as? Int\n',
    "Sources/Martlet/Protocol.swift": "protocol P {\n    func a()\n    init()\n}\n" + "// \n" * 90 + "struct S {\n}\n",
    "Tests/MartletTests/T.swift": "func t() { fatalError() }\n",
    "Tests/a.py": "def a() -> None:\n    pass\n",
    "Tests/fixtures/cgroup/a": "0::/\n",
    "Tools/run": "#!/bin/sh\n",
}


def swift_function(lines: int) -> str:
    return "struct S {\n    func long(\n        a: Int\n    ) -> Int {\n" + "        // {\n" * (lines - 4) + "    }\n}\n"


def python_function(lines: int) -> str:
    return "def long():\n" + "    a = 1\n" * (lines - 1)


# rule, path, text, line. The forbidden words are put together here so that this file is tidy itself.
BAD = [
    ("import-not-allowed", "Sources/MartletBytes/A.swift", "\nimport Glibc\n", 2),
    ("import-not-allowed", "Sources/MartletHTTP/A.swift", "internal import Glibc\n", 1),
    ("import-not-allowed", "Sources/MartletHTTP1/A.swift", "public import Glibc\n", 1),
    ("import-not-allowed", "Sources/MartletHTTP1/A.swift", "@_exported public import MartletEngine\n", 1),
    ("import-not-allowed", "Sources/MartletHTTP1/A.swift", "package import MartletTLS\n", 1),
    ("import-not-allowed", "Sources/MartletSimulation/A.swift", "@testable import Martlet\n", 1),
    ("import-not-allowed", "Sources/MartletEngine/A.swift", "#if true\n  import func MartletHTTP.a\n#endif\n", 2),
    ("import-not-allowed", "Sources/martlet-hello/main.swift", "@preconcurrency import MartletEngine\n", 1),
    ("import-unknown-module", "Sources/MartletNew/A.swift", "import Martlet\n", 1),
    ("import-banned", "Sources/Martlet/A.swift", "import Foundation\n", 1),
    ("import-banned", "Sources/Martlet/A.swift", "@_implementationOnly import Dispatch\n", 1),
    ("unsafe-flags", "Package.swift", "let a = ." + "unsafe" + "Flags([])\n", 1),
    ("unchecked", "Tools/run", "#!/bin/sh\nswiftc -O" + "unchecked\n", 2),
    ("leftover", "Sources/Martlet/A.swift", "// FIX" + "ME: later\n", 1),
    ("leftover", "Tests/a.py", "# TO" + "DO\n", 1),
    ("leftover", "README.md", "XX" + "X\n", 1),
    ("trap", "Sources/Martlet/A.swift", "let a = try! b()\n", 1),
    ("trap", "Sources/Martlet/A.swift", "let a = b as! C\n", 1),
    ("trap", "Sources/Martlet/A.swift", '/* " */\nfatalError("no")\n', 2),
    ("file-length", "Sources/Martlet/A.swift", "//\n" * 501, 501),
    ("file-length", "Tests/a.py", "#\n" * 501, 501),
    ("line-length", "Sources/Martlet/A.swift", "//\n//" + "a" * 159 + "\n", 2),
    ("line-length", "Tools/run", "#!/usr/bin/env python3\n#" + "a" * 160 + "\n", 2),
    ("function-length", "Sources/Martlet/A.swift", swift_function(71), 2),
    ("function-length", "Tests/a.py", python_function(71), 1),
    ("python-syntax", "Tests/a.py", "def (:\n", 1),
    ("build-output", "Package.resolved", "{}\n", 1),
    ("build-output", "Tests/__pycache__/a.pyc", "x", 1),
    ("build-output", ".build/release/a", "x", 1),
    ("machine-path", "README.md", "see /wo" + "rk/shared\n", 1),
    ("machine-path", "Tools/run", "#!/bin/sh\ncd /ho" + "me/someone/x\n", 2),
    ("machine-path", "Tests/fixtures/cgroup/a", "/ro" + "ot/x\n", 1),
    ("markdown-link", "README.md", "a\n[b](absent.md)\n", 2),
    ("markdown-link", "README.md", "[b]: absent.md\n", 1),
    ("markdown-link", "README.md", "![b](/Tests/a.py)\n", 1),
    ("not-executable", "Tools/other", "#!/bin/sh\n", 1),
]


def tidy(root: Path, tree: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for path, text in tree.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "Tools/run").chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for arguments in (["init", "-q"], ["add", "--all", "--force"]):
        subprocess.run(["git", *arguments], cwd=root, check=True, env=environment)
    return subprocess.run([sys.executable, TIDY, root], capture_output=True, text=True, env=environment)


def test_good_tree_passes(tmp_path: Path) -> None:
    result = tidy(tmp_path, GOOD)
    assert (result.returncode, result.stdout) == (0, f"tidy: {len(GOOD)} files, 0 findings\n")


@pytest.mark.parametrize(("rule", "path", "text", "line"), BAD, ids=[f"{rule}-{path}" for rule, path, _, _ in BAD])
def test_rule_fires(tmp_path: Path, rule: str, path: str, text: str, line: int) -> None:
    result = tidy(tmp_path, {**GOOD, path: text})
    *found, summary = result.stdout.splitlines()
    assert result.returncode == 1
    assert len(found) == 1
    assert found[0].startswith(f"{path}:{line}: {rule}: ")
    assert summary.endswith(", 1 findings")


@pytest.mark.parametrize(("path", "text"), [("Sources/Martlet/A.swift", swift_function(70)), ("Tests/a.py", python_function(70))])
def test_function_at_the_limit_passes(tmp_path: Path, path: str, text: str) -> None:
    assert tidy(tmp_path, {**GOOD, path: text}).returncode == 0


def test_directory_without_git_is_refused(tmp_path: Path) -> None:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    result = subprocess.run([sys.executable, TIDY, tmp_path], capture_output=True, text=True, env=environment)
    assert result.returncode == 2
    assert "cannot be read as a git work tree" in result.stderr


def test_wrong_option_prints_usage() -> None:
    result = subprocess.run([sys.executable, TIDY, "--wrong"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "Usage: Tools/tidy" in result.stderr
