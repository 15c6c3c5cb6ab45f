"""What is asked of failures and placements, and what they do to jobs."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.network.jobs import Place, Steering, Usage
from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True)
class WhatIf:
    """What is asked.

    Attributes:
        fails: failures, as `routing.fail` reads them.
        place: how jobs are placed.
        routing: how packets choose among equal paths; queue_pairs: of a connection, under hashing.
        seed: of hashes and draws.
    """

    fails: tuple[str, ...] = ()
    place: Place = "packed"
    routing: Steering = "spray"
    queue_pairs: int = 1
    seed: int = 0


@dataclass(frozen=True)
class CollectiveEffect:
    """One collective of a job, that of one call.

    Attributes:
        axis: whose groups it joins: "data", "experts", "pipeline", ...
        operation: which collective.
        size: its buffer [B].
        group: members in one scale-up domain, domains.
        healthy, asked: share of its bandwidth that a NIC reaches [].
        healthy_bandwidth, bandwidth: the same in bytes [B/s].
        healthy_time, time: of the collective [s].
        binding: the busiest links as asked, their time over that of a healthy NIC.
    """

    axis: str
    operation: str
    size: float
    group: tuple[int, int]
    healthy: Prediction
    asked: Prediction
    healthy_bandwidth: float
    bandwidth: float
    healthy_time: float
    time: float
    binding: tuple[Usage, ...]


@dataclass(frozen=True)
class JobEffect:
    """One workload.

    Attributes:
        demand: place in the demand; name: of its model; trains: it is a training run, whose traffic is simulated.
        nodes: scale-up domains, or systems that hold several; leaves: switches that they are under.
        stands_still: some of its messages have no way left.
        cut: nodes that are cut off or cannot reach another, by number, the first few.
        healthy_step, step: time of a training step [s]; None where it stands still or is no training.
        change: step as asked over step as planned; None likewise.
        collectives: of a training run.
    """

    demand: int
    name: str
    trains: bool
    nodes: int
    leaves: int
    stands_still: bool
    cut: tuple[int, ...]
    healthy_step: Prediction | None
    step: Prediction | None
    change: Prediction | None
    collectives: tuple[CollectiveEffect, ...]


@dataclass(frozen=True, repr=False)
class WhatIfResult(Result):
    """What failures and a placement do to jobs. Healthy is the plan: packed, sprayed, nothing broken."""

    name: str = quantity("", "name of the factory")
    kind: str = quantity("", "fabric kind")
    endpoints: int = quantity("", "endpoints of the fabric")
    place: str = quantity("", "how jobs are placed")
    routing: str = quantity("", "how packets choose among equal paths")
    queue_pairs: int = quantity("", "queue pairs of a connection, under hashing")
    fails: tuple[str, ...] = quantity("", "failures, as asked")
    seed: int = quantity("", "of hashes and draws")
    down: int = quantity("", "links that are down")
    slow: int = quantity("", "links that are slow")
    jobs: tuple[JobEffect, ...] = quantity("", "one for each workload, in the demand's order; seconds, bytes")
    notes: tuple[str, ...] = quantity("", "what the answer rests on, and what it leaves out")
