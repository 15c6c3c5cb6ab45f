"""Matrix products: roofline with the shape's tile and wave efficiency."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.rates import Rates
from firstlight.timings.formula import join
from firstlight.twin.protocols import Floats

TILES = ((128, 256, 0), (128, 128, 1), (64, 128, 3))
"""Output tile (rows, columns) and how many times the small-tile efficiency applies."""


def shape_efficiency(m: ArrayLike, n: ArrayLike, k: ArrayLike, count: ArrayLike, rates: Rates) -> Floats:
    """Share of the large-product rate that `count` products of m x k by k x n reach.

    The best of a few tiles (and splits of k): ideal waves over waves with their quantisation, start and end; times a
    ramp in the inner length. After the tile and wave model of NVIDIA's matrix multiplication performance guide.
    """
    m, n, k, count = (np.asarray(x, dtype=float) for x in (m, n, k, count))
    best = np.zeros(np.broadcast_shapes(m.shape, n.shape, k.shape, count.shape))
    split = np.asarray(rates.splits, dtype=float).reshape(-1, *[1] * best.ndim)
    ramp = 1.0 / (1.0 + rates.ramp * split / k)
    for rows, columns, halvings in TILES:
        tiles = np.ceil(m / rows) * np.ceil(n / columns) * count
        ideal = (m / rows) * (n / columns) * count / rates.units
        waves = tiles * split / rates.units
        seen = waves + rates.quantisation * (np.ceil(waves) - waves) + rates.wave
        reached = np.max(ideal * split / seen * ramp, axis=0)
        best = np.maximum(best, rates.small_tile**halvings * reached)
    aligned = (m % 64 == 0) & (n % 64 == 0) & (k % 64 == 0)
    return best * np.where(aligned, 1.0, rates.misaligned)


def gemm_bytes(m: ArrayLike, n: ArrayLike, k: ArrayLike, count: ArrayLike, rates: Rates) -> Floats:
    """Bytes that `count` products of m x k by k x n move to and from memory [B]."""
    m, n, k, count = (np.asarray(x, dtype=float) for x in (m, n, k, count))
    moved = rates.activation * m * k + rates.weight * n * k + rates.output * m * n
    return (moved + rates.reread * m * n * k) * count


def gemm(m: ArrayLike, n: ArrayLike, k: ArrayLike, rates: Rates, count: ArrayLike = 1.0) -> Floats:
    """Time of `count` equal products of m x k by k x n, run as one kernel [s]; broadcasts.

    Source: the roofline (Williams 2009) joined by a p-norm instead of a maximum, with `shape_efficiency`.
    """
    m, n, k, count = (np.asarray(x, dtype=float) for x in (m, n, k, count))
    flops = 2.0 * m * n * k * count
    efficiency = rates.efficiency * shape_efficiency(m, n, k, count, rates)
    compute = flops / (rates.peak * np.maximum(efficiency, 1e-12)) * rates.compute_time
    memory = gemm_bytes(m, n, k, count, rates) / rates.bandwidth * rates.memory_time
    return rates.launch + join(rates.norm, compute, memory)
