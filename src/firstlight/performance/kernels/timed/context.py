"""Attention over a whole prompt, with grouped or latent keys."""

from __future__ import annotations

import numpy as np

from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

QUERIES = 128.0
"""Queries of a tile."""
QUANTISED = 0.6
"""Visible share of wave quantisation."""
SHORTEST = 16.0


def context(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of causal attention over prompts of one length [s].

    Args:
        p: launch, per_head [s]; compute, memory (shares); exponentials [1 per clock and unit]; norm; fill [keys];
            passes.
        x: batch, heads, length, prefix (cached tokens before), window (0 without one); key, value (widths); query_bytes
            [B per value]; cache_bytes [B per token, all KV heads]; passed [B per token around the core]; peak [FLOP/s],
            bandwidth [B/s], units, clock [Hz], exponential (hardware rate over Ampere's).

    A tile of 128 queries meets each key with 2 x 128 (key + value) FLOPs and 128 exponentials (FlashAttention-3, arXiv
    2407.08608: the exponential unit limits narrow heads). Keys are counted under the causal mask and the window.
    """
    del option
    length, units = x["length"], x["units"]
    window = np.minimum(np.where(x["window"] > 0, x["window"], np.inf), length)
    seen = (window * window / 2.0 + (length - window) * window) / length + QUERIES / 2.0
    seen = np.minimum(seen, np.maximum(length, SHORTEST))
    behind = np.where(x["window"] > 0, np.minimum(x["prefix"], x["window"]), x["prefix"])
    seen, longest = seen + behind, np.minimum(window + QUERIES, length) + behind
    products = 2.0 * QUERIES * (x["key"] + x["value"]) / (x["peak"] / units * p["compute"])
    each = products + QUERIES / (x["clock"] * p["exponentials"] * x["exponential"])
    rounds = x["batch"] * x["heads"] * np.ceil(length / QUERIES) / units
    rounds = np.maximum(1.0, QUANTISED * np.ceil(rounds) + (1.0 - QUANTISED) * rounds)
    moved = x["heads"] * (x["key"] + x["value"]) * x["query_bytes"] + x["cache_bytes"]
    cached = behind * x["cache_bytes"]
    memory = x["batch"] * (length * moved + cached) / (x["bandwidth"] * p["memory"])
    core = join(p["norm"], rounds * (seen + p["fill"]) * each, (longest + p["fill"]) * each, memory)
    around = p["passes"] * x["batch"] * length * x["passed"] / x["bandwidth"]
    return p["launch"] + core + p["per_head"] * x["batch"] * x["heads"] + around
