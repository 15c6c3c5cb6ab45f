"""Formulas with the priors of a file of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from math import inf
from typing import Any

import yaml

from firstlight import units
from firstlight.timings.formula import Arrays, Formula, Option, Parameter
from firstlight.twin.protocols import Floats

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Seconds = Callable[[Arrays, Arrays, Option], Floats]


def formulas(folder: str, seconds: Mapping[str, tuple[Seconds, tuple[tuple[float, ...], ...]]]) -> dict[str, Formula]:
    """Formulas by name, with the priors of data/<folder>/parameters.yaml.

    Args:
        folder: of the data.
        seconds: by name of the formula its function and what the library chooses from.
    """
    priors = _priors(folder)
    return {
        name: Formula(name, function, tuple(_parameter(key, raw) for key, raw in priors[name].items()), options)
        for name, (function, options) in seconds.items()
    }


@cache
def _priors(folder: str) -> Mapping[str, Mapping[str, Any]]:
    file = resources.files("firstlight.data") / folder / "parameters.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def _parameter(name: str, raw: Mapping[str, Any]) -> Parameter:
    prior = raw["prior"]
    if isinstance(prior, str):
        prior = units.parse(prior, "bandwidth" if "/" in prior else "time")
    bounds = (float(raw.get("least", 0.0)), float(raw.get("most", inf)))
    return Parameter(name, float(prior), float(raw["wide"]), float(raw["narrow"]), *bounds)
