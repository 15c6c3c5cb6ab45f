"""What packets add to the busiest trunk, fitted to packet-level runs; and how well that predicts topologies left out.

Only the formula for cases too large for packets has constants to fit (`data/network/transport.yaml`, `excess`): sprayed
traffic over healthy links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from firstlight.errors import FirstlightError, UsageError
from firstlight.network.formats import read_topo, read_traffic
from firstlight.network.simulate import planes
from firstlight.network.transport import estimate
from firstlight.network.transport.estimate import Load
from firstlight.network.transport.protocol import protocol
from firstlight.operate.calibration import fit
from firstlight.operate.validation import table
from firstlight.operate.validation.network import COLUMNS, METRIC, MICRO, UNREAD, case_of, find
from firstlight.operate.validation.score import weighted_quantile
from firstlight.operate.validation.table import CellError, Row
from firstlight.twin.protocols import Floats

FITTED = (
    "walk_adaptive", "walk_reps", "lasting", "overload", "row", "tail_adaptive", "tail_reps", "tail_spray", "overflow",
    "incast", "fan",
)  # fmt: skip
SIGMA = 0.5
"""Standard deviation of a constant's logarithm around its prior, the shipped value."""
SPRAYED = ("spray", "reps", "adaptive")
STEPS = 6


@dataclass(frozen=True)
class Known:
    """One run: routing, topology, what its excess depends on, the fluid makespan [s], the measured one [s]."""

    routing: str
    topology: str
    load: Load
    base: float
    measured: float


@dataclass(frozen=True)
class NetworkCalibration:
    """Fitted constants.

    Attributes:
        values: by name. spread: standard deviation of their logarithms.
        fitted: median, 90th percentile and largest absolute error on the rows that were fitted to.
        left_out: the same with each row's topology left out of the fit; None where there is one topology.
        rows: that were fitted to. passed: why others were not.
    """

    values: dict[str, float]
    spread: dict[str, float]
    fitted: tuple[float, float, float]
    left_out: tuple[float, float, float] | None
    rows: int
    passed: tuple[str, ...]


def calibrate_network(
    cases: Sequence[Path], topologies: Path, traffic: Path, progress: Callable[[str], None] = lambda _: None
) -> NetworkCalibration:
    """Fit the constants, from the shipped ones, with each topology left out in turn.

    Args:
        cases: CSV files with the columns of measurements/network/packet_level.csv.
        topologies, traffic: folders of their files.
        progress: called with what is being done.

    Raises:
        DocumentError: a file cannot be read. UsageError: no row can be fitted to.
    """
    rows = [row for path in cases for row in table.read(path, COLUMNS, UNREAD)]
    known, passed = _known(rows, topologies, traffic)
    if not known:
        raise UsageError(f"no row is of sprayed traffic over healthy links: {'; '.join(passed[:3])}")
    names = sorted({one.topology for one in known})
    groups = np.array([names.index(one.topology) for one in known])
    keep = np.vstack([np.ones(len(known), bool), *(groups != g for g in range(len(names)) if len(names) > 1)])
    weights = np.array([1 / sum(_same(one, other) for other in known) for one in known])
    problem = fit.Problem(_Residuals(known), weights, groups, np.full(len(FITTED), SIGMA))
    solved = fit.solve(problem, np.zeros((len(keep), len(FITTED))), keep, STEPS, progress)
    own = solved.residuals[0]
    left = solved.residuals[1 + groups, np.arange(len(known))] if len(names) > 1 else None
    shipped = estimate.constants()
    return NetworkCalibration(
        {name: shipped[name] * float(np.exp(t)) for name, t in zip(FITTED, solved.theta[0], strict=True)},
        dict(zip(FITTED, solved.spread[0].tolist(), strict=True)),
        _errors(own, weights),
        None if left is None else _errors(left, weights),
        len(known),
        tuple(passed),
    )


def _same(one: Known, other: Known) -> bool:
    return (one.routing, one.topology, one.base, one.load) == (other.routing, other.topology, other.base, other.load)


def _errors(residuals: Floats, weights: Floats) -> tuple[float, float, float]:
    errors = np.abs(np.expm1(residuals))
    middle, tail = (weighted_quantile(errors, weights, share) or 0.0 for share in (0.5, 0.9))
    return middle, tail, float(errors.max())


@dataclass(frozen=True)
class _Residuals:
    """Logarithm of predicted over measured of all runs at each theta [fits, rows]."""

    known: Sequence[Known]

    def __call__(self, theta: Floats) -> Floats:
        return np.array([[self._one(one, values) for one in self.known] for values in map(_constants, theta)])

    def _one(self, one: Known, constants: dict[str, float]) -> float:
        added = estimate.excess(one.routing, one.load, constants, int(protocol().entropies))
        return float(np.log((one.base + added) / one.measured))


def _constants(theta: Floats) -> dict[str, float]:
    shipped = estimate.constants()
    return shipped | {name: shipped[name] * float(np.exp(t)) for name, t in zip(FITTED, theta, strict=True)}


def _known(rows: Sequence[Row], topologies: Path, traffic: Path) -> tuple[list[Known], list[str]]:
    """The runs that can be fitted to, and why others cannot."""
    known, passed = list[Known](), list[str]()
    fabric_of = cache(lambda name: read_topo(find(topologies, name, ".topo")))

    @cache
    def prepared(case: tuple[str, str, str]) -> tuple[Load, float]:
        fabric = fabric_of(case[0])
        if (fabric.share < 1).any():
            raise CellError("degraded links are left to packets")
        flows = read_traffic(find(traffic, case[2], ""), fabric.topology.endpoints)
        one = planes(fabric.topology, flows, case[1], fabric.share, 0, fabric.latency)[0]
        return estimate.measure(one), estimate.base(one, estimate.ends(one))

    for row in rows:
        case = case_of(row)
        try:
            if case[1] not in SPRAYED:
                raise CellError(f"{case[1]} is not sprayed")
            measured = row.number(METRIC)
            if measured is None:
                raise CellError(f"{METRIC} is empty")
            known.append(Known(case[1], case[0], *prepared(case), measured / MICRO))
        except (CellError, FirstlightError) as error:
            passed.append(f"line {row.line}: {' '.join(str(error).split())}")
    return known, passed
