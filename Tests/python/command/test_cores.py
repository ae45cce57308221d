"""Processors and quotas, from recorded trees of /proc and /sys; what they say is the same as for the Swift side."""
from __future__ import annotations

import os

import pytest

from martlet.cores import available, cpu_quota
from server_process import REPOSITORY

TREES = REPOSITORY / "Tests/fixtures/cgroup"
QUOTAS = {
    "v2-service": 2.5, "v2-ancestor-limits": 0.5, "v2-unlimited": None, "v2-malformed": None, "v2-escaped-mount": 0.6, "v1-service": 1.5,
    "v1-unlimited": None, "v1-unlimited-large-pages": None, "container-v1-host-path": 2, "container-v1-foreign-root": 0.5, "container-v2-namespace": 1,
    "container-v2-mounted-elsewhere": 3, "container-v2-outside-namespace": 1.2, "container-v2-host-path": 1.5, "hybrid-v1-limits": None,
    "hybrid-v2-limits": 0.9, "unlimited-no-cgroups": None,
}


def test_every_tree_is_looked_at() -> None:
    assert {tree.name for tree in TREES.iterdir()} == set(QUOTAS)


@pytest.mark.parametrize(("tree", "quota"), QUOTAS.items())
def test_quota(tree: str, quota: float | None) -> None:
    assert cpu_quota(str(TREES / tree)) == quota


def test_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3, 9, 11})
    found = available(str(TREES / "v2-unlimited"))
    assert (found.numbers, found.is_from_quota) == ([3, 5, 9, 11], False)
    found = available(str(TREES / "v2-service"))
    assert (found.numbers, found.is_from_quota) == ([3, 5, 9], True)
    found = available(str(TREES / "v2-ancestor-limits"))
    assert (found.numbers, found.is_from_quota) == ([3], True)
