"""Why one layout is slower than another, in words."""

from __future__ import annotations

from firstlight.performance.training.step import Steps
from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Floats

WORDS = {
    "gemm": "matrix products", "attention": "attention", "elementwise": "element-wise kernels",
    "tensor": "tensor-parallel traffic", "context": "context-parallel traffic", "expert": "traffic of the experts",
    "launch": "launches", "recompute": "recomputation", "data": "data-parallel traffic", "head": "head and embedding",
    "imbalance": "uneven stages", "bubble": "the pipeline's bubble", "pipeline": "hand-over between stages",
    "overhead": "fixed overheads", "optimizer": "the optimizer", "jitter": "waiting for each other",
    "offload": "waiting for the host's memory", "sites": "waiting for other sites",
    "teacher": "the teacher's forward pass",
}  # fmt: skip
"""What the parts of a step are called."""
_TOLD = 2
"""Parts that are named."""
_SMALL = 0.002
"""Share of the step below which a part is not worth a word."""


def longer(found: Steps, sequences: Floats, at: int) -> dict[str, float]:
    """By how much each part of a step is longer than the first step's, for the first one's batch [s].

    Args:
        found: steps.
        sequences: of each (n,).
        at: which of them.
    """
    scale = sequences[0] / sequences[at]
    return {name: float(t[at] * scale - t[0]) for name, t in found.parts.items() if t[0] or t[at]}


def why(best: TrainingLayout, other: TrainingLayout, parts: dict[str, float], step: float, domain: int) -> str:
    """What makes `other` slower than `best`: the parts that grew most.

    Args:
        best, other: layouts.
        parts: as `longer` gives them.
        step: time of the best [s].
        domain: accelerators of a scale-up domain.
    """
    grown = sorted(((time, name) for name, time in parts.items() if time > _SMALL * step), reverse=True)
    told = [f"{_word(name, best, other, domain)} (+{100 * time / step:.1f} %)" for time, name in grown[:_TOLD]]
    return " and ".join(told) or "hardly any difference"


def _word(name: str, best: TrainingLayout, other: TrainingLayout, domain: int) -> str:
    """The part; and that its group is larger than a scale-up domain, where the best one's is not."""
    if name in ("tensor", "context", "expert") and _reach(name, other) > domain >= _reach(name, best):
        return f"{WORDS[name]} crosses the scale-up domain of {domain}"
    return WORDS.get(name, name)


def _reach(name: str, layout: TrainingLayout) -> int:
    """Neighbouring ranks over which a group stretches."""
    reach = {"tensor": layout.tensor, "context": layout.tensor * layout.context, "expert": layout.expert}
    return reach[name]
