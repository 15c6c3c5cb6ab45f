"""Columns of kernel timings as shapes, one function an operation. Traps of the columns stand where they bite."""

from __future__ import annotations

import numpy as np

from firstlight.operate.validation.timings import names
from firstlight.operate.validation.timings.columns import Columns, Shaped, both, log
from firstlight.performance.kernels.timed.skew import busiest
from firstlight.timings.cases import Texts
from firstlight.twin.protocols import Floats

NO_WINDOW = 65536.0
"""Stands for no window where distances are measured [tokens]."""
LATENT, LATENT_VALUE, PREFILL_KEY, PREFILL_VALUE = 576.0, 512.0, 192.0, 128.0
"""Widths of DeepSeek's latent attention (arXiv 2412.19437): absorbed, in decoding; expanded, over a prompt."""
CACHE = {"bfloat16": 2.0, "fp8": 1.0, "sq": 1.0, "nvfp4": 0.5625}
"""Bytes of a cached value [B]."""
HEADS_TILE, HEADS_STEP = 64.0, 16.0
"""Heads of a group that one tile takes at most, and that it pads to."""
SPLITS, FEW_SPLITS = 64.0, 8.0
"""Parts that decoding kernels cut a sequence into at most; Triton's."""
WIDE_GROUP = 32.0
"""Query heads per key head above which TensorRT-LLM's decode falls back to one block a query head."""
HALF = 2.0
"""Bytes of a 16-bit value."""
TILE, ROWS_STEP, ROUNDS = 128.0, 16.0, 6.0
"""Rows and columns of a product's common tile; rows of one instruction's step; rounds of tiles that tell apart."""


def gemm(c: Columns) -> Shaped:
    """Products of m x k by k x n."""
    dtype = names.canonical(c.text("gemm_dtype"))
    m, n, k = (c.number(name) for name in ("m", "n", "k"))
    style = names.styles("gemm", c.kernel)
    latency = np.where(style == "launched", c.device["host"], 1.0)
    shape = {"m": m, "n": n, "k": k, "latency": latency, "peak": names.peaks(dtype, c.device)}
    shape |= {name: names.values(dtype, name) for name in ("weight", "activation", "quantised")}
    return Shaped(dtype, shape, np.column_stack([log(m, n, k), _tiled(m, n, c.device["units"])]), style)


def _tiled(m: Floats, n: Floats, units: Floats) -> Floats:
    """What sets products of nearly one size apart [rows, 3]: odd rows, rows of no whole step, units idle at the end.

    Kernels pad or copy operands and scales whose rows do not align; the last round of tiles keeps only some units busy
    (log2 of whole rounds over rounds; after some rounds it does not matter).
    """
    rounds = np.ceil(m / TILE) * np.ceil(n / TILE) / units
    idle = np.where(rounds > ROUNDS, 0.0, np.log2(np.ceil(rounds) / rounds))
    return np.column_stack([m % 2.0, 1.0 * (m % ROWS_STEP != 0), idle])


def _cache(cells: Texts) -> Floats:
    kinds = names.canonical(cells)
    return np.select([kinds == kind for kind in CACHE], list(CACHE.values()), np.inf)


def _attention(c: Columns, kind: str) -> tuple[Texts, Texts, Floats]:
    core, held = (names.canonical(c.text(name)) for name in (f"{kind}_dtype", "kv_cache_dtype"))
    return both(core, held), core, _cache(held)


def context_attention(c: Columns) -> Shaped:
    """Prompts behind a cached prefix of `step` tokens."""
    dtype, core, held = _attention(c, "attn")
    batch, length, heads, keys, width = (
        c.number(name) for name in ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim")
    )
    window = np.nan_to_num(c.number("window_size"))
    shape = {
        "batch": batch, "heads": heads, "length": length, "window": window, "key": width, "value": width,
        "query_bytes": names.values(core, "activation"), "cache_bytes": 2.0 * keys * width * held,
        "passed": HALF * width * (heads + 2.0 * keys), "prefix": c.number("step"), "peak": names.peaks(core, c.device),
    }  # fmt: skip
    reach = np.where(window > 0, window, NO_WINDOW)
    return Shaped(dtype, shape, log(batch, length, heads, keys, width, reach))


def context_mla(c: Columns) -> Shaped:
    """Prompts with latent attention, expanded; `num_heads` is already that of one rank.

    There is no column for the kernel: the framework chooses it, and is the style.
    """
    dtype, core, held = _attention(c, "mla")
    batch, length, heads = (c.number(name) for name in ("batch_size", "isl", "num_heads"))
    one = np.ones_like(batch)
    widths = PREFILL_KEY + PREFILL_VALUE
    shape = {
        "batch": batch, "heads": heads, "length": length, "window": 0.0 * one, "key": PREFILL_KEY * one,
        "value": PREFILL_VALUE * one, "query_bytes": names.values(core, "activation"),
        "cache_bytes": widths * heads * held, "passed": HALF * widths * heads, "prefix": c.number("step"),
        "peak": names.peaks(core, c.device),
    }  # fmt: skip
    return Shaped(dtype, shape, log(batch, length, heads), c.framework)


def _tiles(group: Floats) -> tuple[Floats, Floats]:
    """Tiles of a group of heads, and heads that a tile computes."""
    return np.ceil(group / HEADS_TILE), np.ceil(np.minimum(group, HEADS_TILE) / HEADS_STEP) * HEADS_STEP


def generation_attention(c: Columns) -> Shaped:
    """One new token; the cache holds `step` + `isl` keys, or the window."""
    dtype, core, held = _attention(c, "attn")
    batch, heads, keys, width = (
        c.number(name) for name in ("batch_size", "num_heads", "num_key_value_heads", "head_dim")
    )
    length = c.number("step") + c.number("isl")
    window = np.nan_to_num(c.number("window_size"))
    seen = np.where(window > 0, np.minimum(length, window), length)
    style = names.styles("generation", c.kernel)
    wide = (c.framework == "trtllm") & (np.char.find(c.kernel, "flashinfer") < 0) & (heads / keys > WIDE_GROUP)
    tiles, padded = _tiles(heads / keys)
    shape = {
        "batch": batch, "heads": heads, "kv_heads": keys, "groups": np.where(wide, heads, keys),
        "tiles": np.where(wide, 1.0, tiles), "padded": np.where(wide, HEADS_STEP, padded), "length": seen,
        "key": width, "value": width, "token_bytes": 2.0 * width * held,
        "most_splits": np.where(wide, 1.0, np.where(style == "triton", FEW_SPLITS, SPLITS)),
        "peak": names.peaks(core, c.device),
    }  # fmt: skip
    reach = np.where(window > 0, window, NO_WINDOW)
    return Shaped(dtype, shape, log(batch, length, heads, keys, width, reach), np.where(wide, "per-head", style))


def generation_mla(c: Columns) -> Shaped:
    """One new token with latent attention, absorbed: one latent for all heads of a rank."""
    dtype, core, held = _attention(c, "mla")
    batch, heads = c.number("batch_size"), c.number("num_heads")
    length, one = c.number("step") + c.number("isl"), np.ones_like(batch)
    tiles, padded = _tiles(heads)
    shape = {
        "batch": batch, "heads": heads, "kv_heads": one, "groups": one, "tiles": tiles, "padded": padded,
        "length": length, "key": LATENT * one, "value": LATENT_VALUE * one, "token_bytes": LATENT * held,
        "most_splits": SPLITS * one, "peak": names.peaks(core, c.device),
    }  # fmt: skip
    return Shaped(dtype, shape, log(batch, length, heads), c.framework)


UNGATED = {(1024, 2688, 22, 512), (2048, 5120, 22, 512), (4096, 2688, 22, 512), (8192, 5120, 22, 512),
           (2688, 1856, 6, 128)}  # fmt: skip
"""Expert shapes (hidden, width, active, experts) with two matrices; the tables do not record the gate."""


def moe(c: Columns) -> Shaped:
    """Experts of the busiest rank; `num_tokens` counts the tokens of all ranks."""
    dtype = names.canonical(c.text("moe_dtype"))
    tokens, active, experts, hidden, inner, tensor, ranks = (
        c.number(name)
        for name in ("num_tokens", "topk", "num_experts", "hidden_size", "inter_size", "moe_tp_size", "moe_ep_size")
    )
    alpha, replicated = _distribution(c.text("distribution"))
    known = np.where(np.isfinite(alpha), alpha, 0.0)
    slots = c.numbers.get("num_slots", experts)
    slots = np.where(np.isfinite(slots), slots, experts)
    local = np.maximum(experts / ranks, 1.0)
    load = busiest(tokens, active, experts, np.minimum(ranks, experts), known, replicated, slots)
    plain = np.array([key in UNGATED for key in zip(hidden, inner, active, experts, strict=True)])
    gates = np.where(plain | (np.char.find(c.kernel, "nongated") >= 0), 1.0, 2.0)
    shape = {
        "tokens": tokens, "active": active, "hidden": hidden, "width": np.maximum(inner / tensor, 1.0), "gates": gates,
        "local": local, "peak": names.peaks(dtype, c.device), **load, "alpha": alpha,
    }  # fmt: skip
    shape |= {name: names.values(dtype, name) for name in ("weight", "activation")}
    place = log(tokens, np.maximum(load["rows"], 0.5), local, hidden, shape["width"], active)
    return Shaped(dtype, shape, np.column_stack([place, 1.5 * known + replicated]))


STEEPEST = 4.0
"""Exponent of loads above which all goes to one expert."""


def _distribution(cells: Texts) -> tuple[Floats, Floats]:
    """Exponent of "power_law_1.2" (0 for "balanced", infinite for what is neither), and 1 for "..._eplb"."""
    kinds, which = np.unique(cells, return_inverse=True)
    alpha = np.array([_alpha(kind) for kind in kinds.tolist()])[which]
    return alpha, np.char.endswith(cells, "_eplb").astype(float)


def _alpha(text: str) -> float:
    if text in ("", "balanced", "uniform"):
        return 0.0
    try:
        found = float(text.removeprefix("power_law_").removesuffix("_eplb"))
    except ValueError:
        return np.inf
    return found if 0.0 < found <= STEEPEST else np.inf


def mamba2(c: Columns) -> Shaped:
    """The causal convolution over x, B and C: these tables do not time the scan."""
    phase = c.text("phase")
    batch, length = c.number("batch_size"), c.number("seq_len")
    channels = c.number("nheads") * c.number("head_dim") + 2.0 * c.number("n_groups") * c.number("d_state")
    one_step = phase == "generation"
    moved = np.where(one_step, 20.0 * batch * channels, 4.0 * batch * length * channels)
    blocks = np.where(one_step, batch * channels / 64.0, batch * channels)
    return Shaped(phase, {"moved": moved, "length": length, "blocks": blocks}, log(batch, length, channels))
