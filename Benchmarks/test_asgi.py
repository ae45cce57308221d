"""Rounds of several servers: who takes part, who is dropped, and what is compared. No server runs here."""
from __future__ import annotations

import contextlib
import unittest
from types import SimpleNamespace
from typing import Dict, Iterator
from unittest import mock

import asgi
from measure.answer import WrongAnswer
from measure.load import LoadFailed, Run
from session import Plan, chosen_scenarios

COSTS = {"martlet-uring": 10.0, "asgi-floor": 8.0, "uvicorn": 30.0, "granian": 20.0}


class MadeServer:
    def __init__(self, name: str):
        self.name = name

    def left_out(self, scenario: object) -> None:
        return None

    def notes(self, scenario: object) -> list:
        return []


class MadePlan(Plan):
    """Costs are those of COSTS; `broken` fails under load."""

    broken = ""

    def load(self, instance: object, scenario: object) -> Run:
        if instance.server.name == self.broken:
            raise LoadFailed("answered nothing under load")
        return Run(COSTS[instance.server.name], 0.1, 1000, None, 0.5, 0.5, 0, 0)


@contextlib.contextmanager
def made_start(server: MadeServer, *_: object) -> Iterator[SimpleNamespace]:
    if server.name == "granian":
        raise WrongAnswer("ended at start")
    yield SimpleNamespace(server=server, process=SimpleNamespace(memory_bytes=lambda kind: 1 << 20), extra_fields=frozenset(), memory_rest_bytes=1 << 20)


def rows(broken: str = "") -> Dict[str, str]:
    plan = MadePlan(list(asgi.SCENARIOS), {name: MadeServer(name) for name in COSTS}, pairs=2)
    plan.broken = broken
    with mock.patch.object(asgi, "started", made_start), mock.patch.object(asgi, "warm_up"), mock.patch.object(asgi, "progress"):
        text = asgi._measure_scenario(plan, asgi.HELLO, with_twin=True)
    return {"text": text, **{line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}}


class Rounds(unittest.TestCase):
    def test_everybody_is_compared_with_the_floor_and_martlet_with_everybody(self) -> None:
        found = rows()
        self.assertIn("1.250 [1.250–1.250] | asgi-floor", found["martlet-uring"])
        self.assertIn("3.750 [3.750–3.750] | asgi-floor", found["uvicorn"])
        self.assertIn("martlet-uring to asgi-floor 1.250 [1.250–1.250]; uvicorn 0.333 [0.333–0.333].", found["text"])
        self.assertIn("A/A, martlet-uring to itself at the other end of the round: 1.000", found["text"])
        self.assertNotIn(asgi.TWIN, found)

    def test_server_that_does_not_start_has_its_reason_in_its_row(self) -> None:
        self.assertTrue(rows()["granian"].endswith("| ended at start |"))

    def test_server_that_fails_under_load_is_dropped_and_the_others_are_measured(self) -> None:
        found = rows(broken="uvicorn")
        self.assertTrue(found["uvicorn"].endswith("| answered nothing under load |"))
        self.assertIn("1.250", found["martlet-uring"])

    def test_where_the_floor_fails_uvicorn_is_the_reference(self) -> None:
        self.assertIn("0.333 [0.333–0.333] | uvicorn", rows(broken="asgi-floor")["martlet-uring"])

    def test_scenarios_are_chosen_by_name_group_and_pattern_in_their_own_order(self) -> None:
        chosen = chosen_scenarios("django,body-*,hello", asgi.SCENARIOS)
        self.assertEqual([scenario.name for scenario in chosen], ["hello-64", "body-1k", "body-10k", "django"])
        with self.assertRaises(SystemExit):
            chosen_scenarios("absent", asgi.SCENARIOS)


if __name__ == "__main__":
    unittest.main()
