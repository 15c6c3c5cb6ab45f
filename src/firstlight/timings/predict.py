"""Times with their intervals: the formula, sharpened near measured shapes, wider away from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.timings import tree
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.coefficients import Coefficients, Fitted, machines
from firstlight.timings.device import processors
from firstlight.timings.residual import krige
from firstlight.twin.protocols import Floats, Ints
from firstlight.twin.result import Prediction

SISTER, STRANGER = 0.4, 1.4
"""Logarithms of the largest ratio of two machines' rates: of sisters (H100 and H200 differ by 0.36 in bandwidth), and
from which residuals tell nothing any more (estimate)."""
NEAR = 0.9
"""Share of the far spread below which anchors are near enough to speak for a shape."""
KNOWN, FAR, SISTERS, STYLE, GENERATIONS = range(5)
BASIS = (
    "timings of this kernel on this accelerator at nearby shapes",
    "formula fitted to this kernel on this accelerator; no shape nearby was timed",
    "this kernel timed on sister accelerators; specification of this one",
    "kernels of this style timed on this generation; this one was not",
    "kernels of other generations or number types; specification of this accelerator",
)
"""What a prediction rests on, the best first."""
WIDER = ("", "", "sisters", "style", "generations")
"""Which part of `Fitted.wider` each basis takes."""


@dataclass(frozen=True)
class Predicted:
    """Times of some calls [s, rows].

    Attributes:
        p10, p50, p90: quantiles [s]. basis: index into `BASIS` [rows].
    """

    p10: Floats
    p50: Floats
    p90: Floats
    basis: Ints

    @property
    def calibrated(self) -> NDArray[np.bool_]:
        """The interval was learnt on such calls [rows]."""
        return self.basis <= FAR

    def scaled(self, unit: float) -> list[Prediction]:
        """One prediction a call, in units of so many seconds."""
        numbers = zip((self.p10 / unit).tolist(), (self.p50 / unit).tolist(), (self.p90 / unit).tolist(), strict=True)
        return [
            Prediction(low, middle, high, basis <= FAR, BASIS[basis])
            for (low, middle, high), basis in zip(numbers, self.basis.tolist(), strict=True)
        ]


def predict(cases: Cases, coefficients: Coefficients) -> Predicted:
    """Times of calls of one operation.

    Raises:
        UsageError: the coefficients do not know the operation.
    """
    if cases.operation not in coefficients.operations:
        raise UsageError(f"the coefficients hold no {cases.operation}; calibrate with a table of that operation")
    return evaluate(cases, coefficients.operations[cases.operation])


def evaluate(cases: Cases, fitted: Fitted) -> Predicted:
    """Times of calls of the operation that was fitted.

    The half width is that of the local residual; where the kernel or the accelerator was not timed, what such steps
    cost when they were left out of the fit comes on top in quadrature.
    """
    found = tree.find(fitted.nodes, cases.labels)
    time, _ = fitted.formula.best(found.theta, cases.shape)
    local = krige(fitted.anchors, fitted.scales, cases.place, cases.labels)
    far = np.sqrt(1.0 + fitted.scales.nugget)
    basis = _basis(found, local.spread / far)
    unlike = _unlike(cases, fitted)
    spread = np.maximum(local.spread, unlike * far) * _spreads(fitted, cases.labels)
    half = np.exp(np.sqrt(spread**2 + _extra(cases.labels, fitted, basis, unlike) ** 2))
    p50 = np.exp(time + local.mean * (1.0 - unlike))
    return Predicted(p50 / half, p50, p50 * half, basis)


def _extra(labels: Labels, fitted: Fitted, basis: Ints, unlike: Floats) -> Floats:
    """Half width on top of the local one [rows]."""
    wider = np.array([fitted.wider.get(name, 0.0) for name in WIDER])[basis]
    kinds, which = np.unique(labels.generation, return_inverse=True)
    table = processors()["generations"]
    apart = np.array([float(table[kind]["apart"]) for kind in kinds.tolist()])[which]
    return np.sqrt(wider**2 + apart**2 + (unlike * fitted.wider.get("generations", 0.0)) ** 2)


def _unlike(cases: Cases, fitted: Fitted) -> Floats:
    """How unlike each call's machine is to the timed ones of its generation: 0 like sisters, 1 like strangers [rows].

    The farthest of the logarithms of peak, bandwidth and units counts. Where no sister was timed nothing is borrowed.
    """
    names, which = np.unique(cases.labels.accelerator, return_inverse=True)
    found = np.zeros(len(names))
    for index, (kind, own) in enumerate(machines(cases).values()):
        steps = [np.abs(own - other).max() for generation, other in fitted.machines.values() if generation == kind]
        found[index] = np.clip((min(steps, default=0.0) - SISTER) / (STRANGER - SISTER), 0.0, 1.0)
    return found[which]


def _basis(found: tree.Found, relative: Floats) -> Ints:
    own = np.where(relative < NEAR, KNOWN, FAR)
    style = np.where(found.level >= tree.KIN, STYLE, GENERATIONS)
    kin = np.where(found.level == tree.OWN - 1, SISTERS, style)
    return np.where(found.foreign, GENERATIONS, np.where(found.level >= tree.OWN, own, kin))


def _spreads(fitted: Fitted, labels: Labels) -> Floats:
    """Half width far from all anchors, of each call's number type and generation [rows]."""
    keys = np.char.add(np.char.add(labels.dtype, tree.SEPARATOR), labels.generation)
    kinds, which = np.unique(keys, return_inverse=True)
    return np.array([_spread(fitted, kind) for kind in kinds.tolist()])[which]


def _spread(fitted: Fitted, kind: str) -> float:
    dtype = kind.partition(tree.SEPARATOR)[0]
    return next(fitted.spread[key] for key in (kind, dtype, "") if key in fitted.spread)
