"""What a measured run's row leaves open and the memory decides: micro-batch and recomputation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from firstlight.evaluate.build import Parts
from firstlight.network.collectives import FabricTime
from firstlight.performance.training import Layouts, Run, steps
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import Recomputation, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.workload import Training

MICRO_BATCHES = (8, 4, 2, 1)
MOST_TOKENS = 8192
"""Of a micro-batch that a row does not state."""
EASY = 0.85
"""Share of the memory that such a micro-batch may take."""
SHARDED = 3
"""ZeRO stage of Megatron-Core's recipes that keep activations on the host."""
NEAR = 200e9
"""To a host's memory over NVLink-C2C, at the least [B/s]."""
SLACK = 1.2
"""Stored activations are over-estimated: a layout that takes so much of the memory is known to have run."""


@dataclass(frozen=True)
class Trial:
    """Layouts of a run, tried against the memory."""

    model: Model
    workload: Training
    parts: Parts
    accelerators: int
    time: FabricTime
    a: Assumptions

    def share(self, layout: TrainingLayout) -> float:
        """Of the memory that a layout takes."""
        parts = self.parts
        run = Run(
            self.workload, self.model, parts.system, parts.accelerator, parts.host, self.accelerators, self.time, self.a
        )
        return steps(run, Layouts.of([layout])).used[0] / run.work.memory

    def largest(self, layout: TrainingLayout) -> TrainingLayout:
        """With the largest micro-batch that fits: one that leaves two for each stage and is not above 8,192 tokens."""
        ranks = self.accelerators // (layout.tensor * layout.pipeline * layout.context) or 1
        each = (self.workload.batch or 0) / self.workload.sequence / ranks
        for size in MICRO_BATCHES:
            tried = layout.model_copy(update={"micro_batch": size})
            whole = each % size == 0 and each / size >= 2 * layout.pipeline
            if whole and size * self.workload.sequence <= MOST_TOKENS and self.share(tried) < EASY:
                return tried
        return layout

    def least(self, layout: TrainingLayout) -> Recomputation:
        """The least recomputation that fits; none where full recomputation does not fit either: it explains nothing;
        nor where sharded runs can keep on the host, behind the passes, what does not fit."""
        levels = get_args(Recomputation)
        for level in levels:
            if level == levels[-1] and self._kept_by_the_host(layout):
                return "none"
            if self.share(layout.model_copy(update={"recompute": level})) <= SLACK:
                return level
        return "none"

    def _kept_by_the_host(self, layout: TrainingLayout) -> bool:
        """Recipes of Megatron-Core without a pipeline keep activations of some layers on a host that is as near."""
        near = (self.parts.accelerator.host_link or 0.0) >= NEAR and layout.pipeline == 1 and layout.zero == SHARDED
        offloaded = layout.model_copy(update={"recompute": "none", "offload": ("activations",)})
        return near and self.share(offloaded) <= SLACK
