"""The benchmarks' own tests of their arithmetic, of process trees and of rounds."""
from __future__ import annotations

import re
import subprocess
import sys

from server_process import REPOSITORY


def test_own_tests_pass() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", "Benchmarks", "-t", "Benchmarks"],
        cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert result.returncode == 0, result.stdout
    ran = re.search(r"Ran (\d+) tests", result.stdout)
    assert ran and int(ran[1]) > 0, result.stdout
