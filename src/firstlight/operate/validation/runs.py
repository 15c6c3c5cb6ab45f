"""One measured training run as the step model takes it; what the row leaves empty is inferred, and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from firstlight.errors import UsageError
from firstlight.evaluate.build import Parts, fabric
from firstlight.network.collectives import FabricTime
from firstlight.operate.validation import software
from firstlight.operate.validation.architecture import model_of
from firstlight.operate.validation.inferred import Trial
from firstlight.operate.validation.table import CellError, Row
from firstlight.performance import training
from firstlight.performance.shapes import layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import ContextKind, FabricDesign, Recomputation, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.parameters import parameters
from firstlight.spec.parts import Accelerator, Host, Nic, Switch, System
from firstlight.spec.workload import Training

COLUMNS = (
    "case_id", "group", "tier", "weight", "tokens_per_s_per_accel", "step_time_s", "reported_tflops_per_accel",
    "reported_mfu", "mfu_definition_notes", "date", "model", "method", "layers", "hidden",
    "ffn_hidden", "heads", "kv_heads", "head_dim", "vocab", "attention", "seq_len", "experts", "top_k", "expert_ffn",
    "shared_experts", "gated_mlp", "tied_embeddings", "accelerator", "n_accel", "accel_per_node",
    "scaleout_gbit_per_gpu", "precision", "tp", "pp", "vpp", "cp", "ep", "etp", "dp", "sharding", "micro_batch",
    "global_batch", "recompute", "seq_parallel", "framework", "software_switches", "notes",
)  # fmt: skip
UNREAD = (
    "peak_tflops_used", "primary_metric", "source", "source_locator", "params_b", "active_params_b",
    "scaleup_gbps_per_gpu",
)  # fmt: skip
"""Columns of measurements/training.csv that tell where a row is from, or that a share of a peak alone needs."""
CHUNKS = (10, 8, 7, 6, 5, 4, 3, 2)
"""Chunks of a pipeline stage, the most first: recipes of Megatron-Core interleave as far as the layers divide."""
ADAPTERS = 16
"""Rank of LoRA adapters that a row does not state."""
ROOM = 0.45
"""Share of the memory that sharded states take at most, where hybrid sharding's group is not stated."""
PRECISIONS = {"": "bf16", "bf16": "bf16", "fp16": "bf16", "fp32": "bf16", "fp8": "fp8", "mxfp8": "fp8", "int8": "fp8"}
SHARDING = {"fsdp": 3, "hsdp": 3, "zero3": 3, "zero2": 2, "zero1": 1, "none": 0, "": 1}
SHARDED = ("fsdp", "pax", "xla")
"""Families whose runs are fully sharded where a row does not say."""


@dataclass(frozen=True)
class Run:
    """A measured run.

    Attributes:
        model, workload, layout, accelerators: what ran, on how many.
        parts, time: the machine, and its collectives.
        software: framework, switches and date, as the row writes them; assumptions: with what it did.
        assumed: what the row left empty, and what was taken.
    """

    model: Model
    workload: Training
    layout: TrainingLayout
    accelerators: int
    parts: Parts
    time: FabricTime
    software: tuple[str, tuple[str, ...], str]
    assumptions: Assumptions
    assumed: tuple[str, ...]

    def asked(self, a: Assumptions) -> training.Run:
        """What the step model takes of it, with these assumptions."""
        parts = self.parts
        return training.Run(
            self.workload, self.model, parts.system, parts.accelerator, parts.host, self.accelerators, self.time, a
        )


def read_run(row: Row, catalog: Catalog) -> Run:
    """The run of a row, with everything that it leaves empty inferred.

    A column that the file lacks counts as empty. Defaults, in this order: latent attention as in DeepSeek-V3; windows
    of 4,096; a vocabulary of 51,200; embedding and head shared where the feed-forward part has no gate; the framework's
    features by its family and date; the system with that accelerator whose nodes are as large as the row says, and of
    several the one with the largest scale-up domain; Megatron's distributed optimizer, or all states sharded with FSDP
    and XLA; hybrid sharding over a slice, or over the fewest nodes that hold the states; the most chunks of a pipeline
    that divide its layers, for frameworks that interleave; the largest micro-batch of up to 8,192 tokens that fits, or
    what the global batch gives a rank without accumulation (XLA); adapters of rank 16; the least recomputation that
    fits the memory, or none where a host over NVLink-C2C keeps what does not fit.

    Raises:
        CellError: a cell that no default stands for is empty, or impossible.
        UsageError: an accelerator that the catalogue lacks, or a layout that cannot be.
    """
    told = [f"no column {name}" for name in COLUMNS if name not in row.cells]
    model = model_of(row, told)
    switches = _switches(row)
    ran = row.text("framework"), switches, row.text("date")
    a, about_software = software.assumptions(*ran)
    told += about_software
    count = row.needed("n_accel")
    parts, time = machine_of(row, catalog, count, a)
    workload = _workload(row, model, told)
    layout = _layout(row, model, workload, parts, count, told)
    trial = Trial(model, workload, parts, count, time, a)
    if not row.text("micro_batch") and software.family(row.text("framework")) != "xla":
        layout = trial.largest(layout)
        told.append(f"micro_batch {layout.micro_batch}")
    if not row.text("recompute"):
        layout = layout.model_copy(update={"recompute": trial.least(layout)})
        told.append(f"recompute {layout.recompute}")
    return Run(model, workload, layout, count, parts, time, ran, a, tuple(told))


def _switches(row: Row) -> tuple[str, ...]:
    """Features that the row and its notes name; a column says whether sequences are cut over tensor parallelism."""
    named = tuple(name for name in row.text("software_switches").split(";") if name)
    named += software.noted(row.text("notes"))
    parallel = row.flag("seq_parallel")
    return named if parallel is None else (*named, "sequence_parallel" if parallel else "no_sequence_parallel")


def machine_of(row: Row, catalog: Catalog, count: int, a: Assumptions) -> tuple[Parts, FabricTime]:
    """The system with the row's accelerator, and the time of its collectives over the row's links."""
    chip = catalog.part(Accelerator, row.text("accelerator"))
    per_node = row.count("accel_per_node")
    systems = [system for system in catalog.parts(System) if system.accelerator == chip.id]
    if not systems:
        raise UsageError(f"no system of the catalogue holds {chip.id}")
    system = min(systems, key=lambda s: (per_node not in (None, s.accelerators // s.nodes), -s.scale_up_domain, s.id))
    nic = catalog.part(Nic, system.nic) if system.nic else None
    given = row.number("scaleout_gbit_per_gpu")
    host = catalog.part(Host, system.host)
    if nic is None:
        link = (chip.scale_up_bandwidth or chip.memory_bandwidth) / 6
        parts = Parts(system, chip, host, None, None)
        return parts, fabric(FabricDesign.model_construct(kind="torus", link=link), parts, count, a)[1]
    link = given * 1e9 / 8 if given else nic.bandwidth
    nic = nic.model_copy(update={"bandwidth": link})
    switch = _switch(catalog, link)
    parts = Parts(system, chip, host, nic, switch)
    kind = "rail-optimised" if parts.endpoints_per_node > 1 else "clos"
    return parts, fabric(FabricDesign.model_construct(kind=kind, link=link, switch=switch.id), parts, count, a)[1]


def _switch(catalog: Catalog, link: float) -> Switch:
    """The switch with most ports of the link's speed or faster: rows do not name theirs."""
    fitting = [switch for switch in catalog.parts(Switch) if switch.port_bandwidth >= link and switch.price]
    return max(fitting, key=lambda switch: (switch.ports, switch.id))


def _workload(row: Row, model: Model, told: list[str]) -> Training:
    sequence, sequences = row.needed("seq_len"), row.needed("global_batch")
    kind = row.text("precision")
    if kind not in PRECISIONS:
        raise CellError(f'precision: "{kind[:40]}" is none of {", ".join(filter(None, PRECISIONS))}')
    batch, adapters = float(sequences * sequence), ADAPTERS if row.text("method") == "lora" else None
    if adapters:
        told.append(f"adapters of rank {adapters}")
    return Training.model_construct(
        train=model.id, tokens=batch, within=None, sequence=sequence, batch=batch, precision=PRECISIONS[kind],
        adapters=adapters,
    )  # fmt: skip


def _layout(row: Row, model: Model, workload: Training, parts: Parts, count: int, told: list[str]) -> TrainingLayout:
    tensor, pipeline, context = (row.count(name) or 1 for name in ("tp", "pp", "cp"))
    kind = row.text("sharding")
    if kind not in SHARDING:
        raise CellError(f'sharding: "{kind[:40]}" is none of {", ".join(filter(None, SHARDING))}')
    zero = SHARDING[kind]
    if not kind:
        zero = 3 if software.family(row.text("framework")) in SHARDED else 1
        told.append("fully sharded" if zero == 3 else "distributed optimizer")
    shard = _shard(model, parts, tensor, context, count // (tensor * pipeline), told) if kind == "hsdp" else None
    return TrainingLayout(
        tensor=tensor,
        pipeline=pipeline,
        interleave=_interleave(row, model, pipeline, told),
        context=context,
        expert=row.count("ep") or 1,
        expert_tensor=row.count("etp") or 1,
        context_kind=_context_kind(row),
        zero=zero,
        shard=shard,
        micro_batch=_least_micro_batch(row, workload, count // (tensor * pipeline * context) or 1, told),
        recompute=_recompute(row),
        gradients=_gradients(row, told),
    )


def _gradients(row: Row, told: list[str]) -> Literal["fp32", "bf16"]:
    """Type that gradients are accumulated in: DeepSpeed leaves them in 16 bits with fp16, not with bf16."""
    if row.text("precision") != "fp16" or software.family(row.text("framework")) != "deepspeed":
        return "fp32"
    told.append("gradients in 16 bits")
    return "bf16"


def _shard(model: Model, parts: Parts, tensor: int, context: int, ranks: int, told: list[str]) -> int | None:
    """Ranks of a hybrid sharding group: a slice of a torus (half of the ranks where all are in one); else the fewest
    nodes, doubled, whose memory holds the states."""
    if parts.nic is None:
        slice_ = parts.accelerator.scale_up_domain // tensor
        shard = slice_ if slice_ < ranks else ranks // 2
    else:
        shard = max(parts.system.scale_up_domain // tensor, 1)
        while shard < ranks and 16.0 * parameters(model) / (tensor * shard) > ROOM * parts.accelerator.memory:
            shard *= 2
    if shard < context or shard >= ranks or ranks % shard:
        return None
    told.append(f"sharded over {shard} ranks")
    return shard


def _context_kind(row: Row) -> ContextKind:
    text = row.text("context_kind") or "ring"
    for kind in get_args(ContextKind):
        if text == kind:
            return kind
    raise CellError(f'context_kind: "{text[:40]}" is none of {", ".join(get_args(ContextKind))}')


def _recompute(row: Row) -> Recomputation:
    text = row.text("recompute")
    for level in get_args(Recomputation):
        if text in (level, ""):
            return level
    raise CellError(f'recompute: "{text[:40]}" is none of {", ".join(get_args(Recomputation))}')


def _interleave(row: Row, model: Model, pipeline: int, told: list[str]) -> int:
    given = row.count("vpp")
    if given or pipeline == 1:
        return given or 1
    if software.family(row.text("framework")) != "megatron-core":
        return 1
    depth = sum(layer.count for layer in layers(model))
    chunks = next((c for c in CHUNKS if depth % (pipeline * c) == 0), 1)
    told.append(f"vpp {chunks}")
    return chunks


def _least_micro_batch(row: Row, workload: Training, ranks: int, told: list[str]) -> int:
    """The row's micro-batch; with XLA what the global batch gives a rank (no accumulation); 1 where it is open."""
    each = max(int((workload.batch or 0) / workload.sequence) // ranks, 1)
    given = row.count("micro_batch")
    if software.family(row.text("framework")) == "xla":
        told.append(f"micro_batch {each}")
        return each
    return min(given or 1, each)
