"""What the reliability room answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True)
class RunReliability:
    """How interruptions treat one training run.

    Attributes:
        model: model id.
        accelerators: of the run.
        mtti: mean time to interruption [s].
        interruptions: expected over the whole run.
        checkpoint_bytes: of one checkpoint [B].
        checkpoint_write: time that writing one blocks the run [s].
        checkpoint_interval: best interval between checkpoints [s].
        restart: from failure to training again, lost work excluded [s].
        goodput: share of the time that advances the run.
        duration: whole run with interruptions [s].
        losses: share of the time lost, by cause; with goodput they add up to 1.
        hot_spares: nodes that stand by to take a failed one's place.
    """

    model: str
    accelerators: int
    mtti: Prediction
    interruptions: float
    checkpoint_bytes: float
    checkpoint_write: float
    checkpoint_interval: float
    restart: float
    goodput: Prediction
    duration: Prediction
    losses: dict[str, float]
    hot_spares: int


@dataclass(frozen=True)
class Spares:
    """Spare parts on the shelf: part id or component, failures a year, and how many to keep for the service level."""

    part: str
    installed: int
    failures_a_year: float
    keep: int


@dataclass(frozen=True, repr=False)
class ReliabilityResult(Result):
    """How often the factory breaks and what that costs in time."""

    rates: dict[str, float] = quantity("1/s", "interruptions of the whole factory by component class")
    mtti: Prediction = quantity("s", "mean time to interruption of a job over the whole factory")
    runs: tuple[RunReliability, ...] = quantity("", "one for each training workload, in the demand's order")
    availability: float = quantity("", "share of the accelerators in working order on average")
    spares: tuple[Spares, ...] = quantity("", "parts on the shelf")
