"""Training: the time and memory of an optimizer step in any layout, and the layout that is fastest."""

from firstlight.performance.training.batch import busy, settled, whole
from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.memory.stages import every_stage
from firstlight.performance.training.space.thinned import space
from firstlight.performance.training.step import Steps, case_of, step_parts, steps
from firstlight.performance.training.train import best, train

__all__ = [
    "Layouts", "Run", "Steps", "best", "busy", "case_of", "every_stage", "settled", "space", "step_parts", "steps",
    "train", "whole",
]  # fmt: skip
