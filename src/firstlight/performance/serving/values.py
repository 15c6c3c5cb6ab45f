"""Coefficients of serving as fitted to published runs, by engine and generation of accelerators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from firstlight import units
from firstlight.performance.machine import family
from firstlight.spec.assumptions import Assumption, Assumptions, shipped
from firstlight.spec.parts import Accelerator

EVERY = "every"
"""Overlay of values that hold for all engines in published runs."""
ENGINE = "vllm"
"""Whose values plans take."""
OTHERS = ("sglang", "trtllm")
"""Engines whose mean values stand where no run of `ENGINE` tells one (all runs of two pools are theirs)."""
POOLS = {"": "one pool", "_pools": "two pools"}
"""Classes of runs whose intervals plans take, by the end of the assumptions' names."""
SOURCE = "fitted to published serving runs (measurements/serving.csv)"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def table() -> Mapping[str, Any]:
    """Fitted values and intervals, from data/serving/fitted.yaml."""
    text = (resources.files("firstlight.data") / "serving" / "fitted.yaml").read_text("utf-8")
    return yaml.load(text, Loader=_LOADER)


def own_values(name: str) -> dict[str, float]:
    """An overlay's own values [SI], by name of the assumption."""
    entries = shipped()
    found: dict[str, float] = {}
    for key, text in table()["engines"].get(name, {}).items():
        entry = entries[f"performance.{key}"]
        found[entry.name] = float(text) if isinstance(text, (int, float)) else units.parse(text, entry.dimension)
    return found


def overlays(engine: str, made: str) -> tuple[str, ...]:
    """Names of the overlays of an engine on a family of accelerators, the general ones first."""
    return EVERY, made, engine, f"{engine} {made}"


def fitted(a: Assumptions, accelerator: Accelerator) -> Assumptions:
    """The assumptions of a plan with the fitted values of serving in them, where the plan has none of its own."""
    return a.over(_entries(family(accelerator.architecture)))


@cache
def _entries(made: str) -> Mapping[str, Assumption]:
    others = [own_values(name) for name in OTHERS]
    found = {name: math.sqrt(math.prod(one[name] for one in others)) for name in others[0].keys() & others[1].keys()}
    for name in overlays(ENGINE, made):
        found |= own_values(name)
    for end, kind in POOLS.items():
        for key, metric in (("token", "tpot_ms"), ("first", "ttft_ms")):
            low, high = table()["intervals"][kind][metric]
            found |= {f"performance.serving_low_{key}{end}": low, f"performance.serving_high_{key}{end}": high}
    entries = shipped()
    return {
        name: replace(entries[name], value=value, text=units.show(value, entries[name].dimension), source=SOURCE)
        for name, value in found.items()
    }
