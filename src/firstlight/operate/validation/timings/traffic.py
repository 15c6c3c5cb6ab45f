"""Columns of collective timings as shapes, one function an operation. Traps of the columns stand where they bite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firstlight.network.collectives.timed import shapes
from firstlight.operate.validation.timings import names
from firstlight.operate.validation.timings.columns import Columns, Shaped, both, log
from firstlight.timings.cases import Texts
from firstlight.twin.protocols import Floats

HALF = 2.0
"""Bytes of a 16-bit value."""
SCALED = 1.03
"""Bytes of an fp8 value with its share of the scales."""


def nccl(c: Columns) -> Shaped:
    """NCCL's collectives; `message_size` counts elements, of the whole buffer for all-gather and reduce-scatter."""
    size = c.number("message_size") * names.values(c.text("nccl_dtype"), "activation")
    ranks = c.number("num_gpus")
    shape = shapes.ring(c.text("op_name"), size, ranks, np.minimum(ranks, c.device["node"]), c.device)
    place = np.column_stack([log(size, ranks), 1.0 * (c.text("nccl_dtype") == "int8")])
    return Shaped(c.text("op_name"), shape, place)


def other_all_reduce(c: Columns) -> Shaped:
    """All-reduces of another source, over one or several nodes; `bytes` are bytes."""
    size, ranks, node = (c.number(name) for name in ("bytes", "num_workers", "devices_per_node"))
    shape = shapes.ring(c.text("op"), size, ranks, node, c.device)
    return Shaped(c.text("op"), shape, log(size, ranks, shape["nodes"]))


def custom_allreduce(c: Columns) -> Shaped:
    """One-kernel all-reduces; `message_size` counts elements."""
    dtype = names.canonical(c.text("allreduce_dtype"))
    size, ranks = c.number("message_size") * names.values(dtype, "activation"), c.number("num_gpus")
    style = names.styles("all_reduce", c.kernel)
    latency = np.where(style == "launched", c.device["host"], c.device["peer"])
    shape = {"size": size, "ranks": ranks, "latency": latency}
    return Shaped(dtype, shape, log(size, ranks), style)


def _deepep(c: Columns, phase: str) -> tuple[dict[str, Floats], Floats, Texts]:
    nodes, tokens, active, hidden, experts = (
        c.number(name) for name in ("node_num", "num_token", "num_topk", "hidden_size", "num_experts")
    )
    each = hidden * (SCALED if phase == "dispatch" else HALF)
    values = {"nodes": nodes, "tokens": tokens, "active": active, "experts": experts, "each": each}
    values["latency"] = c.device["peer"]
    style = np.where(nodes > 1, "inter", "intra")
    return values, log(tokens, active, hidden, experts, nodes), style


def deepep_low_latency(phase: str) -> Callable[[Columns], Shaped]:
    """DeepEP's low-latency mode, one direction."""

    def shaped(c: Columns) -> Shaped:
        values, place, style = _deepep(c, phase)
        names = ("tokens", "active", "experts", "each", "nodes")
        shape = {"latency": values["latency"], **shapes.low_latency(*(values[name] for name in names))}
        return Shaped(np.full(len(place), f"{phase} low-latency"), shape, place, style)

    return shaped


def deepep_normal(side: str) -> Callable[[Columns], Shaped]:
    """DeepEP's normal mode, one direction with the units that it uses."""

    def shaped(c: Columns) -> Shaped:
        values, place, style = _deepep(c, side)
        used, node = c.number(f"{side}_sms"), c.device["node"]
        tokens, active, each, nodes = (values[name] for name in ("tokens", "active", "each", "nodes"))
        shape = {"latency": values["latency"], **shapes.normal(tokens, active, each, nodes, node, used)}
        place = np.column_stack([place, log(used)])
        return Shaped(np.full(len(place), f"{side} normal"), shape, place, style)

    return shaped


def moe_a2a(c: Columns) -> Shaped:
    """Exchanges of routed tokens on one node, by backend."""
    tokens, active, hidden, ranks, experts = (
        c.number(name) for name in ("num_tokens", "topk", "hidden_size", "ep_size", "num_experts")
    )
    kind = names.canonical(c.text("comm_dtype"))
    each = hidden * names.values(kind, "activation")
    copies = np.where(np.char.find(c.text("comm_backend"), "ll") >= 0, active, shapes.distinct(ranks, active))
    dtype, place = both(c.text("phase"), c.text("comm_dtype"), " "), log(tokens, ranks, active, hidden, experts)
    shape = {"latency": c.device["host"], **shapes.domain(tokens, each, copies, ranks)}
    return Shaped(dtype, shape, place)


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
    dtype = both(np.char.replace(phase, "alltoall_", ""), c.text("moe_dtype"), " ")
    shape = {"latency": c.device["peer"], **shapes.domain(tokens, each, np.minimum(ranks, active), ranks)}
    return Shaped(dtype, shape, log(tokens, ranks, active, hidden, experts))
