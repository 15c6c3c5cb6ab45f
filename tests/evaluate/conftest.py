"""Plans that tests evaluate, each once: a small factory that trains and serves, and changes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from firstlight.design import plan
from firstlight.evaluate import Evaluation

TODAY = dt.date(2026, 6, 1)
SMALL = """
name: small
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 200B, within: 60 days}
  - {serve: llama-3.1-8b, requests: 40 /s, prompt: 1000, answer: 300, first_token: 1 s, per_token: 50 ms}
design: {system: hgx-h100, accelerators: 512}
ready_by: 700 days
"""

Evaluate = Callable[..., Evaluation]


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    """`evaluated(**{"site.power": "2 MW"})`: the small plan with some values set; `document=` for another one."""
    folder: Path = tmp_path_factory.mktemp("plans")

    @cache
    def run(document: str, sets: tuple[tuple[str, str], ...], seed: int) -> Evaluation:
        path = folder / "plan.yaml"
        path.write_text(document, "utf-8")
        return plan(path, sets=dict(sets), seed=seed, today=TODAY)

    def make(document: str = SMALL, seed: int = 0, **sets: str) -> Evaluation:
        return run(document, tuple(sorted(sets.items())), seed)

    return make
