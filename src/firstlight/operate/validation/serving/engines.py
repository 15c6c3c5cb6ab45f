"""What a serving engine does, as values of the assumptions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from firstlight.operate.validation.software import year
from firstlight.performance.serving.values import overlays, own_values
from firstlight.performance.serving.values import table as fitted
from firstlight.spec.assumptions import Assumption, Assumptions, shipped

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def table() -> Mapping[str, Any]:
    """Releases and fitted values of engines, from data/serving/runs.yaml and fitted.yaml."""
    text = (resources.files("firstlight.data") / "serving" / "runs.yaml").read_text("utf-8")
    return {**yaml.load(text, Loader=_LOADER), **fitted()}


@dataclass(frozen=True)
class Values:
    """Assumptions that a fit tries: numbers, or arrays over fits (fits, 1).

    Attributes:
        entries: shipped ones by name. engines: the engines' own values by engine and name.
        fresh: without the values of data/serving/fitted.yaml below them.
    """

    entries: Mapping[str, Assumption]
    engines: Mapping[str, Mapping[str, Any]]
    fresh: bool


def assumptions(
    engine: str, family: str, wide_cache: bool, values: Values | None = None, manners: Sequence[str] = ()
) -> Assumptions:
    """The assumptions of runs of an engine on a family of accelerators.

    Args:
        engine: "vllm", "sglang", "trtllm", or another one: that takes the shipped mean of the three.
        family: of the accelerator, as `machine.family`.
        wide_cache: the cache keeps 16 bits whatever the weights.
        values: in place of the shipped ones.
        manners: how it was driven, where that has values of its own, the general ones first: "queued" without clients
            that stream, "static" in batches that begin and end together.
    """
    merged = dict(shipped() if values is None else values.entries)
    driven = [name for manner in manners for name in (manner, f"{manner} {family}")]
    for name in (*overlays(engine, family), *driven):
        known = {} if values and values.fresh else own_values(name)
        for key, value in {**known, **(values.engines.get(name, {}) if values else {})}.items():
            merged[key] = replace(merged[key], value=value)
    if wide_cache:
        wide = merged["performance.serving_cache_bytes_bf16"].value
        merged["performance.serving_cache_bytes_fp8"] = replace(
            merged["performance.serving_cache_bytes_fp8"], value=wide
        )
    return Assumptions(merged)


def early(version: str, date: str, kind: str) -> bool:
    """The release is from before the kernels of a number type were tuned: by its version, or else by the run's date."""
    if version:
        known = table()["early"]
        return re.search(known.get(kind, known["other"]), version) is not None
    when = year(date)
    return when is not None and when < (year(str(table()["early_before"])) or np.inf) - 1 / 24


def together(engine: str, version: str) -> bool:
    """The release reads all waiting prompts before it writes on, so that equal requests stay in step."""
    return engine == "sglang" and re.search(table()["together"], version) is not None
