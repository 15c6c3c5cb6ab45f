"""Many serving layouts as arrays, and one served model on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from firstlight.performance.groups import Group, group, neighbours
from firstlight.performance.machine import Machine, machine
from firstlight.performance.power import capped
from firstlight.performance.serving.drafts import Drafts
from firstlight.performance.serving.scheduling import scheduled
from firstlight.performance.serving.values import fitted
from firstlight.performance.shapes import Ends, Layer, ends, layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Serving
from firstlight.twin.protocols import CollectiveTime, Floats, Ints


@dataclass(frozen=True)
class Layouts:
    """Layouts of one replica, one per element; fields as in `spec.design.ServingLayout`. Arrays of equal shape (n,)."""

    tensor: Ints
    pipeline: Ints
    data: Ints
    expert: Ints
    batch: Ints
    context: Ints
    redundant: Ints

    def __len__(self) -> int:
        return len(self.tensor)

    @classmethod
    def of(cls, given: Iterable[ServingLayout]) -> Layouts:
        """Arrays of some layouts."""
        rows = [[getattr(one, f.name) for f in fields(cls)] for one in given]
        return cls(*np.asarray(rows, dtype=np.int64).T)

    def take(self, index: Ints) -> Layouts:
        """Some of the layouts, by index or mask."""
        return Layouts(*(getattr(self, f.name)[index] for f in fields(self)))

    def one(self, index: int) -> ServingLayout:
        """One layout as a document."""
        return ServingLayout.model_validate({f.name: int(getattr(self, f.name)[index]) for f in fields(self)})

    @property
    def accelerators(self) -> Ints:
        """Accelerators of one replica (n,)."""
        return self.stage * self.pipeline

    @property
    def stage(self) -> Ints:
        """Accelerators of one pipeline stage (n,)."""
        return self.tensor * self.data * self.context


@dataclass(frozen=True)
class Case:
    """One model served on one machine in many layouts.

    Attributes:
        model: architecture.
        prompt, answer: tokens of a request: one number, or one for each layout (n,).
        work: machine at the weights' type. layouts: arrays (n,).
        collective: time of collectives on the fabric.
        drafts: speculative decoding; None: a step writes one token.
        share: of the requests that `Flow.within` holds for. spread: standard deviation of the lengths, over their
            means; shares above the half read it.
    """

    model: Model
    prompt: float | Floats
    answer: float | Floats
    work: Machine
    layouts: Layouts
    collective: CollectiveTime
    a: Assumptions
    drafts: Drafts | None = None
    share: float = 0.5
    spread: float = 0.0

    @classmethod
    def asked(
        cls, workload: Serving, model: Model, system: System, accelerator: Accelerator, host: Host, layouts: Layouts,
        collective: CollectiveTime, a: Assumptions, cap: float = 1.0,
    ) -> Case:  # fmt: skip
        """A workload in some layouts on a system, with the fitted values of serving and its own settings.

        Args:
            cap: power limit of the accelerators, of their greatest.
        """
        a = scheduled(fitted(a, accelerator), workload)
        work = capped(machine(accelerator, host, system, workload.precision, a), cap, a)
        work = replace(work, cached=workload.cache or work.cached)
        lengths = float(workload.prompt), float(workload.answer)
        drafts, share, spread = Drafts.of(workload.drafts, a), workload.percentile / 100.0, workload.traffic.spread
        return cls(model, *lengths, work, layouts, collective, a, drafts, share, spread)

    def of(self, index: Ints) -> Case:
        """The same with some of its layouts."""
        kept = [one if np.ndim(one) == 0 else np.asarray(one)[index] for one in (self.prompt, self.answer)]
        return replace(self, layouts=self.layouts.take(index), prompt=kept[0], answer=kept[1])

    @property
    def further(self) -> Floats:
        """Tokens of an answer after the first."""
        return np.maximum(self.answer - 1.0, 0.0)

    @property
    def gain(self) -> float:
        """Tokens that a decode step writes for each request."""
        return self.drafts.gain if self.drafts else 1.0

    @property
    def steps(self) -> Floats:
        """Decode steps of an answer after the first token."""
        return self.further / self.gain

    @cached_property
    def dense_type(self) -> str:
        """Type of all but the routed experts: 4-bit checkpoints of routed models leave it in 16 bits (NVFP4, MXFP4, and
        int4 as Kimi K2 Thinking's)."""
        routed = any(layer.routed for layer in self.layers)
        return "bf16" if self.work.precision in ("fp4", "int4") and routed else self.work.precision

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Layers that every request passes."""
        return layers(self.model)

    @cached_property
    def ends(self) -> Ends:
        """Embedding and head."""
        return ends(self.model)

    @cached_property
    def decoding(self) -> tuple[Layer, ...]:
        """Layers of the main tower, which every new token passes."""
        return layers(self.model)[-len(self.model.main.blocks) :]

    @property
    def cached(self) -> list[tuple[Layer, int]]:
        """Layers that keep something of every token, and how many of each: the decoding ones and a drafter's."""
        return [(layer, layer.count) for layer in self.decoding] + [(self.decoding[-1], 1)] * bool(self.drafts)

    @cached_property
    def depth(self) -> int:
        """Layers that every request passes."""
        return sum(layer.count for layer in self.layers)

    @cached_property
    def tensor_group(self) -> Group:
        """Tensor-parallel ranks."""
        return group(self.layouts.tensor, 1, self.work.domain)

    @cached_property
    def expert_group(self) -> Group:
        """Expert-parallel ranks."""
        return group(self.layouts.expert, 1, self.work.domain)

    @cached_property
    def gather_group(self) -> Group:
        """Attention ranks whose tokens meet on ranks that cut experts by their width."""
        size = np.maximum(self.layouts.stage // (self.layouts.expert * self.layouts.tensor), 1)
        return group(size, self.layouts.tensor * self.layouts.expert, self.work.domain)

    @cached_property
    def stage_group(self) -> Group:
        """A pipeline stage and the next."""
        return neighbours(self.layouts.stage, self.work.domain)

    @cached_property
    def context_group(self) -> Group:
        """Context-parallel ranks."""
        return group(self.layouts.context, self.layouts.tensor, self.work.domain)
