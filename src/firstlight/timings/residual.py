"""What formulas miss near measured shapes: local kriging of log residuals among the nearest anchors.

Covariance exp(-distance), distance = scaled differences of the shapes' dimensions + a step for each label that differs.
Far from every anchor the mean returns to zero and the spread to its prior. Kriging with the nearest neighbours
only: Vecchia (1988); Datta et al., "Hierarchical nearest-neighbor Gaussian process models" (2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.timings.cases import Labels, Texts
from firstlight.twin.protocols import Floats, Ints

LABELS = ("dtype", "kernel", "release", "accelerator")
"""Labels that anchors may differ in; those of other generations and styles are no neighbours at all."""
NEIGHBOURS = 32
STEP = 512
"""Calls that are kriged at once."""


@dataclass(frozen=True)
class Scales:
    """How fast likeness fades.

    Attributes:
        lengths: in base-2 logarithms of the shape [dimensions].
        steps: distance that a differing label adds, in the order of `LABELS`.
        nugget: share of the variance that no neighbour knows of.
    """

    lengths: Floats
    steps: Floats
    nugget: float


@dataclass(frozen=True)
class Anchors:
    """Measured residuals.

    Attributes:
        place: of the shapes [anchors, dimensions]; labels: of each; residual: log of measured over formula [anchors].
        configuration: equal for repeats of one shape on one machine, which never vouch for each other [anchors].
    """

    place: Floats
    labels: Labels
    residual: Floats
    configuration: Ints


@dataclass(frozen=True)
class Local:
    """Mean and relative spread of the residual at some calls [rows]; spread 1 is that far from all anchors."""

    mean: Floats
    spread: Floats


def krige(anchors: Anchors, scales: Scales, place: Floats, labels: Labels, apart: Ints | None = None) -> Local:
    """The residual at some calls, from the nearest anchors of their partition.

    Args:
        anchors, scales: of the operation.
        place: of the calls [rows, dimensions]; labels: of the calls.
        apart: configuration of each call whose own anchors are not looked at (leave-one-out); None uses all [rows].
    """
    mean, spread = np.zeros(len(place)), np.full(len(place), np.sqrt(1.0 + scales.nugget))
    theirs, ours = _groups(partition(anchors.labels)), _groups(partition(labels))
    for name, rows in ours.items():
        if name in theirs:
            near = theirs[name]
            mean[rows], spread[rows] = _partition(
                _Part.of(anchors, near, scales), scales, place[rows], labels.select(rows),
                None if apart is None else apart[rows],
            )  # fmt: skip
    return Local(mean, spread)


def partition(labels: Labels) -> Texts:
    """Calls of different partitions are strangers: another phase, or another generation [rows]."""
    phase = np.array([text.partition(" ")[0] if " " in text else "" for text in labels.dtype.tolist()])
    return np.char.add(np.char.add(phase, "|"), labels.generation)


def _groups(keys: Texts) -> Mapping[str, NDArray[np.intp]]:
    kinds, which = np.unique(keys, return_inverse=True)
    return {str(kind): np.flatnonzero(which == index) for index, kind in enumerate(kinds)}


@dataclass(frozen=True)
class _Part:
    """Anchors of one partition, scaled: kinds are the different label tuples."""

    place: Floats
    residual: Floats
    kind: Ints
    kinds: tuple[tuple[str, ...], ...]
    apart: Floats
    configuration: Ints

    @classmethod
    def of(cls, anchors: Anchors, rows: NDArray[np.intp], scales: Scales) -> _Part:
        """Those in `rows` of the anchors."""
        kinds, kind = _kinds(anchors.labels.select(rows))
        apart = _steps(kinds, kinds, scales.steps)
        place = anchors.place[rows] / scales.lengths
        return cls(place, anchors.residual[rows], kind, kinds, apart, anchors.configuration[rows])


def _kinds(labels: Labels) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    tuples = list(zip(*(getattr(labels, name).tolist() for name in LABELS), strict=True))
    index: dict[tuple[str, ...], int] = {}
    which = np.array([index.setdefault(one, len(index)) for one in tuples], dtype=np.int64)
    return tuple(index), which


def _steps(ours: tuple[tuple[str, ...], ...], theirs: tuple[tuple[str, ...], ...], steps: Floats) -> Floats:
    """Distance that differing labels add [ours, theirs]."""
    a, b = np.array(ours), np.array(theirs)
    return ((a[:, None, :] != b[None, :, :]) * steps).sum(axis=2)


def _partition(part: _Part, scales: Scales, place: Floats, labels: Labels, apart: Ints | None) -> tuple[Floats, Floats]:
    mean, spread = np.empty(len(place)), np.empty(len(place))
    scaled = place / scales.lengths
    kinds, kind = _kinds(labels)
    steps = _steps(kinds, part.kinds, scales.steps)[:, part.kind]
    for index in range(len(kinds)):
        rows = np.flatnonzero(kind == index)
        for start in range(0, len(rows), STEP):
            chunk = rows[start : start + STEP]
            distance = _distances(scaled[chunk], part.place) + steps[index]
            if apart is not None:
                distance[apart[chunk][:, None] == part.configuration[None, :]] = np.inf
            mean[chunk], spread[chunk] = _solve(part, distance, scales.nugget)
    return mean, spread


def _distances(a: Floats, b: Floats) -> Floats:
    """Sum over the dimensions of how far each of a is from each of b [a, b]."""
    found = np.zeros((len(a), len(b)))
    for column in range(a.shape[1]):
        found += np.abs(a[:, column, None] - b[None, :, column])
    return found


def _solve(part: _Part, distance: Floats, nugget: float) -> tuple[Floats, Floats]:
    count = min(NEIGHBOURS, distance.shape[1])
    near = np.argpartition(distance, count - 1, axis=1)[:, :count]
    toward = np.exp(-np.take_along_axis(distance, near, axis=1))
    places = part.place[near]
    between = np.zeros((len(near), count, count))
    for column in range(places.shape[2]):
        between += np.abs(places[:, :, None, column] - places[:, None, :, column])
    kind = part.kind[near]
    covariance = np.exp(-between - part.apart[kind[:, :, None], kind[:, None, :]])
    covariance[:, np.arange(count), np.arange(count)] += nugget
    weights = np.linalg.solve(covariance, toward[:, :, None])[:, :, 0]
    mean = (weights * part.residual[near]).sum(axis=1)
    left = 1.0 + nugget - (weights * toward).sum(axis=1)
    return mean, np.sqrt(np.maximum(left, nugget))
