"""Fitted coefficients as data: a folder with readable numbers and provenance, and the anchors of the residuals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.formula import Formula
from firstlight.timings.residual import Anchors, Scales
from firstlight.twin.protocols import Floats

NUMBERS, ANCHORS = "coefficients.json", "anchors.npz"
PLACE, RESIDUAL = 256.0, 1e4
"""Steps of a place and of a residual in the file of anchors, where they are 16-bit integers."""
DIGITS = 5
MACHINE = ("peak_bf16", "bandwidth", "units")
"""What makes two machines of a generation alike."""
NAMES = ("dtype", "style", "kernel", "release", "accelerator", "generation")


@dataclass(frozen=True)
class Fitted:
    """What was fitted for one operation.

    Attributes:
        formula: whose parameters they are.
        nodes: logarithms of the parameters by node of the tree.
        anchors: residuals at measured shapes; scales: how fast their likeness fades.
        spread: half width (P10 to P50, in the logarithm) where no anchor is near, by "dtype|generation", dtype, and "".
        wider: half width that comes on top: where the kernel was timed on "sisters" only, where "style" alone was, and
            on other "generations" only.
        machines: what was timed: by accelerator its generation, and logarithms of what `MACHINE` names.
    """

    formula: Formula
    nodes: Mapping[str, Floats]
    anchors: Anchors
    scales: Scales
    spread: Mapping[str, float]
    wider: Mapping[str, float]
    machines: Mapping[str, tuple[str, Floats]]


def machines(cases: Cases) -> dict[str, tuple[str, Floats]]:
    """The accelerators of some cases, as `Fitted.machines` has them."""
    names, first = np.unique(cases.labels.accelerator, return_index=True)
    table = np.log(np.stack([cases.shape[name][first] for name in MACHINE], axis=1))
    kinds = cases.labels.generation[first].tolist()
    return {name: (kind, values) for name, kind, values in zip(names.tolist(), kinds, table, strict=True)}


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of all fitted operations, and where they come from."""

    operations: Mapping[str, Fitted]
    provenance: Mapping[str, Any]

    def summary(self) -> dict[str, Any]:
        """What was fitted to what, and how wide intervals are: far from all shapes, and what is on top elsewhere."""
        operations = {
            name: {
                "rows": self.provenance["rows"][name],
                "nodes": len(one.nodes),
                "half_width": {"far": one.spread[""], **one.wider},
            }
            for name, one in self.operations.items()
        }
        return {"provenance": dict(self.provenance), "operations": operations}


def joined(first: Coefficients, second: Coefficients) -> Coefficients:
    """The operations of both; the provenance of one of them is that of the first, with the rows of both."""
    rows = {**first.provenance["rows"], **second.provenance["rows"]}
    return Coefficients({**first.operations, **second.operations}, {**first.provenance, "rows": rows})


def read(folder: Path | Traversable, formulas: Mapping[str, Formula], name: str) -> Coefficients:
    """The coefficients of a folder that was written by `save`.

    Args:
        folder: with the files `NUMBERS` and `ANCHORS`.
        formulas: of the operations that it may hold.
        name: of the folder in messages.

    Raises:
        DocumentError: the folder lacks a file, or one is not what was written.
    """
    try:
        raw = json.loads((folder / NUMBERS).read_text("utf-8"))
        with (folder / ANCHORS).open("rb") as file, np.load(cast(BinaryIO, file), allow_pickle=False) as arrays:
            found = {key: _fitted(formulas[key], key, one, arrays) for key, one in raw["operations"].items()}
        return Coefficients(found, raw["provenance"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        reason = f"holds no coefficients of timings: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        remedy = "Name the folder that `firstlight calibrate kernels -o FOLDER` or `calibrate collectives` wrote."
        raise DocumentError((Problem("", reason, remedy, name),)) from None


def _fitted(formula: Formula, operation: str, raw: Mapping[str, Any], arrays: Any) -> Fitted:
    names = list(raw["parameters"])
    if names != [p.name for p in formula.parameters]:
        raise ValueError(f"{operation} was fitted with other parameters")
    scales = Scales(np.array(raw["lengths"]), np.array(raw["steps"]), float(raw["nugget"]))
    nodes = {name: np.log(values) for name, values in raw["nodes"].items()}
    place = arrays[f"{operation}.place"] / PLACE
    residual = arrays[f"{operation}.residual"] / RESIDUAL
    kinds = np.array(raw["labels"], dtype=np.str_)[arrays[f"{operation}.labels"]]
    labels = Labels(*(kinds[:, column] for column in range(len(NAMES))))
    alone = np.arange(len(place))
    found = {name: (kind, np.log(values)) for name, (kind, *values) in raw["machines"].items()}
    return Fitted(formula, nodes, Anchors(place, labels, residual, alone), scales, raw["spread"], raw["wider"], found)


def save(found: Coefficients, folder: Path) -> None:
    """Write coefficients to a folder, which is made where there is none.

    Raises:
        UsageError: it cannot be written.
    """
    arrays: dict[str, Any] = {}
    operations = {name: _plain(name, one, arrays) for name, one in found.operations.items()}
    text = json.dumps({"provenance": found.provenance, "operations": operations}, indent=1, sort_keys=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NUMBERS).write_text(_compact(text) + "\n", "utf-8")
        np.savez_compressed(folder / ANCHORS, **arrays)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error


def _plain(operation: str, found: Fitted, arrays: dict[str, Any]) -> dict[str, Any]:
    """One operation as JSON has it; its anchors go into `arrays`, in an order that compresses."""
    columns = np.stack([getattr(found.anchors.labels, name) for name in NAMES], axis=1)
    kinds, which = np.unique(columns, axis=0, return_inverse=True)
    order = np.lexsort((*found.anchors.place.T[::-1], which.ravel()))
    arrays[f"{operation}.place"] = np.round(found.anchors.place[order] * PLACE).astype(np.int16)
    arrays[f"{operation}.residual"] = np.round(found.anchors.residual[order] * RESIDUAL).astype(np.int16)
    arrays[f"{operation}.labels"] = which.ravel()[order].astype(np.uint16)
    return {
        "formula": found.formula.name,
        "parameters": [p.name for p in found.formula.parameters],
        "lengths": _rounded(found.scales.lengths),
        "steps": _rounded(found.scales.steps),
        "nugget": _rounded(np.array([found.scales.nugget]))[0],
        "spread": {key: float(f"{value:.4g}") for key, value in found.spread.items()},
        "wider": {key: float(f"{value:.4g}") for key, value in found.wider.items()},
        "machines": {name: [kind, *_rounded(np.exp(values))] for name, (kind, values) in found.machines.items()},
        "labels": kinds.tolist(),
        "nodes": {name: _rounded(np.exp(theta)) for name, theta in found.nodes.items()},
    }


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]


def _compact(text: str) -> str:
    """JSON with each innermost list on one line."""
    lines: list[str] = []
    inside: list[str] | None = None
    for line in text.split("\n"):
        if line.endswith("[") and inside is None:
            inside = [line]
        elif inside is None:
            lines.append(line)
        elif line.endswith("["):
            lines += inside
            inside = [line]
        else:
            inside.append(line.strip())
            if line.strip().startswith("]"):
                lines.append(" ".join(inside).replace("[ ", "[").replace(" ]", "]"))
                inside = None
    return "\n".join([*lines, *(inside or [])])
