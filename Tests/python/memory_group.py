"""A memory cgroup of the test's own, version 1 or 2, and the command that starts a program inside it."""
from __future__ import annotations

import os
import time
from pathlib import Path

REMOVE_SECONDS_MAX = 5.0


class NoMemoryGroup(AssertionError):
    """No cgroup can be made here. Run as root, or set MARTLET_NO_CGROUP=1 to do without these tests."""


class MemoryGroup:
    def __init__(self, limit_bytes: int) -> None:
        self.path, self.is_version_2 = make_group()
        if self.is_version_2:
            self._write("memory.max", limit_bytes)
            if (self.path / "memory.swap.max").exists():
                self._write("memory.swap.max", 0)
        else:
            self._write("memory.limit_in_bytes", limit_bytes)
        # The shell joins the group and becomes the server, so the server's first page is charged to it already.
        self.launcher = ("sh", "-c", f'echo $$ >"{self.path}/cgroup.procs" && exec "$@"', "sh")

    def _write(self, name: str, value: int) -> None:
        (self.path / name).write_text(str(value))

    def _counts(self, name: str) -> dict[str, int]:
        return {key: int(value) for key, value in (line.split() for line in (self.path / name).read_text().splitlines())}

    @property
    def kills(self) -> int:
        return self._counts("memory.events" if self.is_version_2 else "memory.oom_control")["oom_kill"]

    @property
    def used_bytes(self) -> int:
        return int((self.path / ("memory.current" if self.is_version_2 else "memory.usage_in_bytes")).read_text())

    def remove(self) -> None:
        """Once the processes are gone; the kernel takes a moment to notice."""
        deadline = time.monotonic() + REMOVE_SECONDS_MAX
        while True:
            try:
                return self.path.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def make_group() -> tuple[Path, bool]:
    """As near to this process's own group as it is allowed: a group of version 2 with processes in it has no children with limits."""
    tried = []
    for mount, own, is_version_2 in hierarchies():
        parts = Path(own.lstrip("/")).parts
        for depth in range(len(parts), -1, -1):
            parent = mount.joinpath(*parts[:depth])
            path = parent / f"martlet-test-{os.getpid()}-{time.monotonic_ns()}"
            try:
                path.mkdir()
            except OSError as error:
                tried.append(f"{path}: {error.strerror}")
                continue
            if (path / ("memory.max" if is_version_2 else "memory.limit_in_bytes")).exists():
                return path, is_version_2
            tried.append(f"{path}: it has no memory limit")
            path.rmdir()
    raise NoMemoryGroup(f"{NoMemoryGroup.__doc__} Tried: {'; '.join(tried) or 'no memory controller is mounted'}")


def hierarchies() -> list[tuple[Path, str, bool]]:
    """Mount point, this process's group in it, and whether it is version 2, for each hierarchy that may have the memory controller."""
    found = []
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        mount, kind, options = Path(before.split()[4]), after.split()[0], after.split()[2].split(",")
        if kind == "cgroup2" and "" in own:
            found.append((mount, own[""], True))
        elif kind == "cgroup" and "memory" in options:
            found.append((mount, next(path for controllers, path in own.items() if "memory" in controllers.split(",")), False))
    # Version 1's controller, where it is mounted, is not in version 2's hierarchy as well.
    return sorted(found, key=lambda each: each[2])
