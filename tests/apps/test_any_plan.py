"""Any valid plan is answered: with an Evaluation whose numbers are finite and in order, or with a reason and a remedy.

The fast run tries some 40 plans over the whole space of the schema; `-m slow` tries 1,500.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight import export, units
from firstlight.design import plan
from firstlight.errors import DocumentError, InfeasibleError, Limit, Problem, UsageError
from firstlight.evaluate import Evaluation
from firstlight.spec import assumptions, catalog, models
from firstlight.spec import parts as kinds
from firstlight.spec.checks import has_experts
from firstlight.spec.plan import Equipment
from firstlight.twin.result import Prediction

TODAY = dt.date(2026, 6, 1)
CATALOG = catalog.shipped()
ASSUMPTIONS = assumptions.shipped()
PLACES = [
    "Memphis, Tennessee", "Stockholm, Sweden", "Singapore", "La Paz, Bolivia", "Dubai", "Ushuaia, Argentina",
    "Yakutsk, Russia", "Kuwait City", "Honolulu, Hawaii", "Nuuk, Greenland", "Lhasa, China", "Suva, Fiji",
]  # fmt: skip
HARD = ["deepseek-r1", "minimax-text-01", "qwen3-next-80b-a3b", "mamba2-2.7b", "openvla-7b", "wan2.1-t2v-14b",
        "esm-2-15b", "llama-4-scout", "gpt-oss-120b", "qwen3-vl-235b-a22b", "glm-5.2", "nemotron-3-ultra"]  # fmt: skip
MODELS = st.sampled_from(HARD) | st.sampled_from(models.ids())
SYSTEMS = st.sampled_from([system.id for system in CATALOG.parts(kinds.System)])


def decades(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers whose logarithm lies evenly between those of two others, or a little beyond a whole one."""
    return st.floats(math.log10(low), math.log10(high)).map(lambda power: min(max(10**power, low), high))


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return decades(low, high).map(round)


def quantity(low: float, high: float, unit: str) -> st.SearchStrategy[str]:
    return decades(low, high).map(lambda value: f"{value:.4g} {unit}")


def days(first: str, last: str) -> st.SearchStrategy[dt.date]:
    return st.dates(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def ids(kind: type[kinds.Part], *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*others, *(part.id for part in CATALOG.parts(kind))])


def some(**wanted: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some of these fields."""
    return st.fixed_dictionaries({}, optional=wanted)


POWERS = st.sampled_from([1, 1, 1, 2, 4, 8, 16])
SITES = st.builds(
    lambda fixed, open_: fixed | open_,
    st.fixed_dictionaries({
        "place": st.sampled_from(PLACES)
        | st.fixed_dictionaries({"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}),
        "power": quantity(1e6, 1e8, "W") | quantity(1e6, 1e8, "W") | quantity(1e3, 1e10, "W"),
        "floor": quantity(1e3, 1e5, "m2") | quantity(1, 1e8, "m2"),
    }),
    some(
        cooling=st.sampled_from([["air"], ["liquid"], ["liquid", "air"]]),
        halls=st.integers(1, 8) | whole(1, 10_000),
        buildings=st.integers(1, 3) | whole(1, 1000),
        existing=st.lists(st.sampled_from(["shell", "utility"]), unique=True),
        elevation=st.integers(-430, 6000).map(lambda metres: f"{metres} m"),
        supply_temperature=st.integers(15, 50).map(lambda degrees: f"{degrees} C")
        | st.integers(-73, 126).map(lambda degrees: f"{degrees} C"),
        energy_price=st.integers(0, 1000).map(lambda price: f"{price} USD/MWh"),
        carbon_intensity=st.integers(0, 3000).map(lambda grams: f"{grams} g/kWh"),
    ),
)  # fmt: skip
TRAININGS = st.builds(
    lambda fixed, open_: fixed | open_,
    st.fixed_dictionaries({"train": MODELS, "tokens": decades(1e9, 1e14) | decades(1, 1e15)}),
    some(
        within=quantity(1e6, 1e8, "s") | quantity(1e-9, 3e9, "s"),
        sequence=st.sampled_from([2048, 8192]) | whole(128, 1_048_576),
        batch=whole(10**7, 10**9) | whole(1, 10**15),
        precision=st.sampled_from(["bf16", "fp8"]),
    ),
)  # fmt: skip
SERVINGS = st.builds(
    lambda fixed, open_: fixed | open_,
    st.fixed_dictionaries({
        "serve": MODELS, "requests": quantity(0.1, 100, "/s") | quantity(1e-3, 1e6, "/s"),
        "prompt": whole(1, 2000) | whole(1, 10**6), "answer": whole(1, 1000) | whole(1, 10**6),
    }),
    some(
        first_token=quantity(1, 1e4, "s") | quantity(1e-9, 1e6, "s"),
        per_token=quantity(0.05, 10, "s") | quantity(1e-9, 1e6, "s"),
        precision=st.sampled_from(["bf16", "fp8", "fp4"]),
    ),
)  # fmt: skip
FABRICS = some(
    kind=st.sampled_from(["clos", "rail-optimised", "rail-only", "torus"]),
    link=st.sampled_from(["25 Gb/s", "50 Gb/s", "100 Gb/s", "200 Gb/s", "400 Gb/s"]) | quantity(8, 1e15, "b/s"),
    switch=ids(kinds.Switch),
    planes=st.sampled_from([1, 2, 4, 7, 8]),
    taper=st.sampled_from([1, 2, 3]) | st.floats(1, 64),
)
POWER_CHAINS = some(
    redundancy=st.sampled_from(["n", "n+1", "2n"]),
    ups=ids(kinds.Ups, "none"),
    transformer=ids(kinds.Transformer),
    generator=ids(kinds.Generator, "none"),
    battery=ids(kinds.Battery, "none"),
)
COOLINGS = some(cdu=ids(kinds.Cdu), rejection=st.sampled_from(["dry", "chiller"]))


@st.composite
def training_layouts(draw: st.DrawFn, model: str) -> dict[str, Any]:
    layout = {name: draw(POWERS) for name in ("tensor", "pipeline", "context", "micro_batch")}
    layout["zero"] = draw(st.integers(0, 3))
    layout["recompute"] = draw(st.sampled_from(["none", "selective", "full"]))
    if layout["pipeline"] > 1:
        layout["interleave"] = draw(POWERS)
    if has_experts(models.find(model)):
        layout["expert"] = draw(POWERS)
    return layout


@st.composite
def serving_layouts(draw: st.DrawFn, model: str) -> dict[str, Any]:
    layout = {name: draw(POWERS) for name in ("tensor", "pipeline")}
    layout["batch"] = draw(whole(1, 1024) | whole(1, 1_000_000))
    if has_experts(models.find(model)) or not draw(st.integers(0, 19)):
        layout["data"] = draw(POWERS)
    if has_experts(models.find(model)):
        layout["expert"] = draw(POWERS.filter(lambda ranks: layout["tensor"] * layout["data"] % ranks == 0))
    return layout


@st.composite
def placements(draw: st.DrawFn, demand: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each workload; mostly of whole groups."""
    placed = []
    for workload in demand:
        kind = "training" if "train" in workload else "serving"
        model = workload.get("train") or workload["serve"]
        layout = draw(training_layouts(model) if kind == "training" else serving_layouts(model))
        group = math.prod(layout.get(name, 1) for name in ("tensor", "pipeline", "context", "data"))
        count = group * layout.get("expert", 1) * draw(whole(1, 64)) if draw(st.integers(0, 9)) else draw(whole(1, 999))
        placed.append({"accelerators": count, kind: layout})
    return placed


@st.composite
def overrides(draw: st.DrawFn) -> dict[str, Any]:
    """Assumptions by a factor: sensible, or extreme."""
    found: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(ASSUMPTIONS)), max_size=3, unique=True)):
        entry = ASSUMPTIONS[name]
        factor = draw(st.floats(0.5, 2) | st.sampled_from([0, 1e-9, 1e-3, 0.1, 10, 1e3, 1e9]))
        value = entry.value * factor
        if entry.dimension == "fraction" and value > 1 >= entry.value:
            value = 1.0
        found[name] = units.exact(value, entry.dimension)
    return found


@st.composite
def designs(draw: st.DrawFn, demand: list[dict[str, Any]]) -> dict[str, Any]:
    design: dict[str, Any] = {}
    if draw(st.sampled_from([True] * 149 + [False])):  # one of all takes long to choose
        design["system"] = draw(SYSTEMS)
    if draw(st.booleans()):
        design["placements"] = draw(placements(demand))
    if draw(st.booleans()):
        placed = sum(placement["accelerators"] for placement in design.get("placements", ()))
        most = draw(st.sampled_from([5000] * 149 + [2_000_000]))
        design["accelerators"] = max(placed + draw(st.just(0) | whole(1, most)), 1)
    for name, strategy in (("fabric", FABRICS), ("power", POWER_CHAINS), ("cooling", COOLINGS)):
        if draw(st.booleans()):
            design[name] = draw(strategy)
    if draw(st.booleans()):
        design["spare"] = draw(st.floats(0, 0.1) | st.floats(0, 0.9) | st.just(1))
    return design


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The plan without what a check refuses at once, so that more of it is tried."""
    site, design = document["site"], document["design"]
    system = CATALOG.part(kinds.System, design.get("system", "hgx-h100"))
    site["halls"] = max(site.get("halls", 1), site.get("buildings", 1))
    site["cooling"] = [kind for kind, share in (("liquid", system.liquid), ("air", 1 - system.liquid)) if share > 0]
    if not system.liquid:
        site.pop("supply_temperature", None)
        design.get("cooling", {}).pop("cdu", None)
    fabric = design.get("fabric", {})
    if (system.nic is None) != (fabric.get("kind") == "torus"):
        fabric.pop("kind", None)
    if system.nic is None:
        design["fabric"] = {"link": fabric["link"]} if "link" in fabric else {}
    if design.get("power", {}).get("ups") == "none":
        design["power"].pop("redundancy", None)
    for workload in document["demand"]:
        if "train" in workload:
            if "batch" in workload:
                workload["batch"] = max(workload["batch"], workload.get("sequence", 8192))
        else:
            model = models.find(workload["serve"])
            workload["prompt"] = min(workload["prompt"], model.context // 2)
            workload["answer"] = 1 if model.one_pass else min(workload["answer"], model.context // 2)
            if model.one_pass:
                workload.pop("per_token", None)
    if isinstance(document.get("ready_by"), dt.date):
        document["ready_by"] = max(document["ready_by"], document.get("start", TODAY))
    elif "ready_by" in document:
        document["start"] = max(TODAY, document.get("start", TODAY))
    return document


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """A plan that the schema allows, somewhere in its whole space."""
    demand = draw(st.lists(TRAININGS | SERVINGS, min_size=1, max_size=3))
    document: dict[str, Any] = {"name": "any", "site": draw(SITES), "demand": demand, "design": draw(designs(demand))}
    document |= draw(
        some(
            start=days("2016-01-01", "2040-01-01") | days("2000-01-01", "2200-01-01"),
            ready_by=quantity(1, 3e9, "s") | days("2026-06-01", "2200-01-01"),
            secured=st.lists(st.sampled_from(get_args(Equipment)), unique=True, max_size=4),
            assumptions=overrides(),
        )
    )
    return document if draw(st.sampled_from([False] * 9 + [True])) else mended(document)


NOT_WORDS = re.compile(
    r"\b(?:nan|inf|None|True|False|Infinity)\b|Error|Warning|<\w|object at|np\.|array\(|\{'|\[\d+, |0x[0-9a-f]"
)
POWERS_OF_TEN = re.compile(r"(?<!\w)\d[\d.]*e[+-]?\d")
REMEDIES = re.compile(
    r"\b(?:write|name|choose|allow|give|raise|lower|remove|leave|add|take|use|spread|shorten|must be|did you mean|"
    r"move|change|train|serve|would fit|would do|fits on|at best|needs?|nearest)\b",
    re.IGNORECASE,
)


def presentable(text: str) -> None:
    """A text that a user can read."""
    assert text.strip()
    assert not NOT_WORDS.search(text), text
    assert text.isprintable() or "\n" in text, text


def explained(error: DocumentError | UsageError | InfeasibleError) -> None:
    """A refusal says where or what binds, and what to do."""
    presentable(str(error))
    parts: tuple[Problem | Limit, ...] = ()
    if isinstance(error, DocumentError):
        parts = error.problems
        assert parts
        assert all(problem.where and problem.message for problem in error.problems), str(error)
    else:
        quoted = "assumptions." in str(error)  # as it was written, like a document
        assert quoted or not POWERS_OF_TEN.search(str(error)), str(error)
    if isinstance(error, InfeasibleError):
        parts = error.limits
        assert all(limit.name and limit.needed and limit.available for limit in error.limits), str(error)
    for part in parts:
        assert part.remedy or (isinstance(part, Problem) and REMEDIES.search(part.message)), str(error)
        assert "\n" not in str(part.remedy)
    if not parts:
        assert REMEDIES.search(str(error)), str(error)


def predictions(value: Any, where: str = "") -> Iterator[tuple[str, Prediction]]:
    """Every prediction of a result, with the way to it."""
    if isinstance(value, Prediction):
        yield where, value
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from predictions(getattr(value, each.name), f"{where}.{each.name}")
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from predictions(inner, f"{where}[{index}]")


def raw(value: Any, where: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a result before it becomes JSON, with the way to it."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield where, float(value.sum())
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from raw(getattr(value, each.name), f"{where}.{each.name}")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from raw(inner, f"{where}.{key}")
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from raw(inner, f"{where}[{index}]")
    elif isinstance(value, float):
        yield where, value


def sound(evaluation: Evaluation) -> None:
    """Numbers are finite, predictions in order, and words are words."""
    json.dumps(evaluation.to_dict(), allow_nan=False)
    for where, prediction in predictions(evaluation):
        assert 0 <= prediction.p10 <= prediction.p50 <= prediction.p90, (where, prediction)
    for where, number in raw(evaluation):
        assert math.isfinite(number) or where.endswith((".unit_price", ".chance")), where
    for text in (*evaluation.warnings, *evaluation.proposed):
        presentable(text)


def answer(document: dict[str, Any], folder: Path, *, write: bool, seed: int = 0) -> Evaluation | None:
    """Plan a document; anything but an evaluation or a reason is an error of ours."""
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    try:
        evaluation = plan(path, seed=seed, today=TODAY)
    except (DocumentError, UsageError, InfeasibleError) as error:
        explained(error)
        return None
    sound(evaluation)
    if write:
        export.write(evaluation, folder / "out")
    return evaluation


ANYHOW = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=40, **ANYHOW)
@given(plans(), st.integers(0, 3), st.integers(0, 2**63 - 1))
def test_any_plan(tmp_path, document, write, seed):
    answer(document, tmp_path, write=write == 3, seed=seed)


@pytest.mark.slow
@settings(max_examples=1500, **ANYHOW)
@given(plans(), st.integers(0, 23), st.integers(0, 2**63 - 1))
def test_many_plans(tmp_path, document, write, seed):
    answer(document, tmp_path, write=write == 23, seed=seed)
