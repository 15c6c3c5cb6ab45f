"""Checkpoints and restarts: the best interval, and the share of the time that advances a run.

All times [s]; everything broadcasts.

Source: J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", Future Generation
Computer Systems 22 (2006); the first order is J. W. Young, Communications of the ACM 17 (1974).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.twin.protocols import Floats

_LARGEST_EXPONENT = 500.0
"""Beyond it a run does not advance at all; keeps exp() finite."""


def best_interval(write: ArrayLike, mtti: ArrayLike, drain: ArrayLike = 0.0) -> Floats:
    """Work between two checkpoints that wastes the least time [s] (Daly 2006, equation 37).

    Args:
        write: time that one checkpoint stops the run [s].
        mtti: mean time to interruption [s].
        drain: time that a checkpoint then takes to reach storage in the background [s]; the next waits for it.
    """
    delta, mean, drained = np.asarray(write, float), np.asarray(mtti, float), np.asarray(drain, float)
    ratio = np.minimum(delta / (2 * mean), 1.0)
    root = np.sqrt(ratio)
    interval = np.where(delta < 2 * mean, 2 * mean * root * (1 + root / 3 + ratio / 9) - delta, mean)
    return np.maximum(interval, np.maximum(drained, 1.0))


def goodput(interval: ArrayLike, write: ArrayLike, restart: ArrayLike, mtti: ArrayLike) -> Floats:
    """Share of the time that advances the run (Daly 2006, equation 20).

    Interruptions come at exponential times, also during restarts. A segment of work and its checkpoint takes
    M exp(R/M) (exp((interval + write) / M) - 1) on average.

    Args:
        interval: work between checkpoints [s].
        write: time that one checkpoint stops the run [s].
        restart: from interruption to training again [s].
        mtti: mean time to interruption M [s].
    """
    tau, delta, mean = np.asarray(interval, float), np.asarray(write, float), np.asarray(mtti, float)
    exponent = np.minimum((tau + delta) / mean, _LARGEST_EXPONENT)
    return tau / mean * restart_share_left(restart, mean) / np.expm1(exponent)


def restart_share_left(restart: ArrayLike, mtti: ArrayLike) -> Floats:
    """Share of the time that is not spent in restarts: exp(-R/M).

    Interruptions come at 1/M all the time, and each begins a restart that lasts M (1 - exp(-R/M)) on average until it
    is over or itself interrupted.
    """
    return np.exp(-np.minimum(np.asarray(restart, float) / np.asarray(mtti, float), _LARGEST_EXPONENT))


def losses(interval: float, write: float, restart: dict[str, float], drain: float, mtti: float) -> dict[str, float]:
    """Share of the time lost by cause; with `goodput(interval, write, sum(restart) + drain, mtti)` they add up to 1.

    A checkpoint that is still draining cannot be restored, so an interruption costs `drain` more of repeated work.

    Args:
        interval, write, drain, mtti: as in `best_interval` [s].
        restart: steps of a restart and their times [s].
    """
    stopped = sum(restart.values()) + drain
    useful = float(goodput(interval, write, stopped, mtti))
    in_restart = 1 - float(restart_share_left(stopped, mtti))
    writing = useful * write / interval
    share = {cause: in_restart * time / stopped if stopped else 0.0 for cause, time in restart.items()}
    repeated = max(0.0, 1 - useful - writing - sum(share.values()))
    return {"checkpoint writes": writing, "repeated work": repeated, **share}
