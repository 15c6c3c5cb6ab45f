"""Digits of a hash, array-wise: as `walk.digit` draws them one by one."""

from __future__ import annotations

import numpy as np

from firstlight.twin.protocols import Hashes, Ints

_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_HALF = np.uint64(32)


def digit(hashes: Hashes, place: int, choices: Ints) -> Ints:
    """An even draw from 0 to choices - 1 for each hash, other for each place; like `hashes`."""
    with np.errstate(over="ignore"):
        mixed = hashes + _STEP * np.uint64(place + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return (((mixed >> _HALF) * np.maximum(choices, 1).astype(np.uint64)) >> _HALF).astype(np.int64)
