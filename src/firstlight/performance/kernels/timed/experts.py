"""Experts' feed-forward parts on the busiest rank: two grouped products between permutations."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.timed.machine import cached, waves
from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

ROWS, COLUMNS = (16, 64, 128), (64, 128, 256)
OPTIONS = tuple((float(rows), float(columns)) for rows in ROWS for columns in COLUMNS)
QUANTISED, FILLED = 0.5, 0.6


def experts(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of a mixture-of-experts layer's computation on the busiest rank [s].

    Args:
        p: launch, per_expert, per_token [s]; compute, memory (shares); feed [B per clock and unit]; norm; fill [k];
            cached; narrowest (rows that a tile computes at least); permute, all_rows (passes over activations).
        x: tokens (of all ranks), active; rows (on the rank), used (local experts with tokens), local (experts);
            tiles_16, tiles_64, tiles_128 (row tiles over the used experts); hidden, width; gates (2 where gated, else
            1); weight, activation [B per value]; peak [FLOP/s], bandwidth [B/s], units, clock [Hz], cache [B].
        option: rows and columns of a tile.

    Grouped products use the tile model of `gemm`; weights are those of the experts that have tokens. `all_rows` is the
    traffic of kernels that walk every routed row, also those of other ranks.
    """
    rows, columns = option
    tiles = np.where(rows < 64.0, x["tiles_16"], np.where(rows < 128.0, x["tiles_64"], x["tiles_128"]))
    rate = x["peak"] / x["units"] * p["compute"]
    operands = rows * x["activation"] + columns * x["weight"]
    step = join(p["norm"], 2.0 * np.maximum(rows, p["narrowest"]) * columns / rate, operands / (p["feed"] * x["clock"]))
    hidden, inner = x["hidden"], x["width"]
    weights = x["used"] * hidden * inner * x["weight"]
    time = _product(p, x, tiles, columns, step, x["gates"] * inner, hidden, x["gates"] * weights)
    time = time + _product(p, x, tiles, columns, step, hidden, inner, weights)
    permuted = p["permute"] * 4.0 * hidden * (x["rows"] + x["tokens"])
    walked = p["all_rows"] * 2.0 * x["tokens"] * x["active"] * (hidden + x["gates"] * inner)
    counted = p["per_expert"] * x["local"] + p["per_token"] * x["tokens"]
    return p["launch"] + time + (permuted + walked) / x["bandwidth"] + counted


def _product(
    p: Arrays, x: Arrays, tiles: Floats, columns: Floats, step: Floats, n: Floats, k: Floats, weights: Floats
) -> Floats:
    """One grouped product of the busiest rank's rows by n x k weights [s]."""
    grid = tiles * np.ceil(n / columns)
    compute = waves(grid, x["units"], QUANTISED) * (k + p["fill"]) * step
    moved = weights + x["rows"] * (k * x["activation"] + 2.0 * n)
    rate = cached(moved, x["bandwidth"] * p["memory"], p["cached"], x["cache"])
    filled = np.sqrt(np.minimum(1.0, grid / (FILLED * x["units"])))
    return join(p["norm"], compute, moved / (rate * filled))
