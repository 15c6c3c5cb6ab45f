"""The short causal convolution in front of a state-space scan."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.timed.machine import cached
from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

CHUNK = 1024.0
"""Tokens that one block works through before the next."""
RESIDENT = 16.0
"""Blocks that run on a unit at once."""


def convolution(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of the causal convolution of Mamba-2 (arXiv 2405.21060) over x, B and C [s].

    Args:
        p: launch, block, chunk [s]; memory (share); norm; cached.
        x: moved [B]; blocks (of channels and sequences); length [tokens]; bandwidth [B/s], units, cache [B].
    """
    del option
    rounds = np.maximum(x["blocks"] / (x["units"] * RESIDENT), 1.0)
    serial = rounds * (p["block"] + p["chunk"] * np.ceil(x["length"] / CHUNK))
    rate = cached(x["moved"], x["bandwidth"] * p["memory"], p["cached"], x["cache"])
    return p["launch"] + join(p["norm"], x["moved"] / rate, serial)
