"""What the proposals of designs are tested on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from firstlight.design import propose
from firstlight.design.propose import Proposal
from firstlight.spec.load import load_plan

TODAY = dt.date(2026, 6, 1)
OPEN = """
name: open
site: {place: "Memphis, Tennessee", power: 5 MW, floor: 3000 m2}
demand:
  - {train: llama-3-8b, tokens: 500B, within: 60 days}
  - {serve: llama-3.1-8b, requests: 20 /s, prompt: 1000, answer: 300, first_token: 1 s, per_token: 50 ms}
start: 2026-06-01
"""

Propose = Callable[..., Proposal]


@pytest.fixture
def proposed(tmp_path: Path) -> Propose:
    """`proposed(**{"site.power": "2 MW"})`: what is proposed for the open plan, or for `document`, with values set."""

    def make(document: str = OPEN, **sets: str) -> Proposal:
        (tmp_path / "plan.yaml").write_text(document, "utf-8")
        loaded = load_plan(tmp_path / "plan.yaml", sets=sets, today=TODAY)
        return propose(loaded.plan, loaded.catalog, loaded.assumptions, tmp_path)

    return make
