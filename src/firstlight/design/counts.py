"""Which accelerator counts are worth trying for a training run, and the batch that goes with each. Arithmetic only."""

from __future__ import annotations

import math


def odd_part(count: int) -> int:
    """The count without its factors of two."""
    return count // (count & -count)


def batch_sequences(count: int, wanted: float) -> int:
    """Sequences in a batch near `wanted` that data parallelism over a power-of-two share of `count` divides."""
    odd = odd_part(count)
    doublings = max(0, round(math.log2(max(wanted / odd, 1.0))))
    return odd << doublings


def rounded(most: int, step: int) -> list[int]:
    """Counts up to `most` with many factors of two, the largest first: multiples of step, 8, 32, 128, 512 and 2048 steps."""
    coarse = (step << shift for shift in (0, 3, 5, 7, 9, 11))
    found = {most // grain * grain for grain in coarse}
    return sorted((count for count in found if count > 0.5 * most), reverse=True)


def dividing(most: int, step: int, sequences: int, layers: int) -> list[int]:
    """The largest counts up to `most` that a given batch can be spread over.

    Data-parallel ranks divide the batch's sequences; a model-parallel group is a power of two times a divisor of the
    layers (pipeline stages).

    Args:
        most: accelerators at hand. step: accelerators of one system.
        sequences: in the global batch. layers: of the model.
    """
    ranks = divisors(sequences)
    groups = {stages << shift for stages in divisors(layers) for shift in range(13)}
    counts = {rank * group for rank in ranks for group in groups}
    fitting = sorted((c for c in counts if c <= most and (c % step == 0 or c < step)), reverse=True)
    return fitting[:8]


def divisors(number: int) -> list[int]:
    """All divisors of a positive number."""
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]
