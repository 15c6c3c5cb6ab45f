"""Attention cores: fused and unfused in training, prefill and decode in serving."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Softmax
from firstlight.spec.assumptions import Assumptions
from firstlight.timings.formula import join
from firstlight.twin.protocols import Floats


def keys_seen(core: Softmax, length: ArrayLike) -> Floats:
    """Keys that a query of a sequence of `length` sees on average: masks and windows counted exactly in the mean."""
    length = np.asarray(length, dtype=float)
    if core.keys is not None:
        return np.full_like(length, float(core.keys))
    window = length if core.window is None else np.minimum(float(core.window), length)
    if core.causal:
        return window - window**2 / (2.0 * length)
    reach = np.minimum(2.0 * window, length)
    return length if core.window is None else reach


def attention(
    queries: ArrayLike, length: ArrayLike, core: Softmax, tensor: ArrayLike, work: Machine, a: Assumptions
) -> tuple[Floats, Floats]:
    """Forward and backward time of a training attention core on one rank [s].

    Args:
        queries: queries on the rank (tokens of its micro-batch).
        length: tokens of a sequence.
        core: shape.
        tensor: ranks that the heads are cut over.

    Fused attention (FlashAttention, arXiv 2205.14135; 2407.08608 for the share of exponentials): products at an
    efficiency with a ramp in the sequence length, backward 2.5 times the FLOPs, plus the softmax's exponentials.
    """
    tensor = np.asarray(tensor, dtype=float)
    if not fused(core, a):
        return _unfused(queries, length, core, tensor, work, a)
    seen = keys_seen(core, length)
    scores = np.asarray(queries, dtype=float) * seen * core.heads / tensor
    flops = 2.0 * scores * (core.key + core.value)
    ramp = 1.0 + a["performance.attention_ramp"] / np.asarray(length, dtype=float)
    forward = flops * ramp / (work.peak16 * work.attention_efficiency)
    exponentials = a["performance.attention_exponentials"] * scores / work.exponentials
    return forward + exponentials, 2.5 * forward / a["performance.attention_backward"] + exponentials


def fused(core: Softmax, a: Assumptions) -> bool:
    """Scores, softmax and values are one kernel in this software."""
    known = a["performance.fused_sinks"] if core.sinks else 1.0
    return a["performance.fused_attention"] * known >= 0.5


def _unfused(
    queries: ArrayLike, length: ArrayLike, core: Softmax, tensor: ArrayLike, work: Machine, a: Assumptions
) -> tuple[Floats, Floats]:
    """Separate kernels for scores, softmax and values: all keys, and the scores pass through memory again and again."""
    tensor = np.asarray(tensor, dtype=float)
    keys = np.asarray(length, dtype=float) if core.keys is None else float(core.keys)
    scores = np.asarray(queries, dtype=float) * keys * core.heads / tensor
    aligned = 1.0 if core.key % 8 == 0 else a["performance.unfused_misaligned"]
    rate = work.peak16 * a["performance.unfused_efficiency"] * aligned
    products = 2.0 * scores * (core.key + core.value) / rate
    one_pass = 2.0 * scores / (work.bandwidth * a["performance.memory_efficiency"])
    forward = products + a["performance.unfused_passes_forward"] * one_pass
    return forward, 2.0 * products + a["performance.unfused_passes_backward"] * one_pass


def prefill(
    queries: ArrayLike, length: ArrayLike, core: Softmax, tensor: ArrayLike, work: Machine, a: Assumptions
) -> Floats:
    """Time of a prompt's attention core on one rank [s]: its FLOPs at the kernels' efficiency, and a launch."""
    flops = 2.0 * np.asarray(queries, dtype=float) * keys_seen(core, length) * core.heads / np.asarray(tensor, float)
    rate = work.peak16 * a["performance.serving_prefill_attention"]
    return a["performance.serving_prefill_attention_launch"] + flops * (core.key + core.value) / rate


def decode(
    requests: ArrayLike,
    context: ArrayLike,
    core: Softmax,
    tensor: ArrayLike,
    work: Machine,
    a: Assumptions,
    tokens: ArrayLike = 1.0,
    part: ArrayLike = 1.0,
) -> Floats:
    """Time of one step's attention over the cache, for all requests of a rank [s].

    Args:
        requests: sequences on the rank.
        context: tokens behind the new one.
        tokens: of each sequence in the step: more than one where drafts are verified.
        part: ranks that each hold a part of every sequence.

    Memory side: the cache is read once; latent attention reads one latent for all heads, which tensor parallelism does
    not cut (DeepSeek-V2, arXiv 2405.04434). Compute side: queries of a group share the keys.
    """
    requests, tensor = np.asarray(requests, dtype=float), np.asarray(tensor, dtype=float)
    tokens = np.asarray(tokens, dtype=float)
    length = np.asarray(context if core.keys is None else core.keys, dtype=float)
    seen = (length if core.window is None else np.minimum(length, float(core.window))) / np.asarray(part, dtype=float)
    size = cache_bytes(work, a)
    if core.latent:
        memory = requests * seen * core.latent * size / (work.bandwidth * a["performance.serving_latent_memory"])
        flops = 2.0 * requests * tokens * seen * core.heads / tensor * (core.latent + core.latent_value)
        compute = flops / (work.peak16 * a["performance.serving_latent_compute"])
        return a["performance.serving_latent_launch"] + join(a["performance.serving_norm"], compute, memory)
    held = np.maximum(core.kv_heads / np.asarray(tensor, dtype=float), 1.0) * (core.key + core.value)
    memory = requests * seen * held * size / (work.bandwidth * a["performance.serving_attention_memory"])
    flops = 2.0 * requests * tokens * seen * core.heads / tensor * (core.key + core.value)
    compute = flops / (work.peak16 * a["performance.serving_attention_compute"])
    return a["performance.serving_attention_launch"] + join(3.0, compute, memory)


def cache_bytes(work: Machine, a: Assumptions) -> float:
    """Bytes of one cached key or value [B]."""
    return a[f"performance.serving_cache_bytes_{work.cached}"]
