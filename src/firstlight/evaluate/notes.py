"""What a careful reader should know before building on an answer."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence

from firstlight import units
from firstlight.evaluate import hand
from firstlight.facility.result import FacilityResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.schedule import UNBILLED
from firstlight.spec.plan import Plan
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import Factory

FAR = 100e3
"""A weather station beyond it stands for another climate [m]."""
THIN = 0.1
"""Below this MFU a run has more accelerators than its batch can feed."""

WAITING = 0.05
"""Share of a run's time that waiting for nodes may take before it is told."""


def notes(
    plan: Plan,
    factory: Factory,
    training: Sequence[TrainingResult],
    serving: Sequence[ServingResult],
    facility: FacilityResult,
    runs: Sequence[RunReliability],
    standby: int,
    bill: Sequence[BillLine],
    start: dt.date,
) -> tuple[str, ...]:
    """The notes of one evaluation, in the order of the rooms.

    Args:
        plan, factory, training, serving, facility, runs, bill: of the evaluation.
        standby: nodes that should stand by for those under repair.
        start: of the project.
    """
    return (
        *_idle(plan, training, serving),
        *_thin(training),
        *_uncalibrated(training, serving),
        *_waiting(runs, standby, factory),
        *_weather(facility),
        *_empty(plan, factory),
        *_early(factory, start),
        *_secured(plan, bill),
        *_unpriced(bill),
    )


def _idle(plan: Plan, training: Sequence[TrainingResult], serving: Sequence[ServingResult]) -> Iterator[str]:
    idle = hand.usable(plan.design) - sum(result.accelerators for result in (*training, *serving))
    if idle > 0.01 * (plan.design.accelerators or 0):
        yield f"{idle:,} accelerators have no work; lower design.accelerators or add to the demand"


def _thin(training: Sequence[TrainingResult]) -> Iterator[str]:
    for result in training:
        if result.mfu.p50 < THIN:
            each = units.show(result.batch / result.accelerators, "tokens")
            yield (
                f"a step of {result.model} leaves {each} for each of {result.accelerators:,} accelerators, an MFU of "
                f"{units.show(result.mfu.p50, 'fraction')}; give it a larger batch, or fewer accelerators"
            )


def _uncalibrated(training: Sequence[TrainingResult], serving: Sequence[ServingResult]) -> Iterator[str]:
    predictions = [(result.model, result.step_time) for result in training]
    predictions += [(result.model, result.per_token) for result in serving]
    outside = list(dict.fromkeys(model for model, prediction in predictions if not prediction.calibrated))
    if outside:
        yield f"the times of {', '.join(outside)} lie outside the range that the models were checked on"


def _waiting(runs: Sequence[RunReliability], standby: int, factory: Factory) -> Iterator[str]:
    for run in runs:
        lost = run.losses.get("replacement", 0.0)
        if lost > WAITING and run.hot_spares < standby:
            share = units.show(math.ceil(1000 * standby / factory.nodes) / 1000, "fraction")
            yield (
                f"the run of {run.model} waits {units.show(lost, 'fraction')} of its time for nodes under repair, "
                f"as {run.hot_spares:,} stand by for it; keep {share} of the accelerators free (design.spare)"
            )


def _weather(facility: FacilityResult) -> Iterator[str]:
    if facility.station_distance > FAR:
        away = units.show(facility.station_distance, "length")
        yield f"the nearest weather year is that of {facility.station}, {away} away; give site.weather an EPW file"
    if facility.carbon_assumed:
        yield f"no grid of the table is near, so its carbon is {facility.carbon_source}; give site.carbon_intensity"


def _empty(plan: Plan, factory: Factory) -> Iterator[str]:
    """Halls and buildings of the site that get nothing, because a pod stands in one hall."""
    for name, offered, filled in (
        ("halls", plan.site.halls or 0, len(factory.halls)),
        ("buildings", plan.site.buildings, factory.buildings),
    ):
        if offered > filled:
            yield f"the factory's pods fill {filled:,} of the {offered:,} {name} of the site; the rest stay empty"


def _early(factory: Factory, start: dt.date) -> Iterator[str]:
    chip = factory.accelerator
    if chip.released > start.year:
        yield f"{chip.id} ships from {chip.released} on, after the first order on {start}"


def _secured(plan: Plan, bill: Sequence[BillLine]) -> Iterator[str]:
    idle = set(plan.secured) - {line.lead for line in bill} - set(UNBILLED)
    if idle:
        yield f"nothing of the plan waits for {', '.join(sorted(idle))}; take it out of `secured`"


def _unpriced(bill: Sequence[BillLine]) -> Iterator[str]:
    items = [line.part for line in bill if math.isnan(line.unit_price)]
    if items:
        yield f"no price is known for {', '.join(dict.fromkeys(items))}; theirs is estimated from power and number"
