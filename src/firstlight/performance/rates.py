"""What matrix products of one number type reach on one machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Rates and shape constants of matrix products.

    Attributes:
        peak: dense peak [FLOP/s]; efficiency: what large products reach of it.
        bandwidth: achieved memory bandwidth [B/s].
        weight, activation, output: bytes per value of the second operand, the first operand, the product [B].
        units: compute units that tiles are spread over.
        wave: waves lost at start and end. ramp: inner length of half speed.
        small_tile: efficiency of each halving of the largest tile. quantisation: visible share of wave quantisation.
        misaligned: efficiency where a side is no multiple of 64.
        reread: operand bytes read again per multiply-add (machines without a large cache) [B].
        launch: time before the first tile [s].
        norm: exponent that joins compute and memory time.
        splits: ways the inner length may be cut, so that few tiles still fill the machine (split-K).
        compute_time, memory_time: factors on either side for what the kernel tables do not show.
    """

    peak: float
    efficiency: float
    bandwidth: float
    weight: float
    activation: float
    output: float
    units: float
    wave: float
    ramp: float
    small_tile: float
    quantisation: float
    misaligned: float
    reread: float = 0.0
    launch: float = 0.0
    norm: float = 4.0
    splits: tuple[int, ...] = (1,)
    compute_time: float = 1.0
    memory_time: float = 1.0
