"""What a search over serving layouts is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.spec.design import ServingLayout
from firstlight.spec.parts import System
from firstlight.twin.protocols import CollectiveTime
from firstlight.twin.result import Result, quantity

PACES = (20.0, 50.0, 100.0, 200.0)
"""Output tokens per second of one user at which fronts are compared [1/s]."""
ONE, TWO = "one pool", "two pools"


@dataclass(frozen=True)
class Machinery:
    """A system with a scale-up domain of some size, and its fabric.

    Attributes:
        system: with its domain. collective: time of collectives on its fabric.
    """

    system: System
    collective: CollectiveTime


@dataclass(frozen=True)
class Prices:
    """What an accelerator takes and costs, beyond what performance knows.

    Attributes:
        pue: power at the feed over that of the systems; the network's is in it.
        hourly: of an accelerator without electricity [USD/h].
        energy: of electricity at the feed [USD/J].
    """

    pue: float
    hourly: float
    energy: float


@dataclass(frozen=True, repr=False)
class ServingPoint(Result):
    """One layout with one batch."""

    pools: str = quantity("", "one pool that reads and writes, or two")
    layout: ServingLayout = quantity("", "of a replica")
    accelerators: int = quantity("", "of a replica")
    first_token: float = quantity("s", "time to the first token, median")
    per_token: float = quantity("s", "time per further token, median")
    requests: float = quantity("1/s", "that a replica takes")
    tokens_per_s_user: float = quantity("1/s", "output tokens that one user sees")
    tokens_per_s_each: float = quantity("1/s", "output tokens of an accelerator")
    watts_each: float = quantity("W", "of an accelerator with its share of the system")
    joules_per_token: float = quantity("J", "of the systems for an output token")
    tokens_per_s_megawatt: float = quantity("1/s", "output tokens for each megawatt at the feed")
    tokens_per_dollar: float = quantity("1/USD", "output tokens for each dollar, electricity included")


@dataclass(frozen=True, repr=False)
class ServingFront(Result):
    """Points that nothing beats in both, from the greatest throughput to the fastest for a user."""

    domain: int = quantity("", "accelerators of a scale-up domain")
    cap: float = quantity("", "power limit of the accelerators, of their greatest")
    points: tuple[ServingPoint, ...] = quantity("", "by falling tokens per second and accelerator")

    def at(self, pace: float) -> float | None:
        """The most output tokens of an accelerator at a speed of one user, both [1/s]; None where it is not reached."""
        reached = [point.tokens_per_s_each for point in self.points if point.tokens_per_s_user >= pace]
        return max(reached, default=None)


@dataclass(frozen=True, repr=False)
class ServingSearch(Result):
    """All layouts of one served model."""

    model: str = quantity("", "model id")
    tried: int = quantity(
        "", "configurations: layouts of one pool, and pairs of two, each with a batch and pairs with a load"
    )
    best: ServingPoint = quantity("", "the fewest accelerators for the asked rate within the limits")
    accelerators: int = quantity("", "that the asked rate takes with it")
    replicas: int = quantity("", "of it")
    other: ServingPoint | None = quantity("", "the best with the other number of pools")
    fronts: tuple[ServingFront, ...] = quantity("", "of the system; of other scale-up domains; under power caps")
