"""What the tests of documents share: a valid plan to break, and ways to read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from firstlight.errors import DocumentError, Problem
from firstlight.spec.load import Loaded, load_plan

TODAY = dt.date(2026, 6, 1)
COLOSSUS = (Path(__file__).parent / "documents" / "colossus.yaml").read_text("utf-8")

Problems = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    """Load a plan from its text, with other files beside it."""

    def run(text: str, sets: Mapping[str, str] | None = None, **files: str) -> Loaded:
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(content, "utf-8")
        (tmp_path / "plan.yaml").write_text(text, "utf-8")
        return load_plan(tmp_path / "plan.yaml", sets=sets, today=TODAY)

    return run


@pytest.fixture
def problems(load: Callable[..., Loaded]) -> Problems:
    """The problems of a plan's text, in order."""

    def run(text: str, sets: Mapping[str, str] | None = None, **files: str) -> tuple[Problem, ...]:
        with pytest.raises(DocumentError) as caught:
            load(text, sets, **files)
        return caught.value.problems

    return run
