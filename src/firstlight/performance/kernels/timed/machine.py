"""What kernels share: caches that hold data between runs, and rounds of tiles over compute units."""

from __future__ import annotations

import numpy as np

from firstlight.twin.protocols import Floats


def cached(moved: Floats, rate: Floats, gain: Floats, cache: Floats) -> Floats:
    """Memory rate of a kernel that runs again and again on the same data [B/s].

    Args:
        moved: bytes that it reads and writes [B].
        rate: of the memory [B/s].
        gain: how much faster the cache is, at least 1.
        cache: size of the cache, of which six tenths are taken to hold data between two runs [B].
    """
    return rate * (1.0 + (gain - 1.0) / (1.0 + (moved / (0.6 * cache)) ** 2))


def waves(tiles: Floats, units: Floats, quantised: Floats | float) -> Floats:
    """Rounds that tiles take on the compute units: at least one, whole ones to the share `quantised`."""
    rounds = tiles / units
    return np.maximum(1.0, quantised * np.ceil(rounds) + (1.0 - quantised) * rounds)
