"""Matrix products to time: of inference, of a training step with its gradients, and grouped ones of experts."""

from __future__ import annotations

from itertools import product

from firstlight.operate.measurement.jobs import Job

WIDTHS = (
    (6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336), (10240, 8192), (8192, 8192), (57344, 8192),
    (8192, 28672), (3072, 2048), (2048, 2048), (11264, 2048), (2048, 5632), (128256, 4096),
)  # fmt: skip
"""Columns and inner length of products of models of 1, 8 and 70 billion parameters, and a head."""
ROWS = (1, 16, 64, 256, 1024, 4096, 8192, 16384)
TRAINED_ROWS = (2048, 4096, 8192, 16384)
EXPERTS = ((8, 4096, 14336), (64, 2048, 1408), (128, 4096, 1536), (32, 7168, 2048))
"""Experts of one rank, hidden and inner width."""
ROUTED_ROWS = (4096, 16384, 65536)
MOST_FLOPS = 2e13
"""Longer products tell nothing more, and take the time of others [FLOP]."""
KERNELS = {"bfloat16": "torch.nn.functional.linear", "fp8": "cublaslt_fp8"}
DIRECTIONS = ("forward", "dgrad", "wgrad", "wgrad_fp32")
"""The last adds to an fp32 gradient."""


def inference() -> list[Job]:
    """Rows of `gemm`; those in fp8 cast their activations first, as the tables of serving frameworks do."""
    return [
        Job("gemm", KERNELS[kind], {"gemm_dtype": kind, "m": m, "n": n, "k": k})
        for kind, m, (n, k) in product(KERNELS, ROWS, WIDTHS)
        if 2.0 * m * n * k <= MOST_FLOPS
    ]


def training() -> list[Job]:
    """Rows of `training_gemm`: m, n and k are those of the forward product in all directions; fp8 is not cast here."""
    kinds = [("bfloat16", direction) for direction in DIRECTIONS] + [("fp8", "forward")]
    return [
        Job("training_gemm", KERNELS[kind], {"gemm_dtype": kind, "direction": direction, "m": m, "n": n, "k": k})
        for (kind, direction), m, (n, k) in product(kinds, TRAINED_ROWS, WIDTHS)
        if 2.0 * m * n * k <= MOST_FLOPS
    ]


def grouped() -> list[Job]:
    """Rows of `training_grouped`: products of a rank's experts, equal rows each; `m` counts the rows of all."""
    return [
        Job(
            "training_grouped",
            "torch._grouped_mm",
            {"gemm_dtype": "bfloat16", "direction": direction, "num_experts": experts, "m": m, "n": n, "k": k},
        )
        for experts, hidden, width in EXPERTS
        for m, (n, k), direction in product(ROUTED_ROWS, ((2 * width, hidden), (hidden, width)), DIRECTIONS[:3])
        if 2.0 * m * n * k <= MOST_FLOPS
    ]


SUSTAINED = {
    "bfloat16": Job("gemm", KERNELS["bfloat16"], {"gemm_dtype": "bfloat16", "m": 8192, "n": 8192, "k": 8192}),
    "fp8": Job("training_gemm", KERNELS["fp8"],
               {"gemm_dtype": "fp8", "direction": "forward", "m": 8192, "n": 8192, "k": 8192}),
}  # fmt: skip
"""Products that are repeated until the power limit shows, by number type."""
