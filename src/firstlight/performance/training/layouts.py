"""Many training layouts as arrays, and one workload on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.groups import Group, group, neighbours
from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Ends, Layer, ends, layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.twin.protocols import CollectiveTime, Floats, Ints

RECOMPUTE = ("none", "selective", "full")
"""Names of the recomputation levels 0, 1, 2."""


@dataclass(frozen=True)
class Layouts:
    """Training layouts, one per element; fields as in `spec.design.TrainingLayout`. Arrays of equal shape (n,)."""

    tensor: Ints
    pipeline: Ints
    interleave: Ints
    context: Ints
    expert: Ints
    zero: Ints
    micro_batch: Ints
    recompute: Ints

    def __len__(self) -> int:
        return len(self.tensor)

    @classmethod
    def of(cls, given: Iterable[TrainingLayout]) -> Layouts:
        """Arrays of some layouts."""
        rows = [
            [
                getattr(one, f.name) if f.name != "recompute" else RECOMPUTE.index(one.recompute)
                for f in fields(cls)
            ]
            for one in given
        ]  # fmt: skip
        return cls(*np.asarray(rows, dtype=np.int64).T)

    def take(self, index: Ints) -> Layouts:
        """Some of the layouts, by index or mask."""
        return Layouts(*(getattr(self, f.name)[index] for f in fields(self)))

    def one(self, index: int) -> TrainingLayout:
        """One layout as a document."""
        values = {f.name: int(getattr(self, f.name)[index]) for f in fields(self)}
        recompute = RECOMPUTE[values.pop("recompute")]
        return TrainingLayout.model_validate({**values, "recompute": recompute})


@dataclass(frozen=True)
class Case:
    """One model trained on one machine in many layouts.

    Attributes:
        model: architecture.
        sequence: tokens of a sequence. sequences: of an optimizer step, all ranks; one number or (n,).
        accelerators: of the run; what a layout cannot use stands idle.
        work: machine. layouts: arrays (n,).
        collective: time of collectives on the fabric.
    """

    model: Model
    sequence: int
    sequences: float | Floats
    accelerators: int
    work: Machine
    layouts: Layouts
    collective: CollectiveTime
    a: Assumptions

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
        return (self.micro_batches > 1) & (self.layouts.zero < 3)

    @cached_property
    def depth(self) -> int:
        """Layers of all towers."""
        return sum(layer.count for layer in self.layers)

    @cached_property
    def stage_layers(self) -> Floats:
        """Layers of the fullest pipeline stage (n,)."""
        chunks = self.layouts.pipeline * self.layouts.interleave
        return np.ceil(self.depth / chunks) * self.layouts.interleave.astype(float)

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
    def expert_group(self) -> Group:
        """Expert-parallel ranks: neighbours, over tensor and data parallelism."""
        return group(self.layouts.expert, 1, self.work.domain)

    @cached_property
    def data_group(self) -> Group:
        """Ranks that hold the same dense weights."""
        return group(self.data * self.layouts.context, self.layouts.tensor, self.work.domain)

    @cached_property
    def replicas(self) -> Floats:
        """Ranks that hold the same experts (n,)."""
        ranks = self.data * self.layouts.context * self.layouts.tensor
        return np.maximum(ranks / self.layouts.expert, 1.0)

    @cached_property
    def replica_group(self) -> Group:
        """Ranks that hold the same experts."""
        return group(self.replicas, self.layouts.expert, self.work.domain)

    @cached_property
    def stage_group(self) -> Group:
        """A pipeline stage and the next."""
        stride = self.data * self.layouts.context * self.layouts.tensor
        return neighbours(stride, self.work.domain)
