"""The coefficients that a fit may move, and the assumptions of a run with given values of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.operate.validation.software import Factor
from firstlight.performance.serving.values import EVERY
from firstlight.spec.assumptions import Assumption, shipped
from firstlight.twin.protocols import Floats

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
WHOLE = 0.999
"""A share is fitted as its odds are not: it stays below one."""


@dataclass(frozen=True)
class Parameter:
    """A coefficient that measured runs may move.

    Attributes:
        name: of the assumption.
        family: of software, whose own value it is; "" is the shipped assumption.
        prior: where it is believed to lie, in SI; a factor on the shipped value where `factor`.
        sigma: standard deviation of its logarithm around the prior.
        most: it is no larger (a share stays below one).
        factor: the family's value is a factor on the shipped one.
    """

    name: str
    family: str
    prior: float
    sigma: float
    most: float = math.inf
    factor: bool = False

    def value(self, theta: ArrayLike) -> Floats:
        """The coefficient that lies theta (in the logarithm) above its prior; broadcasts."""
        return np.minimum(self.prior * np.exp(theta), self.most)


@cache
def training() -> tuple[Parameter, ...]:
    """The parameters of the training step, from data/calibration/training.yaml."""
    return _read("training")


@cache
def serving() -> tuple[Parameter, ...]:
    """The parameters of published serving runs, from data/calibration/serving.yaml; families: see there."""
    return _read("serving")


@cache
def throughput() -> tuple[Parameter, ...]:
    """The parameters of published throughputs, from data/calibration/throughput.yaml; families as for `serving`."""
    return _read("throughput")


def _read(name: str) -> tuple[Parameter, ...]:
    file = resources.files("firstlight.data") / "calibration" / f"{name}.yaml"
    return tuple(_parameter(raw) for raw in yaml.load(file.read_text("utf-8"), Loader=_LOADER))


def _parameter(raw: Mapping[str, Any]) -> Parameter:
    entry, prior = shipped()[raw["name"]], str(raw["prior"])
    family, sigma = raw.get("family", ""), float(raw["sigma"])
    most = WHOLE if entry.dimension == "fraction" else math.inf
    if prior.startswith("*"):
        return Parameter(raw["name"], family, float(prior[1:]), sigma, factor=True)
    value = units.parse(raw["prior"], entry.dimension)
    return Parameter(raw["name"], family, min(value, most), sigma, most)


def start(parameters: Sequence[Parameter], families: Mapping[str, Mapping[str, Any]]) -> Floats:
    """The shipped values, as the logarithms of their ratios to the priors [parameters]."""
    return np.array([math.log(_shipped(p, families) / p.prior) for p in parameters])


def _shipped(parameter: Parameter, families: Mapping[str, Mapping[str, Any]]) -> float:
    entry = shipped()[parameter.name]
    if not parameter.family:
        return min(entry.value, parameter.most)
    own = str(families[parameter.family][parameter.name])
    return float(own[1:]) if own.startswith("*") else min(units.parse(_bare(own), entry.dimension), parameter.most)


def _bare(text: str) -> str | float:
    """A number written without a unit, as a number."""
    try:
        return float(text)
    except ValueError:
        return text


def written(name: str, value: float, digits: int = 4) -> str:
    """A coefficient as data and plans have it: a few digits and its unit."""
    exact = str(units.exact(value, shipped()[name].dimension))
    return re.sub(r"^([-+.\de]+)\s*", lambda found: f"{float(found[1]):.{digits}g} ", exact).strip()


def by_family(found: Sequence[Parameter], values: Sequence[float]) -> dict[str, dict[str, str]]:
    """Fitted values by family and name without its section, as data has them; of no family under `EVERY`."""
    sorted_out: dict[str, dict[str, str]] = {}
    for parameter, value in zip(found, values, strict=True):
        name = parameter.name.split(".")[1]
        sorted_out.setdefault(parameter.family or EVERY, {})[name] = written(parameter.name, value)
    return sorted_out


@dataclass(frozen=True)
class Values:
    """Shipped assumptions and families' own values with the parameters at theta.

    Attributes:
        entries: assumptions by name.
        families: their own values by family and name: SI numbers, or factors on the shipped ones.
    """

    entries: Mapping[str, Assumption]
    families: Mapping[str, Mapping[str, float | str | Factor]]


def at(parameters: Sequence[Parameter], theta: Floats, more: Mapping[str, float] | None = None) -> Values:
    """The assumptions with the parameters at theta [..., parameters], and more that were not fitted.

    Where theta holds many fits, each value is an array over them: the step model computes one configuration for each.
    """
    entries, families = shipped(), dict[str, dict[str, float | str | Factor]]()
    for name, value in (more or {}).items():
        entries[name] = replace(entries[name], value=value)
    for parameter, each in zip(parameters, np.moveaxis(theta, -1, 0), strict=True):
        value: Any = parameter.value(each)  # a number to the type checker and to the models; see above
        if parameter.family:
            own = families.setdefault(parameter.family, {})
            own[parameter.name] = Factor(value) if parameter.factor else value
        else:
            entries[parameter.name] = replace(entries[parameter.name], value=value)
    return Values(entries, families)
