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
EASY = 0.9
"""Share of the memory that such a micro-batch may take."""
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
        """The least recomputation that fits; none where full recomputation does not fit either: it explains nothing."""
        for level in get_args(Recomputation):
            if self.share(layout.model_copy(update={"recompute": level})) <= SLACK:
                return level
        return "none"
