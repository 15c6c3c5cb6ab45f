"""Attention of one new token over the cache, with grouped or latent keys."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.timed.machine import cached, waves
from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

OPTIONS = tuple((float(2**power),) for power in range(7))
"""Ways a sequence may be cut so that few requests fill the machine (FlashDecoding, arXiv 2311.01282)."""
SHORTEST = 32.0
"""Keys of a part below which nothing is cut further."""
QUANTISED = 0.5
PARTIAL = 8.0
"""Bytes of a value of partial results, written and read in fp32 [B]."""


def generation(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of one token's attention for all requests of a batch [s].

    Args:
        p: launch, split, per_unit [s]; memory, compute (shares); stream [B/s per unit]; norm; fill [keys]; cached;
            resident (blocks per unit); passes.
        x: batch, heads, groups (of heads that share keys and run as one), tiles (of heads in a group), padded (heads a
            tile computes); length [keys]; key, value (widths); token_bytes [B per key of a group]; kv_heads (that are
            read from memory); most_splits; peak [FLOP/s], bandwidth [B/s], units, cache [B].
        option: parts that the keys are cut into.

    The cache is read once from memory, or by few units at the rate that one unit streams, whichever takes longer.
    """
    (split,) = option
    batch, length, units = x["batch"], x["length"], x["units"] * p["resident"]
    width = x["key"] + x["value"]
    moved = batch * x["kv_heads"] * length * x["token_bytes"] + batch * x["heads"] * width * 2.0
    memory = moved / cached(moved, x["bandwidth"] * p["memory"], p["cached"], x["cache"])
    blocks = x["tiles"] * batch * x["groups"]
    keys = waves(blocks * split, units, QUANTISED) * (length / split + p["fill"])
    streamed = keys * x["token_bytes"] * p["resident"] / p["stream"]
    products = keys * 2.0 * x["padded"] * width / (x["peak"] / units * p["compute"])
    core = join(p["norm"], streamed, products, memory)
    merge = p["split"] + blocks * split * x["padded"] * x["value"] * PARTIAL / (2.0 * x["bandwidth"])
    core = core + np.where(split > 1, merge, 0.0)
    core = np.where((split > 1) & ((length < SHORTEST * split) | (split > x["most_splits"])), np.inf, core)
    around = p["passes"] * batch * x["heads"] * width * 2.0 / x["bandwidth"]
    return p["launch"] + core + p["per_unit"] * batch * x["groups"] + around
