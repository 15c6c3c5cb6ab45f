"""Timed kernels of a training step against the terms of the step model that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from firstlight.errors import UsageError
from firstlight.operate.validation import software
from firstlight.operate.validation.score import Outcome
from firstlight.operate.validation.timings import names
from firstlight.operate.validation.timings.tables import Table, parse
from firstlight.performance.kernels.attention import attention
from firstlight.performance.kernels.elementwise import passes
from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.machine import Machine, machine
from firstlight.performance.shapes import Softmax
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.twin.result import Prediction

MS = 1e-3
NUMBER_TYPES = {"bfloat16": "bf16", "fp8": "fp8"}
"""Number types that the step model knows, by those of tables."""
PORTED = ("flash_attention_2", "torch")
"""Kernels of PyTorch without its compiler, as FSDP runs use them."""
FUSED = ("rms_norm", "layer_norm", "residual", "swiglu", "rope")
"""Passes that the step model counts as element-wise work of a layer."""
TOGETHER = {"cross_entropy": "cross_entropy both ways", "permute": "permute and back", "unpermute": "permute and back"}
"""Passes that the step model has one term for, and the term: their rows of one shape and kernel are added."""
VALUE = 2.0
"""Bytes of a routed copy's value [B]."""
BASIS = "a term of the step model: its interval is that of whole steps"


@dataclass(frozen=True)
class _Timed:
    """A row, and the machine and assumptions that it is predicted with."""

    cells: Mapping[str, str]
    work: Machine
    a: Assumptions

    def number(self, name: str) -> float:
        """A cell that is a positive number."""
        return _positive(self.cells, name)

    def moved(self, size: float) -> float:
        """Time of one pass over so many bytes [s]."""
        return size / (self.work.bandwidth * self.a["performance.memory_efficiency"])


def outcomes(table: Table, part: Accelerator, catalog: Catalog) -> list[Outcome]:
    """What comes of each row of a table of training kernels; a row that cannot be predicted has its reason.

    Args:
        table: of an operation in `PARTS`; part: its accelerator.
        catalog: parts; one of its systems holds the accelerator.

    Raises:
        UsageError: none does.
    """
    system = next((one for one in catalog.parts(System) if one.accelerator == part.id), None)
    if system is None:
        raise UsageError(f"no system of the catalogue holds {part.id}")
    host = catalog.part(Host, system.host)
    rows = [{name: cells[row] for name, cells in table.cells.items()} for row in range(table.rows)]
    merged: dict[tuple[str, ...], list[int]] = {}
    for row, cells in enumerate(rows):
        merged.setdefault(_term(row, cells), []).append(row)
    return [_outcome(table, same, [rows[row] for row in same], (part, host, system)) for same in merged.values()]


def _term(row: int, cells: Mapping[str, str]) -> tuple[str, ...]:
    """What rows have in common that are one term of the step model; most are alone."""
    name = cells.get("op_name", "")
    if name not in TOGETHER:
        return (str(row),)
    return (TOGETHER[name], *(cells.get(column, "") for column in ("kernel_source", "rows", "columns")))


def _outcome(
    table: Table, rows: Sequence[int], cells: Sequence[Mapping[str, str]], parts: tuple[Accelerator, Host, System]
) -> Outcome:
    case = f"{table.path.name}:{'+'.join(str(row + 1) for row in rows)}"
    slices = {"operation": table.operation, "accelerator": table.accelerator, "kernel": _kernel(cells[0])}
    measured, found, reason = float("nan"), None, ""
    try:
        measured = sum(_positive(one, "latency_ms") for one in cells)
        timed = _timed(cells[0], parts)
        seconds, half = PARTS[table.operation](timed), timed.a["performance.spread_data"]
        found = Prediction.within(seconds / MS, half, calibrated=False, basis=BASIS)
    except (KeyError, ValueError) as error:
        reason = f"{error.args[0]}: empty, missing, or no value that can be"
    return Outcome(case, "latency_ms", measured, found, 1.0, slices, reason=reason)


def _positive(cells: Mapping[str, str], name: str) -> float:
    """A cell as a positive number.

    Raises:
        KeyError, ValueError: there is no such cell, or it is none; both name it.
    """
    found = parse([cells[name]])[0]
    if not 0 < found < np.inf:
        raise ValueError(name)
    return float(found)


def _kernel(cells: Mapping[str, str]) -> str:
    name = cells.get("op_name", "")
    what = [TOGETHER[name]] if name in TOGETHER else [name, cells.get("direction", "")]
    told = (cells.get("gemm_dtype", ""), *what, cells.get("kernel_source", ""))
    return " ".join(word for word in told if word and word != "bfloat16")


def _timed(cells: Mapping[str, str], parts: tuple[Accelerator, Host, System]) -> _Timed:
    kind = str(names.canonical(np.array([cells.get("gemm_dtype", "bfloat16")]))[0])
    if kind not in NUMBER_TYPES:
        raise ValueError("gemm_dtype")
    framework = "FSDP" if cells["kernel_source"] in PORTED else "Megatron"
    switches = ("compile",) if cells["kernel_source"] == "compiled" else ()
    a, _ = software.assumptions(framework, switches, "")
    return _Timed(cells, machine(*parts, NUMBER_TYPES[kind], a), a)


def _product(timed: _Timed) -> float:
    """A product of a step or of its gradients; m, n and k are those of the forward one."""
    experts = timed.number("num_experts") if "num_experts" in timed.cells else 1.0
    m, n, k = timed.number("m") / experts, timed.number("n"), timed.number("k")
    direction = timed.cells["direction"]
    sides = {"forward": (m, n, k), "dgrad": (m, k, n), "wgrad": (n, k, m), "wgrad_fp32": (n, k, m)}[direction]
    seconds = float(gemm(*sides, timed.work.rates(timed.work.runs_as, timed.a), experts))
    added = timed.a["performance.accumulation"] * n * k if direction == "wgrad_fp32" else 0.0
    return seconds + timed.moved(added)


def _attention(timed: _Timed) -> float:
    heads, keys, width = (int(timed.number(name)) for name in ("num_heads", "num_key_value_heads", "head_dim"))
    core = Softmax(heads, keys, width, width, None, causal=True)
    length = timed.number("isl")
    forward, backward = attention(timed.number("batch_size") * length, length, core, 1.0, timed.work, timed.a)
    return float({"forward": forward, "backward": backward}[timed.cells["direction"]])


def _pass(timed: _Timed) -> float:
    """What the step model takes for an operation that only moves bytes."""
    name, a = timed.cells["op_name"], timed.a
    size, each = timed.number("moved_bytes"), timed.number("rows") * timed.number("columns")
    if name in FUSED:
        return timed.moved(size) * float(passes(timed.work.software, a))
    counted = {
        "adam": a["performance.optimizer_bytes"] * each,
        "accumulate": a["performance.accumulation"] * each,
        "cross_entropy": a["performance.loss_bytes"] * each,
        "permute": a["performance.expert_passes"] * VALUE * each,
        "quantise": a["performance.cast"] * size,
        "quantise_transpose": a["performance.cast"] * size,
    }
    counted["unpermute"] = counted["permute"]
    return timed.moved(counted.get(name, size))


PARTS: Mapping[str, Callable[[_Timed], float]] = {
    "training_gemm": _product,
    "training_grouped": _product,
    "training_attention": _attention,
    "training_passes": _pass,
}
"""Tables of training kernels: what the step model says of a row [s]."""
