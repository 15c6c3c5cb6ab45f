"""Columns of timing tables as shapes: one function an operation. The traps of the columns are told where they bite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from firstlight.operate.validation.timings import names
from firstlight.performance.kernels.timed.cases import Texts
from firstlight.performance.kernels.timed.skew import busiest
from firstlight.twin.protocols import Floats

HALF = 2.0
"""Bytes of a 16-bit value."""
NO_WINDOW = 65536.0
LATENT, LATENT_VALUE, PREFILL_KEY, PREFILL_VALUE = 576.0, 512.0, 192.0, 128.0
"""Widths of DeepSeek's latent attention (arXiv 2412.19437): absorbed, in decoding; expanded, over a prompt."""
CACHE = {"bfloat16": 2.0, "fp8": 1.0, "nvfp4": 0.5625}
HEADS_TILE, HEADS_STEP = 64.0, 16.0
"""Heads of a group that one tile takes at most, and that it pads to."""
SHARED_LATENT = 8.0
SPLITS, FEW_SPLITS = 64.0, 8.0
WIDE_GROUP = 32.0
"""Query heads per key head above which TensorRT-LLM's decode falls back to one block a query head."""
WIDE_EP_SCALES = 1.03
"""fp8 payload with its scales."""


@dataclass(frozen=True)
class Columns:
    """The cells of a table's usable rows, and their devices.

    Attributes:
        numbers, texts: by column [rows]; device: its values by name [rows].
        framework, kernel: of each row [rows].
    """

    numbers: Mapping[str, Floats]
    texts: Mapping[str, Texts]
    device: Mapping[str, Floats]
    framework: Texts
    kernel: Texts

    def number(self, name: str) -> Floats:
        """A column of numbers [rows]."""
        return self.numbers[name]

    def text(self, name: str) -> Texts:
        """A column of texts [rows]."""
        return self.texts[name]


@dataclass(frozen=True)
class Shaped:
    """What a function of this module finds.

    Attributes:
        dtype: label of number types (and phase); style: of the kernel where the columns say more than its name.
        shape: as the formula reads it; place: for distances [rows, dimensions].
    """

    dtype: Texts
    shape: Mapping[str, Floats]
    place: Floats
    style: Texts | None = None


def _log(*columns: Floats) -> Floats:
    return np.stack([np.log2(np.maximum(column, 1e-3)) for column in columns], axis=1)


def _joined(first: Texts, second: Texts, by: str = "/") -> Texts:
    return np.char.add(np.char.add(first, by), second)


def gemm(c: Columns) -> Shaped:
    """Products of m x k by k x n."""
    dtype = names.canonical(c.text("gemm_dtype"))
    m, n, k = (c.number(name) for name in ("m", "n", "k"))
    style = names.styles("gemm", c.kernel)
    latency = np.where(style == "launched", c.device["host"], 1.0)
    shape = {"m": m, "n": n, "k": k, "latency": latency, "peak": names.peaks(dtype, c.device)}
    shape |= {name: names.values(dtype, name) for name in ("weight", "activation", "quantised")}
    return Shaped(dtype, shape, _log(m, n, k), style)


def _cache(cells: Texts) -> Floats:
    kinds = names.canonical(cells)
    return np.select([kinds == kind for kind in CACHE], list(CACHE.values()), np.inf)


def _attention(c: Columns, kind: str) -> tuple[Texts, Texts, Floats]:
    core, held = (names.canonical(c.text(name)) for name in (f"{kind}_dtype", "kv_cache_dtype"))
    return _joined(core, held), core, _cache(held)


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
    return Shaped(dtype, shape, _log(batch, length, heads, keys, width, reach))


def context_mla(c: Columns) -> Shaped:
    """Prompts with latent attention, expanded; `num_heads` is already that of one rank."""
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
    return Shaped(dtype, shape, _log(batch, length, heads), _mla_style(c))


def _mla_style(c: Columns) -> Texts:
    """Latent attention has no column for the kernel; the framework chooses it."""
    return c.framework


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
    return Shaped(dtype, shape, _log(batch, length, heads, keys, width, reach), np.where(wide, "per-head", style))


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
    return Shaped(dtype, shape, _log(batch, length, heads), _mla_style(c))


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
    slots = c.numbers.get("num_slots", experts)
    slots = np.where(np.isfinite(slots), slots, experts)
    local = np.maximum(experts / ranks, 1.0)
    load = busiest(tokens, active, experts, np.minimum(ranks, experts), np.nan_to_num(alpha), replicated, slots)
    plain = np.array([key in UNGATED for key in zip(hidden, inner, active, experts, strict=True)])
    gates = np.where(plain | (np.char.find(c.kernel, "nongated") >= 0), 1.0, 2.0)
    shape = {
        "tokens": tokens, "active": active, "hidden": hidden, "width": np.maximum(inner / tensor, 1.0), "gates": gates,
        "local": local, "peak": names.peaks(dtype, c.device), **load, "alpha": alpha,
    }  # fmt: skip
    shape |= {name: names.values(dtype, name) for name in ("weight", "activation")}
    place = _log(tokens, np.maximum(load["rows"], 0.5), local, hidden, shape["width"], active)
    return Shaped(dtype, shape, np.column_stack([place, 1.5 * np.nan_to_num(alpha) + replicated]))


def _distribution(cells: Texts) -> tuple[Floats, Floats]:
    """Exponent of "power_law_1.2" (0 for "balanced", infinite for what is neither), and 1 for "..._eplb"."""
    kinds, which = np.unique(cells, return_inverse=True)
    alpha = np.array([_alpha(kind) for kind in kinds.tolist()])[which]
    return alpha, np.char.endswith(cells, "_eplb").astype(float)


def _alpha(text: str) -> float:
    if text in ("", "balanced", "uniform"):
        return 0.0
    try:
        return float(text.removeprefix("power_law_").removesuffix("_eplb"))
    except ValueError:
        return np.inf


def mamba2(c: Columns) -> Shaped:
    """The causal convolution over x, B and C: these tables do not time the scan."""
    phase = c.text("phase")
    batch, length = c.number("batch_size"), c.number("seq_len")
    channels = c.number("nheads") * c.number("head_dim") + 2.0 * c.number("n_groups") * c.number("d_state")
    one_step = phase == "generation"
    moved = np.where(one_step, 20.0 * batch * channels, 4.0 * batch * length * channels)
    blocks = np.where(one_step, batch * channels / 64.0, batch * channels)
    return Shaped(phase, {"moved": moved, "length": length, "blocks": blocks}, _log(batch, length, channels))


def nccl(c: Columns) -> Shaped:
    """NCCL's collectives; `message_size` counts elements, of the whole buffer for all-gather and reduce-scatter."""
    size = c.number("message_size") * np.where(c.text("nccl_dtype") == "int8", 1.0, HALF)
    ranks = c.number("num_gpus")
    shape = _ring(c.text("op_name"), size, ranks, np.minimum(ranks, c.device["node"]), c)
    place = np.column_stack([_log(size, ranks), 1.0 * (c.text("nccl_dtype") == "int8")])
    return Shaped(c.text("op_name"), shape, place)


IN_SWITCH_FROM = 5.0
"""Ranks from which NCCL lets switches add up: with 4 it still runs rings (measured on H200 and B200)."""


def _ring(operation: Texts, size: Floats, ranks: Floats, node: Floats, c: Columns) -> dict[str, Floats]:
    both, exchanged = operation == "all_reduce", operation == "alltoall"
    return {
        "latency": c.device["sync"], "size": size, "ranks": ranks, "nodes": np.ceil(ranks / np.maximum(node, 1.0)),
        "steps": np.where(both, 2.0 * (ranks - 1.0), np.where(exchanged, 1.0, ranks - 1.0)),
        "volume": np.where(both, 2.0, 1.0) * size * (ranks - 1.0) / ranks,
        "in_switch": 1.0 * (both & (ranks >= IN_SWITCH_FROM) & (c.device["switched"] > 0)),
    }  # fmt: skip


def other_all_reduce(c: Columns) -> Shaped:
    """All-reduces of another source, over one or several nodes; `bytes` are bytes."""
    size, ranks, node = (c.number(name) for name in ("bytes", "num_workers", "devices_per_node"))
    shape = _ring(c.text("op"), size, ranks, node, c)
    return Shaped(c.text("op"), shape, _log(size, ranks, shape["nodes"]))


def custom_allreduce(c: Columns) -> Shaped:
    """One-kernel all-reduces; `message_size` counts 16-bit elements."""
    size, ranks = c.number("message_size") * HALF, c.number("num_gpus")
    style = names.styles("all_reduce", c.kernel)
    latency = np.where(style == "launched", c.device["host"], c.device["peer"])
    shape = {"size": size, "ranks": ranks, "latency": latency}
    return Shaped(c.text("allreduce_dtype"), shape, _log(size, ranks), style)


def _deepep(c: Columns, phase: str) -> tuple[dict[str, Floats], Floats, Texts]:
    nodes, tokens, active, hidden, experts = (
        c.number(name) for name in ("node_num", "num_token", "num_topk", "hidden_size", "num_experts")
    )
    each = hidden * (WIDE_EP_SCALES if phase == "dispatch" else HALF)
    values = {"nodes": nodes, "tokens": tokens, "active": active, "experts": experts, "each": each}
    values["latency"] = c.device["peer"]
    style = np.where(nodes > 1, "inter", "intra")
    return values, _log(tokens, active, hidden, experts, nodes), style


def deepep_low_latency(phase: str) -> Callable[[Columns], Shaped]:
    """DeepEP's low-latency mode, one direction."""

    def shaped(c: Columns) -> Shaped:
        values, place, style = _deepep(c, phase)
        messages = values["tokens"] * values["active"]
        outside = np.where(values["nodes"] > 1, (values["nodes"] - 1.0) / values["nodes"], 0.0)
        shape = {name: values[name] for name in ("experts", "nodes", "latency")}
        shape |= {"messages": messages, "outside": outside, "volume": messages * values["each"]}
        return Shaped(np.full(len(place), f"{phase} low-latency"), shape, place, style)

    return shaped


FORWARDED = 0.9
"""Share of a token's experts on other accelerators of its node, in the copies that cross nodes first."""


def deepep_normal(side: str) -> Callable[[Columns], Shaped]:
    """DeepEP's normal mode, one direction with the units that it uses."""

    def shaped(c: Columns) -> Shaped:
        values, place, style = _deepep(c, side)
        nodes, active, node = values["nodes"], values["active"], c.device["node"]
        ranks = nodes * node
        reached = ranks * (1.0 - (1.0 - 1.0 / ranks) ** active)
        crossed = nodes * (1.0 - (1.0 - 1.0 / nodes) ** active) * (nodes - 1.0) / nodes
        sent = values["tokens"] * values["each"]
        copies = np.where(nodes > 1, FORWARDED * np.minimum(active, node), reached)
        used = c.number(f"{side}_sms")
        shape = {"inside": sent * copies, "outside": sent * crossed, "tokens": values["tokens"], "used_units": used,
                 "nodes": nodes, "latency": values["latency"]}  # fmt: skip
        place = np.column_stack([place, _log(used)])
        return Shaped(np.full(len(place), f"{side} normal"), shape, place, style)

    return shaped


def moe_a2a(c: Columns) -> Shaped:
    """Exchanges of routed tokens on one node, by backend."""
    tokens, active, hidden, ranks, experts = (
        c.number(name) for name in ("num_tokens", "topk", "hidden_size", "ep_size", "num_experts")
    )
    kind = names.canonical(c.text("comm_dtype"))
    each = hidden * names.values(kind, "activation")
    copies = np.where(np.char.find(c.text("comm_backend"), "ll") >= 0, active, _distinct(ranks, active))
    dtype, place = _joined(c.text("phase"), c.text("comm_dtype"), " "), _log(tokens, ranks, active, hidden, experts)
    return Shaped(dtype, _domain(tokens, each, copies, ranks, c.device["host"]), place)


def _distinct(ranks: Floats, active: Floats) -> Floats:
    return ranks * (1.0 - (1.0 - 1.0 / ranks) ** active)


PREPARED = 24.0
"""Bytes that a token's preparation moves [B]."""


def trtllm_alltoall(c: Columns) -> Shaped:
    """All-to-alls over one NVLink domain, by phase."""
    tokens, active, hidden, ranks, experts = (
        c.number(name) for name in ("num_tokens", "topk", "hidden_size", "moe_ep_size", "num_experts")
    )
    phase, kind = c.text("op_name"), names.canonical(c.text("moe_dtype"))
    combined = [phase == "alltoall_dispatch", phase == "alltoall_combine", phase == "alltoall_prepare"]
    each = np.select(combined, [hidden * names.values(kind, "weight"), HALF * hidden, np.full(len(hidden), PREPARED)],
                     hidden)  # fmt: skip
    dtype = _joined(np.char.replace(phase, "alltoall_", ""), c.text("moe_dtype"), " ")
    shape = _domain(tokens, each, np.minimum(ranks, active), ranks, c.device["peer"])
    return Shaped(dtype, shape, _log(tokens, ranks, active, hidden, experts))


def _domain(tokens: Floats, each: Floats, copies: Floats, ranks: Floats, latency: Floats) -> dict[str, Floats]:
    held = tokens * each
    volume = held * copies * (ranks - 1.0) / ranks
    return {"tokens": tokens, "held": held, "volume": volume, "ranks": ranks, "latency": latency}
