"""State-space and linear-attention cores: the chunked scan over a sequence, and one step of the recurrence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Scan
from firstlight.spec.assumptions import Assumptions
from firstlight.timings.formula import join
from firstlight.twin.protocols import Floats


def scan(tokens: ArrayLike, length: ArrayLike, core: Scan, tensor: ArrayLike, work: Machine, a: Assumptions) -> Floats:
    """Time of a chunked scan forward on one rank [s].

    Inside a chunk of Q tokens the scan is a masked product (2 Q (keys + values) FLOPs per token), between chunks a
    state of `state` rows per value is updated and read (Mamba-2, arXiv 2405.21060, section 6). The convolution before
    it moves its channels in and out once.
    """
    tokens, tensor = np.asarray(tokens, dtype=float), np.asarray(tensor, dtype=float)
    chunk = np.minimum(a["performance.scan_chunk"], np.asarray(length, dtype=float))
    flops = tokens * (2.0 * chunk * (core.shared + core.inner) + 4.0 * core.inner * core.state) / tensor
    moved = 2.0 * tokens * (2.0 * core.convolved + 2.0 * core.inner + 2.0 * core.shared) / tensor
    compute = flops / (work.peak16 * a["performance.scan_efficiency"])
    return join(2.0, compute, moved / (work.bandwidth * a["performance.memory_efficiency"]))


def recur(requests: ArrayLike, core: Scan, tensor: ArrayLike, work: Machine, a: Assumptions) -> Floats:
    """Time of one token's state update for all requests of a rank [s]: the states are read and written once."""
    states = 2.0 * np.asarray(requests, dtype=float) * state_bytes(core, a) / np.asarray(tensor, dtype=float)
    return a["performance.serving_attention_launch"] + states / (work.bandwidth * a["performance.memory_efficiency"])


def state_bytes(core: Scan, a: Assumptions) -> float:
    """Bytes of state that one request keeps in one layer [B]: the matrix state, and the convolution's last inputs."""
    return a["performance.serving_state_bytes"] * core.inner * core.state + 2.0 * core.convolved * core.kernel
