"""What a search over layouts answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.spec.design import TrainingLayout
from firstlight.twin.result import Result, quantity


@dataclass(frozen=True)
class Front:
    """Step time against memory: each layout is faster than all that take no more memory. Tuples of equal length.

    Attributes:
        layouts: from the least memory, and the slowest, to the fastest.
        step_time: [s].
        tokens_per_s: of the whole run [1/s].
        memory: of the fullest accelerator [B].
    """

    layouts: tuple[TrainingLayout, ...]
    step_time: tuple[float, ...]
    tokens_per_s: tuple[float, ...]
    memory: tuple[float, ...]


@dataclass(frozen=True)
class Alternative:
    """The best layout that takes another way on one axis, and why it lost.

    Attributes:
        axis: field of the layout; "memory" for the best within less memory; "plan" for the layout of the plan.
        value: on that axis ("16", "full", "40 GB").
        tried, fit: layouts with this value; those of them that the memory holds.
        layout: the best of those that fit; None where none does.
        step_time: of it [s]; NaN without it. slower: seconds a token over the winner's, less one.
        memory: of its fullest accelerator; without a layout the least that any takes [B].
        longer: parts of the step that take longer than the winner's (negative: shorter), for the same batch [s].
        why: in words.
    """

    axis: str
    value: str
    tried: int
    fit: int
    layout: TrainingLayout | None
    step_time: float
    slower: float
    memory: float
    longer: dict[str, float]
    why: str


@dataclass(frozen=True, repr=False)
class TrainingSearch(Result):
    """All layouts of one training run, and the one that is fastest."""

    model: str = quantity("", "model id")
    accelerators: int = quantity("", "accelerators of the run")
    tried: int = quantity("", "layouts that were computed, of those that divide model, accelerators and batch")
    fit: int = quantity("", "those that the memory holds")
    excluded: int = quantity("", "further layouts that a bound shows to be slower in no less memory")
    refused: dict[str, int] = quantity("", "further layouts that no framework starts, by reason")
    layout: TrainingLayout = quantity("", "the fastest of them")
    batch: float = quantity("", "tokens in its optimizer step")
    step_time: float = quantity("s", "its optimizer step, median")
    tokens_per_s: float = quantity("1/s", "its tokens, whole run")
    memory: float = quantity("B", "of its fullest accelerator")
    memory_available: float = quantity("B", "memory of the accelerator")
    front: Front = quantity("", "step time against memory of the layouts that nothing beats in both")
    alternatives: tuple[Alternative, ...] = quantity("", "the best along each other way, and why it lost")
    lost_to_memory: dict[str, dict[str, float]] = quantity("", "share that does not fit, by axis and value")
