"""Hours of a fleet that are asked for, and what they can be played with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstlight.errors import UsageError
from firstlight.performance.serving.events import Policy
from firstlight.spec.workload import Serving


@dataclass(frozen=True)
class Hours:
    """How hours of a fleet are played.

    Attributes:
        hours: how many, around the busiest of the day.
        policy: scheduling of the engines and the router.
        failures: of an accelerator with its share of the system [1/s].
        seed: of everything random.
    """

    hours: float
    policy: Policy
    failures: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 168:
            raise UsageError(f"hours of a fleet are above 0 and at most 168 (a week), not {self.hours:g}")


def playable(workloads: Sequence[Serving], *, traced: bool = False) -> None:
    """Pass what hours of a fleet can be played with: requests by themselves, drawn as the workloads say.

    Args:
        traced: a trace is given.

    Raises:
        UsageError: a trace, or requests that belong together or share prefixes.
    """
    if traced:
        raise UsageError(
            "hours of a fleet draw their requests by the workloads' lengths and gaps, so a trace and what is kept of "
            "its prompts have no effect on them; give either --trace or --hours"
        )
    for workload in workloads:
        if workload.traffic.questions:
            raise UsageError(
                "hours of a fleet are played with requests by themselves; leave traffic.questions out, or "
                "leave --hours out to play the questions"
            )
