"""How wide intervals must be: from configurations, accelerators, frameworks and generations left out of the fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firstlight.operate.calibration.timings.grow import grow
from firstlight.operate.validation.timings.registry import formulas
from firstlight.timings import predict, tree
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.coefficients import Fitted, machines
from firstlight.timings.residual import Anchors, Scales, krige
from firstlight.twin.protocols import Floats, Ints

COVERED = 0.8
ENOUGH = 60
"""Anchors that a number type on a generation must have for a width of its own."""
OUTLIERS, MEDIAN_OF_NORMAL = 3.0, 0.6745
"""Standard deviations from which a residual is an outlier; the median of a normal error over its deviation."""
MOST = 2.0
"""Residuals beyond it are taken for outliers and cut to it (in the logarithm)."""
UNKNOWN = {"sisters": 0.15, "style": 0.35, "generations": 0.45}
"""Widths where too few calls were left out: about those of products (estimate)."""
LEAST = {"sisters": 0.04, "style": 0.2, "generations": 0.07}
"""Least widths: about the least above 0 that any operation of measurements/kernels shows (fitted)."""


def anchors(cases: Cases, seconds: Floats, nodes: Mapping[str, Floats]) -> Anchors:
    """Residuals of measured cases against the formula."""
    time, _ = formulas()[cases.operation].best(tree.find(nodes, cases.labels).theta, cases.shape)
    residual = np.clip(np.log(seconds) - time, -MOST, MOST)
    return Anchors(cases.place, cases.labels, residual, configurations(cases))


def tempered(found: Anchors, scales: Scales) -> Anchors:
    """The same with outliers drawn toward what their neighbours say, so that they mislead none of these (Huber, 1964).

    An outlier lies off by more than `OUTLIERS` standard deviations, by the median of all.
    """
    near = krige(found, scales, found.place, found.labels, found.configuration)
    off = found.residual - near.mean
    most = OUTLIERS * float(np.median(np.abs(off) / near.spread)) / MEDIAN_OF_NORMAL * near.spread
    return replace(found, residual=near.mean + np.clip(off, -most, most))


def configurations(cases: Cases) -> Ints:
    """A number for each different call, equal for repeats of it in other releases [rows]."""
    labels = cases.labels
    named = np.char.add(np.char.add(np.char.add(labels.dtype, "|"), labels.kernel), labels.accelerator)
    _, kind = np.unique(named, return_inverse=True)
    table = np.column_stack([kind, np.round(cases.place, 4)])
    return np.unique(table, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def spreads(found: Anchors, scales: Scales, measured: Floats) -> dict[str, float]:
    """Half widths far from all anchors: quantiles of the left-out errors over the spread that kriging expects.

    Args:
        found: anchors that the others are predicted from. scales: of them.
        measured: their residuals as they were, before outliers were drawn in [anchors].
    """
    local = krige(found, scales, found.place, found.labels, found.configuration)
    ratio = np.abs(local.mean - measured) / local.spread
    labels = found.labels
    keys = [np.char.add(np.char.add(labels.dtype, tree.SEPARATOR), labels.generation), labels.dtype]
    widths = {"": float(np.quantile(ratio, COVERED))}
    for texts in keys:
        for key in np.unique(texts).tolist():
            own = ratio[texts == key]
            if len(own) >= ENOUGH:
                widths[key] = float(np.quantile(own, COVERED))
    return widths


def wider(cases: Cases, seconds: Floats, fitted: Fitted, tell: Callable[[str], None]) -> dict[str, float]:
    """Half widths on top, by what is not known: each group left out in turn, the tree fitted anew."""
    labels = cases.labels
    frameworks = np.char.partition(labels.kernel, ":")[:, 0]
    plans = {"sisters": labels.accelerator, "style": frameworks, "generations": labels.generation}
    found = dict[str, float]()
    for name, groups in plans.items():
        tell(f"{cases.operation}: leaving out {name}")
        errors = [_left_out(cases, seconds, fitted, groups == group, name) for group in np.unique(groups)]
        pooled = np.concatenate([np.empty((2, 0)), *errors], axis=1)
        found[name] = known(pooled, name)
    return found


def known(errors: Floats, name: str) -> float:
    """Half width on top where a call rests on `name`, from `missed` errors of left-out calls [2, calls].

    The estimate stays where fewer than `ENOUGH` were left out. No width is less than `LEAST`: that the far width of one
    narrow table covers its own left-out calls does not say that it covers strangers.
    """
    return max(on_top(errors), LEAST[name]) if errors.shape[1] >= ENOUGH else UNKNOWN[name]


def _left_out(cases: Cases, seconds: Floats, fitted: Fitted, out: NDArray[np.bool_], name: str) -> Floats:
    """Errors of the left-out calls that then rest on `name`, and the half widths without anything on top [2, calls]."""
    if not speaks(cases.labels, out, name):
        return np.empty((2, 0))
    tried = without(cases, seconds, fitted, out)
    return missed(tried, seconds[out])[:, rests(tried, name)]


def without(cases: Cases, seconds: Floats, fitted: Fitted, out: NDArray[np.bool_]) -> predict.Predicted:
    """The left-out calls, predicted by a tree and anchors of the others; nothing is put on top of the widths."""
    return predict.evaluate(cases.select(out), inner(cases, seconds, fitted, out))


def inner(cases: Cases, seconds: Floats, fitted: Fitted, out: NDArray[np.bool_]) -> Fitted:
    """A fit of the tree and the anchors of what is not left out; nothing is put on top of its widths."""
    kept = cases.select(~out)
    nodes = grow(kept, seconds[~out])
    found = tempered(anchors(kept, seconds[~out], nodes), fitted.scales)
    return replace(fitted, nodes=nodes, anchors=found, wider={}, machines=machines(kept))


def missed(tried: predict.Predicted, seconds: Floats) -> Floats:
    """Absolute errors and half widths, in the logarithm [2, calls]."""
    return np.stack([np.abs(np.log(tried.p50 / seconds)), np.log(tried.p90 / tried.p50)])


def rests(tried: predict.Predicted, name: str) -> NDArray[np.bool_]:
    """The calls whose prediction rests on "sisters", "style" or "generations" [rows]."""
    return np.array([basis == name for basis in predict.WIDER])[tried.basis]


def speaks(labels: Labels, out: NDArray[np.bool_], name: str) -> bool:
    """Something that can speak for the left-out calls stays in: of their generation, where one is not left out."""
    if out.all():
        return False
    return name == "generations" or bool(np.isin(labels.generation[out], labels.generation[~out]).any())


def on_top(errors: Floats) -> float:
    """Width that, in quadrature with the half widths, covers the wanted share of `missed` errors [2, calls]."""
    return float(np.quantile(np.sqrt(np.maximum(errors[0] ** 2 - errors[1] ** 2, 0.0)), COVERED))
