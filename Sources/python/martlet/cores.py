"""Which processors this process may use: its affinity, and the CPU quota of its control groups (version 1, version 2 and hybrids).

A limit of any ancestor binds, so every level that is visible is read and the tightest wins. In a container the group's path is often the host's while only
the container's own subtree is mounted; so the files are looked for from the deepest candidate up to the mount point, and what does not exist says nothing.
"""
from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """`numbers` is ascending and never empty. With `is_from_quota` it says how many, but not really which: do not pin to them."""

    numbers: list[int]
    is_from_quota: bool


def available(root: str = "") -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    quota = cpu_quota(root)
    # Rounded up: half a processor still needs one worker, and one and a half are better used by two.
    count = len(allowed) if quota is None else max(1, math.ceil(quota))
    return Cores(allowed[:count], count < len(allowed))


def cpu_quota(root: str = "") -> float | None:
    """Processor time per time; None without a quota. `root` stands for "/", so that tests can read recorded trees."""
    quotas = [quota for version, chain in _chains(root) for directory in chain if (quota := _quota(version, directory)) is not None]
    return min(quotas, default=None)


def _quota(version: int, directory: str) -> float | None:
    if version == 1:
        words = [_read(f"{directory}/cpu.cfs_quota_us").strip(), _read(f"{directory}/cpu.cfs_period_us").strip()]
    else:
        words = _read(f"{directory}/cpu.max").split()
    # No quota is -1 in version 1 and `max` in version 2: neither is a positive number.
    if len(words) != 2 or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        return None
    return int(words[0]) / int(words[1])


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _chains(root: str) -> list[tuple[int, list[str]]]:
    """For each version whose CPU controller may concern us: the directories from our group's up to the mount point."""
    groups: dict[str, str] = {}
    for line in _read(f"{root}/proc/self/cgroup").splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            groups.update(dict.fromkeys(fields[1].split(","), fields[2]))
    mounts: dict[int, list[tuple[str, str]]] = {1: [], 2: []}
    for line in _read(f"{root}/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(kind) < 3:
            continue
        mount = (_unescaped(fields[3]), _unescaped(fields[4]))
        if kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            mounts[1].append(mount)
        elif kind[0] == "cgroup2":
            mounts[2].append(mount)
    chains = []
    for version, controller in ((1, "cpu"), (2, "")):
        # Version 2's line has no controllers, so its path is under the empty name.
        if controller in groups and mounts[version]:
            chains.append((version, _chain(root, groups[controller], mounts[version])))
    return chains


def _chain(root: str, path: str, mounts: list[tuple[str, str]]) -> list[str]:
    parts = [part for part in path.split("/") if part]
    # Later mounts hide earlier ones.
    for top, point in reversed(mounts):
        above = [part for part in top.split("/") if part]
        if ".." not in parts and parts[:len(above)] == above:
            return _upwards(root, point, parts[len(above):])
    # No mount contains the path: we see our own group's subtree only, under a name from outside, so its top is ours.
    return _upwards(root, mounts[-1][1], [] if ".." in parts else parts)


def _upwards(root: str, point: str, below: list[str]) -> list[str]:
    top = root + ("" if point == "/" else point)
    return ["/".join([top, *below[:count]]) for count in range(len(below), -1, -1)]


def _unescaped(text: str) -> str:
    """The kernel writes blanks and backslashes as octal numbers behind a backslash."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
