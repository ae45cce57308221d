"""On what was it measured? Facts for the head of a result; no host name, no paths."""
from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from typing import Dict, List

# Each prints its version in the first line that holds a digit.
VERSION_COMMANDS = {
    "C compiler": ["gcc", "--version"],
    "Swift compiler": ["swift", "--version"],
    "wrk": ["wrk", "--version"],
    "nginx": ["nginx", "-v"],
    "h2o": ["h2o", "--version"],
    "valgrind": ["valgrind", "--version"],
}


def facts(programs: List[str]) -> Dict[str, str]:
    """`programs` are keys of VERSION_COMMANDS."""
    found = {
        "Date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gibibytes():.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    found.update((program, _version(VERSION_COMMANDS[program])) for program in programs)
    return found


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        values = dict(line.split(":", 1) for line in file if ":" in line)
    fields = {name.strip(): value.strip() for name, value in values.items()}
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:  # virtual machines often hide the model's name, never these numbers
        name += f" (family {fields['cpu family']}, model {fields['model']}, stepping {fields['stepping']})"
    return name


def _memory_gibibytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(command: List[str]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    # nginx writes it to standard error, and wrk ends with 1 after telling it.
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.strip() for line in result.stdout.splitlines() if any(map(str.isdigit, line))]
    return lines[0].split(" Copyright")[0] if lines else "unknown"
