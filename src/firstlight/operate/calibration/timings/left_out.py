"""How well kernels are predicted that the fit has not seen: shapes, and whole accelerators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firstlight.operate.calibration.timings import widths
from firstlight.operate.calibration.timings.grow import grow
from firstlight.operate.calibration.timings.kernels import Timed, plainly
from firstlight.operate.validation.score import Outcome
from firstlight.timings import predict
from firstlight.timings.cases import Labels
from firstlight.timings.coefficients import Fitted

SHARE = 0.3
SEED = 7


def shapes(rows: Timed) -> list[Outcome]:
    """Three in ten configurations left out of everything, all releases of one together."""
    number = widths.configurations(rows.cases)
    out = (np.random.default_rng(SEED).random(int(number.max()) + 1) < SHARE)[number]
    kept, seconds = rows.cases.select(~out), rows.seconds[~out]
    fitted = replace(plainly(kept, seconds, grow(kept, seconds)), wider=widths.UNKNOWN)
    return _outcomes(rows, out, predict.evaluate(rows.cases.select(out), fitted))


def accelerators(rows: Timed, fitted: Fitted, name: str) -> list[Outcome]:
    """Each accelerator ("sisters") or whole generation ("generations") left out in turn.

    What the widths get on top is learnt from the other left-out groups, never from the one that is scored. How fast
    likeness fades is taken from the fit on all rows.
    """
    labels = rows.cases.labels
    groups = labels.accelerator if name == "sisters" else labels.generation
    masks = [groups == group for group in np.unique(groups)]
    masks = [out for out in masks if widths.speaks(labels, out, name)]
    tried = [widths.without(rows.cases, rows.seconds, fitted, out) for out in masks]
    missed = [widths.missed(one, rows.seconds[out]) for one, out in zip(tried, masks, strict=True)]
    outcomes: list[Outcome] = []
    for index, (out, one) in enumerate(zip(masks, tried, strict=True)):
        others = [other for other in range(len(masks)) if other != index]
        outcomes += _outcomes(rows, out, _widened(one, {
            kind: _top(tried, missed, others, kind) for kind in widths.UNKNOWN
        }))  # fmt: skip
    return outcomes


def one_latency(rows: Timed, fitted: Fitted) -> list[Outcome]:
    """NCCL's collectives on whole generations left out, but for the smallest all-reduce of each accelerator.

    That one measurement sets the factor on the accelerator's latencies, and is not scored.
    """
    labels, outcomes = rows.cases.labels, list[Outcome]()
    masks = [labels.generation == group for group in np.unique(labels.generation)]
    tried: list[tuple[Timed, predict.Predicted]] = []
    for out in masks:
        known, asked = _anchored(rows, out)
        tried.append((asked, _rescaled(rows, fitted, out, known, asked)))
    missed = [widths.missed(one, asked.seconds) for asked, one in tried]
    for index, (asked, one) in enumerate(tried):
        others = [other for other in range(len(masks)) if other != index]
        tops = {kind: _top([each for _, each in tried], missed, others, kind) for kind in widths.UNKNOWN}
        outcomes += _outcomes(asked, np.ones(len(asked.seconds), dtype=bool), _widened(one, tops))
    return outcomes


def _anchored(rows: Timed, out: NDArray[np.bool_]) -> tuple[Timed, Timed]:
    """Of the left-out rows the smallest all-reduce of each accelerator, on most of its ranks, and all others."""
    labels, shape = rows.cases.labels, rows.cases.shape
    chosen = np.zeros(len(out), dtype=bool)
    for name in np.unique(labels.accelerator[out]):
        own = np.flatnonzero((labels.accelerator == name) & (labels.dtype == "all_reduce"))
        order = np.lexsort((rows.seconds[own], shape["size"][own], -shape["ranks"][own]))
        chosen[own[order[0]]] = True
    known, asked = out & chosen, out & ~chosen
    return (
        Timed(rows.cases.select(known), rows.seconds[known]),
        Timed(rows.cases.select(asked), rows.seconds[asked]),
    )


def _rescaled(rows: Timed, fitted: Fitted, out: NDArray[np.bool_], known: Timed, asked: Timed) -> predict.Predicted:
    """The asked rows from a fit without all that is left out, with latencies scaled to the known ones."""
    inner = widths.inner(rows.cases, rows.seconds, fitted, out)
    plain = replace(known.cases, shape={**known.cases.shape, "latency": np.ones(len(known.seconds))})
    factors = known.seconds / predict.evaluate(plain, inner).p50
    by_name = dict(zip(known.cases.labels.accelerator.tolist(), factors.tolist(), strict=True))
    latency = np.array([by_name[name] for name in asked.cases.labels.accelerator.tolist()])
    return predict.evaluate(replace(asked.cases, shape={**asked.cases.shape, "latency": latency}), inner)


def _top(
    tried: Sequence[predict.Predicted], missed: Sequence[NDArray[np.float64]], others: Sequence[int], kind: str
) -> float:
    errors = [missed[other][:, widths.rests(tried[other], kind)] for other in others]
    return widths.known(np.concatenate([np.empty((2, 0)), *errors], axis=1), kind)


def _widened(tried: predict.Predicted, wider: dict[str, float]) -> predict.Predicted:
    top = np.array([wider.get(name, 0.0) for name in predict.WIDER])[tried.basis]
    half = np.exp(np.hypot(np.log(tried.p90 / tried.p50), top))
    return replace(tried, p10=tried.p50 / half, p90=tried.p50 * half)


def _outcomes(rows: Timed, out: NDArray[np.bool_], tried: predict.Predicted) -> list[Outcome]:
    labels: Labels = rows.cases.labels.select(out)
    found = zip(
        rows.seconds[out].tolist(), tried.scaled(1.0), labels.dtype.tolist(), labels.accelerator.tolist(),
        labels.generation.tolist(), tried.basis.tolist(), strict=True,
    )  # fmt: skip
    operation = rows.cases.operation
    return [
        Outcome(
            "", "s", seconds, one, 1.0,
            {"operation": operation, "dtype": f"{operation} {dtype}", "accelerator": f"{operation} {accelerator}",
             "generation": f"{operation} {generation}", "basis": f"{operation}: {predict.BASIS[basis]}"},
        )
        for seconds, one, dtype, accelerator, generation, basis in found
    ]  # fmt: skip
