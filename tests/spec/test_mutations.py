"""Documents that went wrong in any way: firstlight says what is wrong with them, and never falls over.

The fast run tries a few hundred; `-m slow` tries 10,000.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firstlight.errors import DocumentError, Problem
from firstlight.spec import source
from firstlight.spec.load import load_plan
from firstlight.units import DIMENSIONS

from .conftest import COLOSSUS, TODAY

EXAMPLES = [path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))]
PLACEMENTS = """
  placements:
    - accelerators: 60_000
      training: {tensor: 8, pipeline: 2, interleave: 2, expert: 1, zero: 1}
    - accelerators: 40_000
      serving: {tensor: 8, data: 4}
  power: {ups: none, generator: none}
  cooling: {rejection: dry}
"""
EXTRA = "start: 2026-05-01\nassumptions: {economics.energy_price: 45 USD/MWh}\n"
FULL = COLOSSUS.replace("ready_by:", PLACEMENTS.lstrip("\n") + "ready_by:") + EXTRA
PLANS = [FULL, *EXAMPLES]
VALUES = [source.parse(text).value for text in PLANS]

UNITS = sorted({unit for kind in DIMENSIONS.values() for unit in kind.units})
KEYS = sorted({
    "site", "demand", "design", "train", "serve", "power", "fabric", "kind", "placements", "training", "weather",
    "catalog", "assumptions", "start", "name", "facts", "__class__", "", "<<", "null", "1", "a.b", "ünï", "x" * 300,
})  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from([0, -1, 1e308, -1e308, 5e-324, 10**400, True, float("nan"), float("inf"), 2**63]),
)
QUANTITIES = st.builds(lambda number, unit: f"{number} {unit}", NUMBERS, st.sampled_from(UNITS))
WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["none", "~", "hgx-h100", "torus", "gpt-3-175b", "2027-01-01", "x.yaml", "plan.yaml", ".", "/", "a" * 999]
    ),
)
JUNK: Any = st.recursive(
    st.one_of(st.none(), NUMBERS, QUANTITIES, WORDS, st.dates()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values of a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [where, *(way for step, below in inside for way in places(below, (*where, step)))]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid plan with one to four things wrong with it."""
    document = copy.deepcopy(draw(st.sampled_from(VALUES)))
    for _ in range(draw(st.integers(1, 4))):
        ways = places(document)
        *way, last = draw(st.sampled_from(ways)) or [None]
        if last is None:
            continue
        owner = document
        for step in way:
            owner = owner[step]
        match draw(st.sampled_from(["replace", "remove", "add", "rename", "wrap"])):
            case "remove":
                del owner[last]
            case "add" if isinstance(owner, dict):
                owner[draw(st.sampled_from(KEYS))] = draw(JUNK)
            case "rename" if isinstance(owner, dict):
                owner[str(last)[: draw(st.integers(0, 6))] + draw(st.text(max_size=2))] = owner.pop(last)
            case "wrap":
                owner[last] = draw(st.sampled_from([[owner[last]], {"value": owner[last]}, [owner[last]] * 3]))
            case _:
                owner[last] = draw(JUNK)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=draw(st.booleans()))


SNIPPETS = [
    "\t", "\n", "\r", "  ", ":", ": ", "- ", "[", "]", "{", "}", "&a ", "*a", "!!python/object:os.system ", "!!binary ",
    "#", "'", '"', "|", ">", "%", "@", "`", "---\n", "? ", "<<: ", "\x00", "\ufeff", "\u2028", "é", "\U0001f600",
    "\u202e", "9" * 500, "-", ".nan", "1e999", "site: {}\n", "  power: 1 W\n", "[" * 200, "{a: " * 100, "\\",
]  # fmt: skip


@st.composite
def scribbled(draw: st.DrawFn) -> str:
    """The text of a valid plan with pieces put in, taken out and moved about."""
    text = draw(st.sampled_from(PLANS))
    for _ in range(draw(st.integers(1, 5))):
        at, end = (draw(st.integers(0, len(text))) for _ in range(2))
        low, high = min(at, end), max(at, end)
        piece = draw(st.sampled_from(SNIPPETS) | st.text(max_size=5))
        match draw(st.sampled_from(["insert", "insert", "cut", "copy"])):
            case "insert":
                text = text[:at] + piece + text[at:]
            case "cut":
                text = text[:low] + text[min(high, low + 40) :]
            case _:
                text = text[:high] + text[low : low + 100] + text[high:]
    return text


def found(text: str, folder: Path, sets: dict[str, str] | None = None) -> tuple[Problem, ...]:
    """The problems of a text; anything but a DocumentError is an error of ours."""
    path = folder / "plan.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_plan(path, sets=sets, today=TODAY)
    except DocumentError as error:
        return error.problems or pytest.fail("an error without a problem")
    return ()


@pytest.mark.parametrize("text", PLANS)
def test_what_is_mutated_is_right_before(tmp_path, text):
    assert not found(text, tmp_path)


def answer(text: str, folder: Path) -> None:
    """Load a text; every problem must be presentable."""
    for problem in found(text, folder):
        assert problem.message
        assert "\n" not in problem.message + problem.remedy + problem.source
        assert len(str(problem)) < 4000


ANYHOW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
FEW = settings(max_examples=150, **ANYHOW)
MANY = settings(max_examples=5000, **ANYHOW)


@FEW
@given(mutated())
def test_wrong_values(tmp_path, text):
    answer(text, tmp_path)


@FEW
@given(scribbled())
@example("a: &a [*a]")
@example("&a : *a")
@example("site: {place: &x [&y [*x, *y]]}")
@example("- " * 3000)
@example("name: \ud800")
def test_wrong_texts(tmp_path, text):
    answer(text, tmp_path)


@pytest.mark.slow
@MANY
@given(mutated())
def test_thousands_of_wrong_values(tmp_path, text):
    answer(text, tmp_path)


@pytest.mark.slow
@MANY
@given(scribbled())
def test_thousands_of_wrong_texts(tmp_path, text):
    answer(text, tmp_path)


@FEW
@given(
    st.dictionaries(
        st.text(max_size=20) | st.sampled_from(["site.power", "demand[0].tokens", "design"]), WORDS, max_size=3
    )
)
def test_wrong_sets(tmp_path, sets):
    assert all(problem.message for problem in found(FULL, tmp_path, sets))
