"""What the economics room is told about the site's energy, the building and the workloads."""

from __future__ import annotations

from dataclasses import dataclass, field

from firstlight.errors import UsageError
from firstlight.twin.result import Prediction


@dataclass(frozen=True)
class EnergyFacts:
    """A year at the utility feed.

    Attributes:
        energy: a year [J].
        peak: greatest power [W].
        water: a year [m3].
        carbon: a year, CO2 equivalent [kg].
        price: of electricity [USD/J]; None: by the assumption.
    """

    energy: float
    peak: float
    water: float
    carbon: float
    price: float | None = None


@dataclass(frozen=True)
class BuildingFacts:
    """What the plant and the building are sized by.

    Attributes:
        it_peak: greatest IT power [W].
        floor: white space, aisles included [m2].
        existing: what already stands and is not paid for: "shell", "utility".
    """

    it_peak: float
    floor: float
    existing: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class WorkloadFacts:
    """One workload.

    Attributes:
        model: model id.
        accelerators: that it takes.
        power_share: share of the factory's average power at the feed that it draws while it runs, between 0 and 1.
        duration: of a training run with its interruptions [s]; None for serving.
        tokens: of that training run; None for serving.
        tokens_per_s: output of a served model [1/s]; None for training.
    """

    model: str
    accelerators: int
    power_share: float
    duration: Prediction | None = None
    tokens: float | None = None
    tokens_per_s: Prediction | None = None

    def __post_init__(self) -> None:
        """Refuse what is neither a training run nor a served model.

        Raises:
            UsageError: says which fields belong together.
        """
        trains = self.duration is not None and self.tokens is not None and self.tokens > 0
        if trains == (self.tokens_per_s is not None):
            raise UsageError(
                f"the workload of {self.model} must have either duration and tokens (training) "
                "or tokens_per_s (serving)"
            )
        if self.accelerators < 1 or not 0 <= self.power_share <= 1:
            raise UsageError(
                f"the workload of {self.model} must take at least one accelerator and between none and all of the power"
            )
