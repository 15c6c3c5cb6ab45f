"""Requests that were played against the limits of their workload."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.spec.workload import Serving
from firstlight.twin.protocols import Floats


def limited(workload: Serving) -> bool:
    """A workload has any limit."""
    return workload.first_token is not None or workload.per_token is not None


def met(workload: Serving, first_token: Floats, per_token: Floats) -> NDArray[np.bool_]:
    """Requests that are answered within the limits [n].

    Args:
        first_token: of each, not a number where it was not answered [s] [n].
        per_token: of each, not a number where its answer is one token [s] [n].
    """
    first, token = workload.first_token or np.inf, workload.per_token or np.inf
    return (first_token <= first) & ~(np.nan_to_num(per_token, nan=0.0) > token)
