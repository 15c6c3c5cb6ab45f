"""One model trained on one machine in many layouts: what the models of a step compute with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.groups import Group, group, neighbours
from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Ends, Layer, ends, layers
from firstlight.performance.training.layouts.arrays import CONTEXTS, DISPATCHES, GRADIENTS, UNSET, Layouts
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.model import Model
from firstlight.twin.protocols import CollectiveTime, Floats, Ints

MOMENT_BYTES = (4.0, 2.0, 1.0)
"""Bytes of the types in `MOMENTS`."""
FULL_UPDATE = 28.0
"""Bytes that Adam reads and writes per parameter in fp32: gradient read, weight and two moments both ways."""
ALTERNATING = 3
"""Dense layers that are more than one of so many lie between those with experts, not before them."""


@dataclass(frozen=True)
class Case:
    """One model trained on one machine in many layouts.

    Attributes:
        model: architecture.
        sequence: tokens of a sequence. sequences: of an optimizer step, all ranks; one number or (n,).
        accelerators: of the run; what a layout cannot use stands idle.
        work: machine. layouts: arrays (n,).
        collective: time of collectives on the fabric.
        adapters: rank of LoRA adapters; 0 trains all weights.
        teacher: runs forward on every micro-batch, if any.
    """

    model: Model
    sequence: int
    sequences: float | Floats
    accelerators: int
    work: Machine
    layouts: Layouts
    collective: CollectiveTime
    a: Assumptions
    adapters: int = 0
    teacher: Model | None = None

    @cached_property
    def teaching(self) -> Case | None:
        """The teacher in the same layouts: its layers spread evenly, nothing kept for a backward pass or elsewhere."""
        if self.teacher is None:
            return None
        open_ends, none = np.full((), UNSET, np.int64), np.zeros((), np.int64)
        even = {"first_layers": open_ends, "last_layers": open_ends}
        layouts = replace(self.layouts, **even, recompute=none, recompute_modules=none, offload=none)
        return replace(self, model=self.teacher, layouts=layouts, adapters=0, teacher=None)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Layers of all towers."""
        return layers(self.model)

    @cached_property
    def ends(self) -> Ends:
        """Embeddings and heads."""
        return ends(self.model)

    @cached_property
    def data(self) -> Floats:
        """Data-parallel ranks (n,)."""
        inside = self.layouts.tensor * self.layouts.pipeline * self.layouts.context
        return np.maximum(np.floor(self.accelerators / inside), 1.0)

    @cached_property
    def micro_batches(self) -> Floats:
        """Micro-batches of a data-parallel rank in one step (n,); the last may be partly empty."""
        return np.ceil(self.sequences / (self.data * self.layouts.micro_batch) - 1e-9)

    @cached_property
    def accumulates(self) -> NDArray[np.bool_]:
        """Gradients are added up over micro-batches in whole buffers (n,), boolean."""
        return (self.micro_batches > 1) & (self.layouts.zero < 3) & (self.adapters == 0)

    @cached_property
    def depth(self) -> int:
        """Layers of all towers."""
        return sum(layer.count for layer in self.layers)

    @cached_property
    def leading(self) -> int:
        """Dense layers that stand before all those with experts, as in DeepSeek's models; 0 where they alternate."""
        first, routed = self.layers[0], [layer for layer in self.layers if layer.routed]
        alone = 0 < len(routed) == len(self.layers) - 1 and first.routed is None
        same = alone and first.cores == routed[0].cores and first.count <= self.depth / ALTERNATING
        return first.count if same else 0

    @cached_property
    def middle_layers(self) -> Floats:
        """Layers of a pipeline stage that is neither the first nor the last; of the whole without a pipeline (n,)."""
        first, last = self.layouts.first_layers, self.layouts.last_layers
        given = np.maximum(first, 0) + np.maximum(last, 0)
        chunks = self._open_stages * self.layouts.interleave
        each = np.ceil((self.depth - given) / np.maximum(chunks, 1)) * self.layouts.interleave
        return np.where(chunks > 0, each, 0.0)

    @cached_property
    def _open_stages(self) -> Ints:
        """Stages whose layers the layout does not say (n,)."""
        first, last = self.layouts.first_layers, self.layouts.last_layers
        return self.layouts.pipeline - (first != UNSET) - (last != UNSET)

    @cached_property
    def _empty(self) -> Floats:
        """Layer slots that stay empty: embedding and head take them first (n,)."""
        given = np.maximum(self.layouts.first_layers, 0) + np.maximum(self.layouts.last_layers, 0)
        return np.maximum(self.middle_layers * self._open_stages - (self.depth - given), 0.0)

    @cached_property
    def first_layers(self) -> Floats:
        """Layers of the first pipeline stage (n,); where the stages come out uneven it has fewer, for the embedding."""
        given, other = self.layouts.first_layers, self.layouts.last_layers
        share = np.where(other == UNSET, np.floor(self._empty / 2.0), self._empty)
        return np.where(given != UNSET, given, np.maximum(self.middle_layers - share, 0.0))

    @cached_property
    def last_layers(self) -> Floats:
        """Layers of the last pipeline stage (n,); where the stages come out uneven it has fewer, for the head."""
        given, other = self.layouts.last_layers, self.layouts.first_layers
        share = np.where(other == UNSET, np.ceil(self._empty / 2.0), self._empty)
        return np.where(given != UNSET, given, np.maximum(self.middle_layers - share, 0.0))

    @cached_property
    def stage_layers(self) -> Floats:
        """Layers of the fullest pipeline stage (n,)."""
        return np.maximum(self.middle_layers, np.maximum(self.first_layers, self.last_layers))

    @cached_property
    def dispatch_bytes(self) -> Floats:
        """Bytes of a number of a token on its way to an expert (n,)."""
        names = [f"performance.weight_bytes_{name}" for name in DISPATCHES]
        return np.asarray([self.a[name] for name in names])[self.layouts.dispatch]

    @cached_property
    def gradient_bytes(self) -> Floats:
        """Bytes of a parameter's gradient, as it is accumulated and reduced (n,)."""
        wide, narrow = self.a["performance.gradient_bytes"], self.a["performance.weight_bytes_bf16"]
        return np.where(self.layouts.gradients == GRADIENTS.index("fp32"), wide, narrow)

    @cached_property
    def reduced_bytes(self) -> Floats:
        """Bytes of a parameter's gradient on its way over data parallelism (n,)."""
        return np.minimum(self.a["performance.reduced_bytes"], self.gradient_bytes)

    @cached_property
    def moment_bytes(self) -> Floats:
        """Bytes of one of an optimizer's two moments (n,)."""
        return np.asarray(MOMENT_BYTES)[self.layouts.moments]

    @cached_property
    def optimizer_bytes(self) -> Floats:
        """Bytes of a parameter's optimizer state: an fp32 weight and two moments, and a moving average beside them
        (n,)."""
        average = np.where(self.layouts.averages("accelerator"), self.a["performance.average_bytes"], 0.0)
        return self.a["performance.master_bytes"] - 2.0 * (MOMENT_BYTES[0] - self.moment_bytes) + average

    @cached_property
    def optimizer_traffic(self) -> Floats:
        """Bytes that an update reads and writes per parameter (n,); narrow moments and gradients in proportion; a
        moving average is read and written."""
        whole = FULL_UPDATE - 4.0 * (MOMENT_BYTES[0] - self.moment_bytes) - (MOMENT_BYTES[0] - self.gradient_bytes)
        whole = whole + np.where(self.layouts.averages("accelerator"), 2.0 * self.a["performance.average_bytes"], 0.0)
        wide = FULL_UPDATE - MOMENT_BYTES[0] + self.a["performance.gradient_bytes"]
        return self.a["performance.optimizer_bytes"] * whole / wide

    def tokens(self, layer: Layer) -> Floats:
        """Tokens of a micro-batch that pass a layer on one rank, before tensor parallelism (n,)."""
        return self.layouts.micro_batch * float(layer.length or self.sequence) / self.layouts.context

    @cached_property
    def tensor_group(self) -> Group:
        """Tensor-parallel ranks."""
        return group(self.layouts.tensor, 1, self.work.domain)

    @cached_property
    def context_group(self) -> Group:
        """Context-parallel ranks."""
        return group(self.layouts.context, self.layouts.tensor, self.work.domain)

    @cached_property
    def rearranged(self) -> Floats:
        """1 where an all-to-all carries attention's inputs and output among context-parallel ranks, else 0 (n,)."""
        ulysses = self.layouts.context_kind == CONTEXTS.index("ulysses")
        return np.where(ulysses & (self.layouts.context > 1), 1.0, 0.0)

    @cached_property
    def spread(self) -> Floats:
        """Tensor-parallel ranks that share the tokens of the residual stream; 1 without sequence parallelism (n,)."""
        return np.where(self.a["performance.sequence_parallel"] >= 0.5, self.layouts.tensor, 1).astype(float)

    @cached_property
    def expert_ranks(self) -> Ints:
        """Ranks that hold all experts once (n,)."""
        return self.layouts.expert * self.layouts.expert_tensor

    @cached_property
    def expert_group(self) -> Group:
        """Ranks that exchange tokens for their experts: over tensor and data parallelism."""
        return group(self.layouts.expert, self.layouts.expert_tensor, self.work.domain)

    @cached_property
    def expert_tensor_group(self) -> Group:
        """Ranks that split each expert: neighbours."""
        return group(self.layouts.expert_tensor, 1, self.work.domain)

    @cached_property
    def shards(self) -> Floats:
        """Ranks of a site that hold the same dense weights (n,); DualPipe keeps each stage on two ranks."""
        twice = np.where(self.layouts.runs("dualpipe"), 2.0, 1.0)
        inside = self.data / self.layouts.sites.astype(float)
        return np.maximum(inside, 1.0) * self.layouts.context.astype(float) * twice

    @cached_property
    def shard(self) -> Floats:
        """Ranks that the states of dense weights are sharded over (n,)."""
        return np.where(self.layouts.shard > 0, 1.0 * self.layouts.shard, self.shards)

    @cached_property
    def shard_group(self) -> Group:
        """Ranks that share the states of dense weights."""
        return group(self.shard, self.layouts.tensor, self.work.domain)

    @cached_property
    def copies_group(self) -> Group:
        """Ranks of a site that hold the same shard of dense weights."""
        return group(np.maximum(self.shards / self.shard, 1.0), self.layouts.tensor * self.shard, self.work.domain)

    @cached_property
    def expert_shard(self) -> Floats:
        """Ranks that the states of experts are sharded over (n,)."""
        inside = np.maximum(self.layouts.shard * self.layouts.tensor / self.expert_ranks, 1.0)
        return np.where(self.layouts.shard > 0, np.minimum(inside, self.replicas), self.replicas)

    @cached_property
    def expert_shard_group(self) -> Group:
        """Ranks that share the states of experts."""
        return group(self.expert_shard, self.expert_ranks, self.work.domain)

    @cached_property
    def expert_copies_group(self) -> Group:
        """Ranks that hold the same shard of experts."""
        stride = self.expert_ranks * self.expert_shard
        return group(np.maximum(self.replicas / self.expert_shard, 1.0), stride, self.work.domain)

    @cached_property
    def replicas(self) -> Floats:
        """Ranks of a site that hold the same experts (n,)."""
        return np.maximum(self.shards * self.layouts.tensor / self.expert_ranks, 1.0)

    @cached_property
    def stage_group(self) -> Group:
        """A pipeline stage and the next."""
        stride = self.data * self.layouts.context * self.layouts.tensor
        return neighbours(stride, self.work.domain)
