"""How sure the date is: the critical path over many draws of the lead times.

Source: J. J. O'Brien and F. L. Plotnick, CPM in Construction Management, Monte Carlo schedule risk analysis; triangular
times between the low, the typical and the high one, as is usual where only three points are known.
"""

from __future__ import annotations

import numpy as np

from firstlight.schedule.cpm import Predecessors, earliest
from firstlight.twin.protocols import Floats

DRAWS = 2000
_CHUNK = 500
"""Draws at a time, to keep a build of ten thousand activities small in memory."""


def makespans(durations: Floats, after: Predecessors, seed: np.random.SeedSequence) -> Floats:
    """Makespans with independent triangular durations [s].

    Args:
        durations: low, typical and high [3, activities] [s].
        after: predecessors of each activity.
        seed: of the draws.

    Returns:
        [draws] [s], sorted.
    """
    rng = np.random.default_rng(seed)
    low, typical, high = durations
    open_ = high > low
    ends = []
    for _ in range(DRAWS // _CHUNK):
        drawn = np.tile(typical, (_CHUNK, 1))
        drawn[:, open_] = rng.triangular(low[open_], typical[open_], high[open_], (_CHUNK, int(open_.sum())))
        ends.append(earliest(drawn, after)[1].max(axis=-1))
    return np.sort(np.concatenate(ends))
