"""Kernels to time that only move bytes: norms, activations, loss, optimizer, casts, permutation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from firstlight.operate.measurement.jobs import Job

OPERATION = "training_passes"
MOVED: Mapping[tuple[str, str], float] = {
    ("rms_norm", "forward"): 4, ("rms_norm", "backward"): 6,
    ("layer_norm", "forward"): 4, ("layer_norm", "backward"): 6,
    ("residual", "forward"): 6,
    ("swiglu", "forward"): 6, ("swiglu", "backward"): 10,
    ("rope", "forward"): 4, ("rope", "backward"): 4,
    ("cross_entropy", "forward"): 2, ("cross_entropy", "backward"): 4,
    ("embedding", "forward"): 4, ("embedding", "backward"): 2,
    ("adam", "update"): 28, ("cast", "forward"): 6, ("accumulate", "backward"): 10,
    ("quantise", "forward"): 3, ("quantise_transpose", "forward"): 4,
    ("permute", "forward"): 2.25, ("unpermute", "forward"): 2.25,
}  # fmt: skip
"""Bytes of one fused pass for each of rows x columns: inputs once, outputs once [B]. 16-bit values, but for the fp32
states of Adam, the fp32 side of "cast" (of weights to 16 bits) and "accumulate", and fp8 results of "quantise", whose
scale is known before. Permutations read or write each token once, and `COPIES` routed copies of it."""
SHAPES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "rms_norm": ((4096, 4096), (8192, 2048), (8192, 4096), (16384, 4096), (8192, 8192)),
    "layer_norm": ((8192, 2048), (8192, 4096), (8192, 8192)),
    "residual": ((8192, 2048), (8192, 4096), (8192, 8192)),
    "swiglu": ((8192, 5632), (4096, 14336), (8192, 14336), (8192, 28672)),
    "rope": ((8192, 2560), (4096, 5120), (8192, 5120), (8192, 9216)),
    "cross_entropy": ((8192, 32768), (4096, 131072), (8192, 131072)),
    "embedding": ((8192, 2048), (8192, 4096), (8192, 8192)),
    "adam": ((4096, 4096), (28672, 4096), (128256, 4096)),
    "cast": ((4096, 4096), (28672, 4096)),
    "accumulate": ((4096, 4096), (28672, 4096)),
    "quantise": ((8192, 4096), (8192, 14336)),
    "quantise_transpose": ((8192, 4096), (8192, 14336)),
    "permute": ((32768, 2048), (16384, 4096), (65536, 7168)),
    "unpermute": ((32768, 2048), (16384, 4096), (65536, 7168)),
}
"""Rows and columns: for "rope" the columns of queries and keys, for permutations the routed copies."""
COMPILED = ("rms_norm", "layer_norm", "swiglu", "rope", "cross_entropy", "quantise", "quantise_transpose")
"""Operations that a compiler makes one kernel of; a shape of each is timed so too."""
COPIES = 8
"""Experts of a token."""
VOCABULARY = 131072
"""Rows of the embedding."""


def training() -> list[Job]:
    """Rows of `training_passes`; `moved_bytes` is what one fused pass moves."""
    jobs = [_job(name, direction, "torch", shape) for name, direction in MOVED for shape in SHAPES[name]]
    compiled = product((key for key in MOVED if key[0] in COMPILED), ("compiled",))
    return jobs + [_job(name, direction, kernel, SHAPES[name][-1]) for (name, direction), kernel in compiled]


def _job(name: str, direction: str, kernel: str, shape: tuple[int, int]) -> Job:
    rows, columns = shape
    moved = MOVED[name, direction] * rows * columns
    if (name, direction) == ("embedding", "backward"):
        moved += 2.0 * VOCABULARY * columns
    cells = {"op_name": name, "direction": direction, "rows": rows, "columns": columns, "moved_bytes": round(moved)}
    return Job(OPERATION, kernel, cells)
