"""What a fleet answers over hours."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.protocols import Floats, Ints
from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True, repr=False)
class FleetResult(Result):
    """One served model over hours: a fluid course of all replicas, and requests played on samples of them."""

    model: str = quantity("", "model id")
    begin: float = quantity("s", "time of the day at which the hours begin")
    window: float = quantity("s", "length of a window")
    rate: Floats = quantity("1/s", "requests, by window")
    up: Ints = quantity("", "replicas that answer, by window")
    starting: Ints = quantity("", "replicas that were started and do not answer yet, by window")
    used: Floats = quantity("", "share of what the replicas could take, by window")
    waiting: Floats = quantity("", "requests that the replicas could not take by the end of each window")
    first_token_hourly: tuple[float, ...] = quantity("s", "P90 of the time to the first token, by hour")
    requests: float = quantity("", "requests in all")
    cold_start: float = quantity("s", "until a started replica answers")
    failures: int = quantity("", "replicas that failed")
    accelerator_hours: float = quantity("", "of replicas that answer or start")
    share_of_hours: float = quantity("", "of the accelerator hours of all replicas of the placement")
    samples: int = quantity("", "samples of the fleet that were played")
    replicas_each: int = quantity("", "replicas in a sample, of the busiest window")
    time_share: float = quantity("", "share of the time that each sample was played, in parts spread over it")
    played: int = quantity("", "requests that were played and count")
    first_token: dict[str, Prediction] = quantity("s", "time to the first token, by percentile")
    per_token: dict[str, Prediction] = quantity("s", "mean time per further token of a request, by percentile")
    within: float | None = quantity("", "share of the requests within the limits; None where there are none")
    sampling: dict[str, float] = quantity("", "standard error from what was drawn, relative, by figure (P90 of times)")
    lost: float = quantity("", "share of the requests whose replica failed, which were sent anew")
    refused: float = quantity("", "share of the requests that were never answered")
