"""Attention kernels to time: over prompts and caches, and forward and backward in training."""

from __future__ import annotations

from itertools import product

from firstlight.operate.measurement.jobs import Job

KERNELS = ("flash_attention_2", "cudnn")
"""Backends of PyTorch's attention."""
SHAPES = ((32, 8, 128), (32, 32, 128), (64, 8, 128), (32, 8, 64), (16, 8, 256))
"""Heads, key heads and their width."""
LENGTHS = (512, 1024, 2048, 4096, 8192, 16384, 32768)
TOKENS = 16384
"""Tokens of a batch of sequences that are shorter."""
BATCHES = (1, 8, 64, 256)
CACHED = (1024, 8192, 32768, 131072)
MOST_BYTES = 16e9
"""Of a cache [B]."""


def _shape(batch: int, length: int, heads: int, keys: int, width: int) -> dict[str, int]:
    return {
        "batch_size": batch, "isl": length, "num_heads": heads, "num_key_value_heads": keys, "head_dim": width,
    }  # fmt: skip


def _served(operation: str, kernel: str, shape: dict[str, int], step: int) -> Job:
    kinds = {"attn_dtype": "bfloat16", "kv_cache_dtype": "bfloat16", "window_size": 0, "step": step}
    return Job(operation, kernel, {**kinds, **shape})


def context() -> list[Job]:
    """Rows of `context_attention`: prompts in one batch, and one alone."""
    return [
        _served("context_attention", kernel, _shape(batch, length, *shape), 0)
        for kernel, shape, length in product(KERNELS, SHAPES, LENGTHS)
        for batch in sorted({1, max(TOKENS // length, 1)})
    ]


def generation() -> list[Job]:
    """Rows of `generation_attention`: one new token behind `step` cached ones."""
    return [
        _served("generation_attention", KERNELS[0], _shape(batch, 1, *shape), length - 1)
        for shape, batch, length in product(SHAPES, BATCHES, CACHED)
        if 4.0 * batch * length * shape[1] * shape[2] <= MOST_BYTES
    ]


def training() -> list[Job]:
    """Rows of `training_attention`: causal cores, forward and backward."""
    return [
        Job(
            "training_attention",
            kernel,
            {"attn_dtype": "bfloat16", "direction": direction, **_shape(max(TOKENS // length, 1), length, *shape)},
        )
        for kernel, direction, shape, length in product(KERNELS, ("forward", "backward"), SHAPES, LENGTHS)
    ]
