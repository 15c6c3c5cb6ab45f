"""The answer in a dozen lines of text."""

from __future__ import annotations

from firstlight import units
from firstlight.evaluate.evaluation import Evaluation, Margin
from firstlight.export.report.words import plural
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.twin.result import show


def summary(evaluation: Evaluation) -> str:
    """Power, cost, date, tokens and the closest limits, each on a line of its own."""
    rows = [("factory", _factory(evaluation)), ("power", _power(evaluation)), ("cost", _cost(evaluation))]
    rows.append(("date", _date(evaluation)))
    rows += [
        ("trains", _trains(result, run))
        for result, run in zip(evaluation.training, evaluation.reliability.runs, strict=True)
    ]
    rows += [("serves", _serves(result)) for result in evaluation.serving]
    rows.append(("limits", "; ".join(_margin(margin) for margin in evaluation.margins[:3])))
    rows += [("note", warning) for warning in evaluation.warnings]
    return "\n".join([_title(evaluation), *(f"  {label:<8} {text}" for label, text in rows)])


def _title(evaluation: Evaluation) -> str:
    """The name; where a limit or target is missed, that first."""
    missed = ", ".join(margin.name for margin in evaluation.margins if margin.broken)
    return f"{evaluation.name} does not meet its plan: {missed}" if missed else evaluation.name


def _factory(evaluation: Evaluation) -> str:
    made = evaluation.factory
    return (
        f"{made.accelerators:,} {made.accelerator} in {made.systems:,} {made.system}, {made.compute_racks:,} compute "
        f"and {made.network_racks:,} network racks, {_plural(made.halls, 'hall')}, "
        f"{_plural(made.buildings, 'building')}"
    )


def _plural(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _power(evaluation: Evaluation) -> str:
    plant = evaluation.facility
    peak, available = units.show(plant.peak, "power"), units.show(plant.available, "power")
    return (
        f"{peak} of {available} at the feed, IT {units.show(plant.it_peak, 'power')}, PUE {plant.pue:.3f} over the year"
    )


def _cost(evaluation: Evaluation) -> str:
    cost = evaluation.economics
    hourly = cost.per_accelerator_hour
    build, run = units.show(cost.capital, "money"), units.show(cost.running, "money")
    middle, low, high = (f"{value:,.2f} USD" for value in (hourly.p50, hourly.p10, hourly.p90))
    return f"{build} to build, {run} a year to run, {middle} ({low} to {high}) an accelerator-hour"


def _date(evaluation: Evaluation) -> str:
    plan = evaluation.schedule
    asked = f", asked for {plan.ready_by}" if plan.ready_by else ""
    return f"first light {plan.first_light} ({units.show(plan.makespan, 'time')} from {plan.start}){asked}"


def _trains(result: TrainingResult, run: RunReliability) -> str:
    tokens = units.show(result.tokens, "tokens")
    taught = f", taught by {result.teacher}" if result.teacher else ""
    return (
        f"{result.model} on {result.accelerators:,}{taught}: {show(run.duration, 's')} for {tokens}, "
        f"{show(result.tokens_per_s, '1/s')} tokens, MFU {result.mfu.p50:.1%}, goodput {run.goodput.p50:.1%}"
    )


def _serves(result: ServingResult) -> str:
    return (
        f"{result.model} on {result.accelerators:,} in {plural(result.replicas, 'replica')}: "
        f"{units.show(result.requests, 'rate')} requests of a capacity of {units.show(result.capacity.p50, 'rate')}, "
        f"{_latency(result)}"
    )


def _latency(result: ServingResult) -> str:
    if result.answer == 1:
        return f"answered in {show(result.first_token, 's')}"
    return f"first token {show(result.first_token, 's')}, then {show(result.per_token, 's')} a token"


def _margin(margin: Margin) -> str:
    used, available = units.show(margin.used, margin.dimension), units.show(margin.available, margin.dimension)
    return f"{margin.name} {margin.share:.0%} ({used} of {available})"
