"""Matrix products as vendor libraries run them: the best of some tiles and splits of the inner length."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.timed.machine import cached, waves
from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

TILES = ((64, 32), (64, 64), (64, 128), (128, 64), (128, 128), (128, 256), (256, 128), (256, 256))
SPLITS = (1, 2, 4, 8, 16)
OPTIONS = tuple((float(rows), float(columns), float(split)) for rows, columns in TILES for split in SPLITS)
LARGEST = 256.0 * 256.0
SHORTEST = 64.0
"""Inner length below which nothing is cut further."""
FILLED = 0.6
"""Share of the compute units that must run for the full memory rate."""


def gemm(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of one product of m x k by k x n [s].

    Args:
        p: launch, split [s]; compute, memory, wave (shares); feed, epilogue [B per clock and unit]; norm; fill [k];
            cached; small (exponent of the tile's area); row_time [s]; passes.
        x: m, n, k; weight, activation [B per value]; quantised (1 where activations are quantised inside);
            latency (of the launch over the H100's); peak [FLOP/s], bandwidth [B/s], units, clock [Hz], cache [B].
        option: rows and columns of a tile, splits of k.

    Tile and wave quantisation after NVIDIA's matrix multiplication performance guide; each step along k is the soft
    maximum of a tile's products and of the operands that the cache feeds; splitting k adds partial sums in fp32.
    """
    rows, columns, split = option
    m, n, k, units = x["m"], x["n"], x["k"], x["units"]
    grid = np.ceil(m / rows) * np.ceil(n / columns) * split
    rate = x["peak"] / units * p["compute"] * (rows * columns / LARGEST) ** p["small"]
    feed = p["feed"] * x["clock"]
    operands = np.minimum(rows, m) * x["activation"] + np.minimum(columns, n) * x["weight"]
    step = join(p["norm"], 2.0 * rows * columns / rate, operands / feed)
    written = 2.0 * np.minimum(rows, m) * np.minimum(columns, n) / (p["epilogue"] * x["clock"])
    compute = waves(grid, units, p["wave"]) * ((k / split + p["fill"]) * step + written)
    moved = m * k * x["activation"] + n * k * x["weight"] + 2.0 * m * n
    memory = cached(moved, x["bandwidth"] * p["memory"], p["cached"], x["cache"])
    time = join(p["norm"], compute, moved / (memory * np.sqrt(np.minimum(1.0, grid / (FILLED * units)))))
    merge = np.where(split > 1, p["split"] + split * m * n * 8.0 / (feed * units), 0.0)
    time = np.where((split > 1) & (k < SHORTEST * split), np.inf, time + merge)
    return p["launch"] * x["latency"] + time + _quantise(p, x)


def _quantise(p: Arrays, x: Arrays) -> Floats:
    """Activations brought to the product's type inside the call [s]: a block per row, and passes over the values."""
    per_row = p["row_time"] * x["m"] / x["units"]
    return x["quantised"] * (per_row + p["passes"] * 3.0 * x["m"] * x["k"] / x["bandwidth"])
