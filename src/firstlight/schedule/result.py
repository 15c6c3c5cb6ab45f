"""What the schedule room answers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from firstlight.twin.result import Result, quantity


@dataclass(frozen=True)
class Task:
    """One activity of the build. Times in days from the start [s].

    Attributes:
        name: what is done ("Order: substation transformers", "Install racks, hall 3").
        stage: "order", "build", "install", "commission", "accept".
        duration: [s].
        start, finish: earliest [s].
        late_start, late_finish: latest that still meets first light [s].
        critical: has no slack.
        after: names of the tasks that must be over first.
        source, standing: of the duration.
    """

    name: str
    stage: str
    duration: float
    start: float
    finish: float
    late_start: float
    late_finish: float
    critical: bool
    after: tuple[str, ...]
    source: str
    standing: str


@dataclass(frozen=True)
class Order:
    """The latest day to order something.

    Attributes:
        item: what; part: id of the catalogue or ""; count: how many.
        lead_time: [s], typical; low and high as published.
        order_by: latest order date for first light.
        late: the date lies before the start of the plan by this long [s]; 0 where it does not.
    """

    item: str
    part: str
    count: int
    lead_time: float
    lead_time_low: float
    lead_time_high: float
    order_by: dt.date
    late: float


@dataclass(frozen=True, repr=False)
class ScheduleResult(Result):
    """When the lights go on, and what must be ordered by when."""

    start: dt.date = quantity("", "day of the first order")
    first_light: dt.date = quantity("", "all workloads can run, typical lead times")
    first_light_p10: dt.date = quantity("", "one time in ten it is earlier, lead times drawn from their ranges")
    first_light_p50: dt.date = quantity("", "in half of the draws it is earlier")
    first_light_p90: dt.date = quantity("", "one time in ten it is later")
    chance: float = quantity("", "share of the draws in which ready_by is met; NaN where none is asked for")
    ready_by: dt.date | None = quantity("", "date that the plan asks for")
    makespan: float = quantity("s", "start to first light")
    late: float = quantity("s", "first light after ready_by; 0 where it is met or not asked for")
    tasks: tuple[Task, ...] = quantity("", "the build plan, by start")
    orders: tuple[Order, ...] = quantity("", "latest order dates, soonest first")
    critical_path: tuple[str, ...] = quantity("", "names of the tasks that set the date, in order")
