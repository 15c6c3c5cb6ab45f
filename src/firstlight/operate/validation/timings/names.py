"""What cells call things: number types, frameworks with their releases, styles of kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from firstlight.timings.cases import Texts
from firstlight.twin.protocols import Floats

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class NumberType:
    """A number type: bytes of a weight and an activation, the hardware type it runs in, quantised inside or not."""

    name: str
    weight: float
    activation: float
    runs: str
    quantised: float


@cache
def number_types() -> Mapping[str, NumberType]:
    """Number types by each of their names, from data/kernels/types.yaml."""
    found: dict[str, NumberType] = {}
    for name, raw in load("types.yaml").items():
        kind = NumberType(name, float(raw["weight"]), float(raw["activation"]), raw["runs"], float(raw["quantised"]))
        found |= dict.fromkeys((name, *raw["aliases"]), kind)
    return found


def load(name: str) -> Any:
    """A file of data/kernels."""
    file = resources.files("firstlight.data") / "kernels" / name
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def canonical(cells: Texts) -> Texts:
    """Number types under their first names; unknown ones as they are [rows]."""
    return mapped(cells, {name: kind.name for name, kind in number_types().items()})


def mapped(cells: Texts, names: Mapping[str, str]) -> Texts:
    """Texts with some replaced [rows]."""
    kinds, which = np.unique(cells, return_inverse=True)
    return np.array([names.get(kind, kind) for kind in kinds.tolist()], dtype=np.str_)[which]


def values(cells: Texts, attribute: str) -> Floats:
    """An attribute of each cell's number type; infinite for unknown types [rows]."""
    types = number_types()
    kinds, which = np.unique(cells, return_inverse=True)
    found = [getattr(types[kind], attribute) if kind in types else np.inf for kind in kinds.tolist()]
    return np.array(found, dtype=float)[which]


def peaks(cells: Texts, device: Mapping[str, Floats]) -> Floats:
    """Rate of each row's number type on its device; infinite for unknown types [rows]."""
    types = number_types()
    found = np.full(len(cells), np.inf)
    for kind in np.unique(cells).tolist():
        if kind in types:
            found = np.where(cells == kind, device[f"peak_{types[kind].runs}"], found)
    return found


def software(cells: Texts) -> tuple[Texts, Texts]:
    """Framework and release of "framework/release" [rows]."""
    parts = np.char.partition(cells, "/") if len(cells) else np.empty((0, 3), dtype=np.str_)
    return parts[:, 0], parts[:, 2]


def styles(formula: str, kernels: Texts) -> Texts:
    """Style of each kernel by the rules of data/kernels/styles.yaml [rows]."""
    rules: Sequence[Mapping[str, Any]] = _styles().get(formula, ())
    kinds, which = np.unique(kernels, return_inverse=True)
    return np.array([_style(rules, kind.lower()) for kind in kinds.tolist()], dtype=np.str_)[which]


@cache
def _styles() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    return load("styles.yaml")


def _style(rules: Sequence[Mapping[str, Any]], kernel: str) -> str:
    fitting = (rule["style"] for rule in rules if any(part in kernel for part in rule["contains"]))
    return next(fitting, "library")
