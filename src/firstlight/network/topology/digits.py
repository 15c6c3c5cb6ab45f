"""Digits of a hash: independent even choices out of one number (finaliser of splitmix64, Steele et al. 2014)."""

from __future__ import annotations

import numpy as np

from firstlight.twin.protocols import Hashes, Ints

_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_HIGH = np.uint64(33)


def digit(hashes: Hashes, place: int, choices: Ints) -> Ints:
    """A number from 0 below `choices` for each hash, another one for each place; like `hashes`."""
    with np.errstate(over="ignore"):
        mixed = hashes + _STEP * np.uint64(place + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        mixed = mixed ^ (mixed >> np.uint64(31))
    return ((mixed >> _HIGH) % np.maximum(choices, 1).astype(np.uint64)).astype(np.int64)
