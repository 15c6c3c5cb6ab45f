"""Draws of a simulation, compiled: one row of numbers from its seed (SplitMix64, Steele et al., OOPSLA 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.network.flows.compiled import kernel


@kernel
def chance(dice: Any) -> float:
    """An even draw from 0 to below 1."""
    dice[0] += np.uint64(0x9E3779B97F4A7C15)
    x = dice[0]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@kernel
def one_of(dice: Any, count: int) -> int:
    """An even draw from 0 to count - 1."""
    return int(chance(dice) * count)
