"""Which columns each operation needs, and what each row of a table comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.network.collectives.timed.latency import device_of
from firstlight.operate.validation.timings import makers, names, shapes, traffic
from firstlight.operate.validation.timings.columns import Columns, Shaped
from firstlight.operate.validation.timings.registry import OPERATIONS
from firstlight.operate.validation.timings.tables import Table
from firstlight.spec.parts import Accelerator
from firstlight.timings.cases import Cases, Labels, Texts
from firstlight.timings.device import Device, columns
from firstlight.twin.protocols import Floats

MS, US = 1e-3, 1e-6
LARGEST = 1e12
"""What no size and no time of a kernel exceeds."""
MOST = {"num_experts": 65536.0, "num_slots": 65536.0}
"""Columns with a smaller bound: each expert's load is drawn."""


@dataclass(frozen=True)
class Reader:
    """How one target column of an operation's table is read.

    Attributes:
        target: its column; scale: seconds of its unit.
        numbers: columns of whole numbers from 1; others: of whole numbers that may be 0 or empty.
        texts: columns that must be there.
        shaped: cells to shapes.
        added: column whose time is part of the target (0 where it is empty).
    """

    target: str
    scale: float
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    shaped: Callable[[Columns], Shaped]
    others: tuple[str, ...] = ()
    added: str = ""

    @property
    def metric(self) -> str:
        """The target as scores name it."""
        return f"{self.target} + {self.added}" if self.added else self.target

    @property
    def source(self) -> str:
        """The column that names the kernel."""
        return "comm_backend" if "comm_backend" in self.texts else "kernel_source"


@dataclass(frozen=True)
class Measured:
    """One target column of a table: its cases, those that cannot be, and why.

    Attributes:
        table: where it lies; reader: of the target column.
        rows: of the table, counted from 0, that are cases [cases]; cases: None where there are none.
        values: measured, in the unit of the column [cases].
        refused: reason by row.
    """

    table: Table
    reader: Reader
    rows: NDArray[np.intp]
    cases: Cases | None
    values: Floats
    refused: Mapping[int, str]

    @property
    def seconds(self) -> Floats:
        """Measured times [s, cases]."""
        return self.values * self.reader.scale


_DEEPEP = ("node_num", "hidden_size", "num_token", "num_topk", "num_experts")
_EXPERTS = ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size")
_HEADS = ("batch_size", "isl", "num_heads")
_DOMAIN = ("num_tokens", "hidden_size", "topk", "num_experts")
_ATTENTION = (*_HEADS, "num_key_value_heads", "head_dim")


def _normal(side: str) -> Reader:
    shaped = traffic.deepep_normal(side)
    return Reader(f"{side}_transmit_us", US, (*_DEEPEP, f"{side}_sms"), (), shaped, added=f"{side}_notify_us")


READERS: Mapping[str, Sequence[Reader]] = {
    "gemm": [Reader("latency_ms", MS, ("m", "n", "k"), ("gemm_dtype",), shapes.gemm)],
    "context_attention": [
        Reader("latency_ms", MS, _ATTENTION, ("attn_dtype", "kv_cache_dtype"), shapes.context_attention,
               ("window_size", "step"))
    ],
    "generation_attention": [
        Reader("latency_ms", MS, _ATTENTION, ("attn_dtype", "kv_cache_dtype"), shapes.generation_attention,
               ("window_size", "step"))
    ],
    "context_mla": [Reader("latency_ms", MS, _HEADS, ("mla_dtype", "kv_cache_dtype"), shapes.context_mla, ("step",))],
    "generation_mla": [
        Reader("latency_ms", MS, _HEADS, ("mla_dtype", "kv_cache_dtype"), shapes.generation_mla, ("step",))
    ],
    "moe": [Reader("latency_ms", MS, _EXPERTS, ("moe_dtype", "distribution"), shapes.moe)],
    "wideep_moe": [Reader("latency_ms", MS, _EXPERTS, ("moe_dtype", "distribution"), shapes.moe, ("num_slots",))],
    "mamba2": [
        Reader("latency_ms", MS, ("batch_size", "seq_len", "nheads", "head_dim", "n_groups", "d_state"), ("phase",),
               shapes.mamba2)
    ],
    "nccl": [Reader("latency_ms", MS, ("num_gpus", "message_size"), ("op_name", "nccl_dtype"), traffic.nccl)],
    "allreduce_other_source": [
        Reader("latency_ms", MS, ("num_workers", "devices_per_node", "bytes"), ("op",), traffic.other_all_reduce)
    ],
    "custom_allreduce": [
        Reader("latency_ms", MS, ("num_gpus", "message_size"), ("allreduce_dtype",), traffic.custom_allreduce)
    ],
    "deepep_ll": [
        Reader(f"{phase}_avg_t_us", US, _DEEPEP, (), traffic.deepep_low_latency(phase))
        for phase in ("dispatch", "combine")
    ],
    "deepep_normal": [_normal(side) for side in ("dispatch", "combine")],
    # This table's latency_ms holds microseconds: it repeats transmit_us.
    "moe_a2a": [
        Reader("latency_ms", US, (*_DOMAIN, "ep_size"), ("phase", "comm_dtype", "comm_backend"), traffic.moe_a2a)
    ],
    "trtllm_alltoall": [
        Reader("latency_ms", MS, (*_DOMAIN, "moe_ep_size"), ("op_name", "moe_dtype"), traffic.trtllm_alltoall)
    ],
}  # fmt: skip
"""One reader a target column."""


COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "alltoall")
NAMED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("nccl", "op_name"): COLLECTIVES,
    ("allreduce_other_source", "op"): COLLECTIVES,
    ("mamba2", "phase"): ("context", "generation"),
    ("moe_a2a", "phase"): ("dispatch", "combine"),
    ("trtllm_alltoall", "op_name"): (
        "alltoall_prepare", "alltoall_dispatch", "alltoall_combine", "alltoall_combine_low_precision",
    ),
}  # fmt: skip
"""What columns of operations may hold, apart from number types."""


def read(table: Table, reader: Reader, part: Accelerator) -> Measured:
    """The cases of a table's target column; rows that cannot be are refused with the first thing that is wrong."""
    refused = _missing(table, reader)
    wanted = (*reader.numbers, *reader.others, reader.target, *([reader.added] if reader.added else ()))
    numbers = {name: table.numbers(name) for name in wanted}
    if not refused:
        refused = {**_unusable(table, reader, numbers), **_unnamed(table, reader), **_foreign(table, reader, part)}
    usable = np.ones(table.rows, dtype=bool)
    usable[list(refused)] = False
    kept = np.flatnonzero(usable)
    measured = numbers[reader.target] + (np.nan_to_num(numbers[reader.added]) if reader.added else 0.0)
    if not len(kept):
        return Measured(table, reader, kept, None, measured[kept], refused)
    cases = _cases(table, reader, device_of(part), {name: values[kept] for name, values in numbers.items()}, kept)
    fine = np.all([np.isfinite(values) for values in cases.shape.values()], axis=0)
    refused |= dict.fromkeys(kept[~fine].tolist(), _unknown(reader))
    return Measured(table, reader, kept[fine], cases.select(fine), measured[kept[fine]], refused)


def _foreign(table: Table, reader: Reader, part: Accelerator) -> Mapping[int, str]:
    frameworks, _ = names.software(table.texts("framework_version"))
    return makers.foreign(part, table.operation, frameworks.tolist(), table.texts(reader.source).tolist())


def _unnamed(table: Table, reader: Reader) -> dict[int, str]:
    """Rows with a number type, or a name of a phase or collective, that is not known."""
    refused: dict[int, str] = {}
    types = tuple(names.number_types())
    for name in reader.texts:
        known = types if name.endswith("_dtype") else NAMED.get((table.operation, name), ())
        words = f"number types are {', '.join(types)}" if known is types else f"known are {', '.join(known)}"
        for row, cell in enumerate(table.cells[name] if known else ()):
            if cell not in known:
                refused.setdefault(row, f'{name}: "{cell[:40]}" is unknown; {words}')
    return refused


def _unknown(reader: Reader) -> str:
    known = ", ".join(names.number_types())
    cells = ", ".join(reader.texts)
    return f"one of {cells} is unknown: number types are {known}; loads are balanced or power_law_<exponent>"


def _missing(table: Table, reader: Reader) -> dict[int, str]:
    wanted = (*reader.numbers, *reader.texts, reader.target)
    missing = [name for name in wanted if name not in table.cells]
    if not missing:
        return {}
    return dict.fromkeys(range(table.rows), f"the table lacks the columns {', '.join(missing)}")


def _unusable(table: Table, reader: Reader, numbers: Mapping[str, Floats]) -> dict[int, str]:
    refused: dict[int, str] = {}
    for name, values in numbers.items():
        optional = name in (*reader.others, reader.added)
        least = 1.0 if name in reader.numbers else 0.0
        most = MOST.get(name, LARGEST)
        wrong = ~(values <= most) | (values < least) | ((values == 0) & (name == reader.target))
        if optional:
            wrong &= ~np.isnan(values)
        for row in np.flatnonzero(wrong).tolist():
            cell = table.cells[name][row][:40]
            span = f"above 0, up to {most:g}" if name == reader.target else f"from {least:g} to {most:g}"
            words = f'"{cell}" is no number {span}'
            refused.setdefault(row, f"{name}: {words}" if cell else f"{name} is empty")
        if name in (*reader.numbers, *reader.others):
            for row in np.flatnonzero(np.isfinite(values) & (values != np.round(values))).tolist():
                refused.setdefault(row, f'{name}: "{table.cells[name][row][:40]}" is no whole number')
    return refused


def _cases(
    table: Table, reader: Reader, device: Device, numbers: Mapping[str, Floats], rows: NDArray[np.intp]
) -> Cases:
    framework, release = names.software(table.texts("framework_version")[rows])
    kernel = table.texts(reader.source)[rows]
    numbers = {name: np.nan_to_num(v) if name in ("step", "window_size") else v for name, v in numbers.items()}
    values = columns(device, len(rows))
    texts = {name: table.texts(name)[rows] for name in reader.texts}
    found = reader.shaped(Columns(numbers, texts, values, framework, kernel))
    style = names.styles(OPERATIONS[table.operation], kernel) if found.style is None else found.style
    labels = Labels(
        found.dtype, style, np.char.add(np.char.add(framework, ":"), kernel), release,
        _full(device.id, len(rows)), _full(device.generation, len(rows)),
    )  # fmt: skip
    return Cases(table.operation, labels, {**values, **found.shape}, found.place)


def _full(text: str, rows: int) -> Texts:
    return np.full(rows, text)
