"""The programme of a build: when the lights go on, and what must be ordered by when."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.schedule.build import Activity, network, to_order
from firstlight.schedule.cpm import critical_path, earliest, latest
from firstlight.schedule.facts import BuildFacts, OrderItem
from firstlight.schedule.result import Order, ScheduleResult, Task
from firstlight.schedule.risk import makespans
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats

LONGEST = 100 * units.YEAR
"""A programme beyond it is a mistake in the assumptions [s]."""
_NO_SLACK = 1.0
"""Rounding of times that are days and weeks [s]."""


def programme(
    start: dt.date,
    ready_by: dt.date | None,
    items: Sequence[OrderItem],
    build: BuildFacts,
    a: Assumptions,
    seed: np.random.SeedSequence | None = None,
) -> ScheduleResult:
    """The critical path from the first order to first light with typical lead times, and how sure that date is.

    Args:
        start: day of the first order.
        ready_by: the date that the plan asks for; None: as early as can be.
        items: what is ordered.
        build: how much there is to build.
        a: the run's assumptions.
        seed: of the draws of lead times that the date's interval rests on; None: of 0.

    Raises:
        UsageError: ready_by lies before start, a lead-time key is unknown, or the programme is longer than 100 years.
    """
    if ready_by is not None and ready_by < start:
        raise UsageError(f"ready_by {ready_by} lies before the start of the plan, {start}; write a later date")
    orders = to_order(items, build, start.year, a)
    activities = network(orders, build, a).activities
    after = [activity.after for activity in activities]
    durations = np.array([activity.durations for activity in activities]).T
    begins, ends = earliest(durations, after)
    makespan = float(ends[1].max())
    _check(float(ends[2].max()))
    drawn = makespans(durations, after, seed or np.random.SeedSequence(0))
    late_begins, late_ends = latest(durations[1], after, makespan)
    target = makespan if ready_by is None else (ready_by - start).days * units.DAY
    return ScheduleResult(
        start=start,
        first_light=_day(start, makespan),
        first_light_p10=_day(start, float(np.quantile(drawn, 0.1))),
        first_light_p50=_day(start, float(np.quantile(drawn, 0.5))),
        first_light_p90=_day(start, float(np.quantile(drawn, 0.9))),
        chance=math.nan if ready_by is None else float(np.mean(drawn <= target)),
        ready_by=ready_by,
        makespan=makespan,
        late=max(0.0, makespan - target),
        tasks=_tasks(activities, begins[1], ends[1], late_begins, late_ends),
        orders=_orders(start, orders, activities, late_begins + target - makespan),
        critical_path=tuple(activities[i].name for i in critical_path(ends[1], begins[1], after)),
    )


def _check(makespan: float) -> None:
    if not makespan <= LONGEST:
        raise UsageError(
            f"the programme takes {makespan / units.YEAR:,.0f} years; "
            "shorten the schedule assumptions (`assumptions: {schedule.…}`) that the plan sets"
        )


def _day(start: dt.date, time: float) -> dt.date:
    """The day on which something that takes so long [s] is over."""
    return start + dt.timedelta(days=math.ceil(round(time / units.DAY, 6)))


def _tasks(
    activities: Sequence[Activity], begins: Floats, ends: Floats, late_begins: Floats, late_ends: Floats
) -> tuple[Task, ...]:
    """The activities with their times, by start."""
    tasks = [
        Task(
            name=activity.name,
            stage=activity.stage,
            duration=activity.durations[1],
            start=float(begins[i]),
            finish=float(ends[i]),
            late_start=float(late_begins[i]),
            late_finish=float(late_ends[i]),
            critical=bool(late_begins[i] - begins[i] < _NO_SLACK),
            after=tuple(activities[j].name for j in activity.after),
            source=activity.source,
            standing=activity.standing,
        )
        for i, activity in enumerate(activities)
    ]
    return tuple(sorted(tasks, key=lambda task: (task.start, task.finish)))


def _orders(
    start: dt.date, orders: Sequence[tuple[OrderItem, str]], activities: Sequence[Activity], order_by: Floats
) -> tuple[Order, ...]:
    """The orders with their latest dates, soonest first; `order_by` [s] after the start, negative where too late."""
    rows: list[Order] = []
    for (item, _), activity, time in zip(orders, activities, order_by, strict=False):
        low, typical, high = activity.durations
        day = start + dt.timedelta(days=math.floor(round(float(time) / units.DAY, 6)))
        late = max(0.0, -float(time))
        rows.append(Order(item.item, item.part, item.count, typical, low, high, day, late))
    return tuple(sorted(rows, key=lambda order: (order.order_by, order.item)))
