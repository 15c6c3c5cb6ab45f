"""The answer first: one sentence, and the numbers that a decision needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firstlight.evaluate import Evaluation, Margin
from firstlight.export.report import words
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.twin.result import Prediction

TOLERANCE = 1e-9
"""A margin this far above 1 is rounding."""


@dataclass(frozen=True)
class Interval:
    """A prediction as a bar with its error bar, all as shares of the tile's width; the bar begins at zero."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, value: Prediction) -> Interval | None:
        """P10, P50 and P90; None where they are not numbers."""
        most = value.p90 * 1.06
        return cls(value.p10 / most, value.p50 / most, value.p90 / most) if 0 < most < math.inf else None


@dataclass(frozen=True)
class Tile:
    """One number of the answer.

    Attributes:
        label: what it is; value: the number and unit, apart for setting them in type.
        range: the P10-P90 interval or the like; note: what to compare it with.
        share: of a limit, drawn as a bar; None has none. tone: "plain" or "bad". interval: drawn as an error bar.
    """

    label: str
    value: str
    unit: str
    range: str = ""
    note: str = ""
    share: float | None = None
    tone: str = "plain"
    interval: Interval | None = None


@dataclass(frozen=True)
class Answer:
    """What stands at the top.

    Attributes:
        holds: every limit and target is met.
        verdict: whether it is, and by how much not.
        sentence: what the factory is and does.
        tiles: the numbers.
    """

    holds: bool
    verdict: str
    sentence: str
    tiles: tuple[Tile, ...]


def answer(evaluation: Evaluation) -> Answer:
    """The headline of an evaluation."""
    broken = [margin for margin in evaluation.margins if margin.share > 1 + TOLERANCE]
    tiles = (_power(evaluation), *_money(evaluation), _date(evaluation), *_work(evaluation), *_closest(evaluation))
    return Answer(not broken, _verdict(evaluation, broken), _sentence(evaluation), tiles)


def margin_name(margin: Margin, evaluation: Evaluation) -> str:
    """A limit in words: "Time per token of deepseek-r1" for "demand[1].per_token"."""
    where, _, field = margin.name.rpartition(".")
    plain = {
        "power": "Power of the site",
        "floor": "Floor of the site",
        "ready_by": "Date of first light",
        "memory": "Memory of an accelerator",
        "within": "Time for the run",
        "requests": "Requests",
        "first_token": "Time to first token",
        "per_token": "Time per token",
    }.get(field, field.replace("_", " "))
    if not where.startswith("demand["):
        return plain
    workload = evaluation.plan.demand[int(where[len("demand[") : -1])]
    return f"{plain}, {getattr(workload, 'train', None) or getattr(workload, 'serve', '')}"


def _verdict(evaluation: Evaluation, broken: list[Margin]) -> str:
    if not broken:
        return "The plan holds: every limit and target is met."
    misses = [f"{margin_name(margin, evaluation)} ({_over(margin)})" for margin in broken]
    return f"The plan does not hold. Missed: {words.listed(misses)}."


def _over(margin: Margin) -> str:
    if margin.dimension == "time" and margin.name == "ready_by":
        return f"{words.show(margin.used - margin.available, 'time')} late"
    return f"{words.share(margin.share - 1)} over"


def _sentence(evaluation: Evaluation) -> str:
    made, plan = evaluation.factory, evaluation.plan
    place = plan.site.place if isinstance(plan.site.place, str) else (
        f"{plan.site.place.latitude:g}, {plan.site.place.longitude:g}"
    )  # fmt: skip
    name = evaluation.twin.accelerator.name
    built = f"{words.count(made.accelerators)} {name} in {place} draw {words.show(evaluation.facility.peak, 'power')}"
    cost = f"cost {words.money(evaluation.economics.capital)} to build"
    light = f"and see first light on {words.date(evaluation.schedule.first_light)}"
    return f"{built} at the feed, {cost} {light}. {_deeds(evaluation)}".strip()


def _deeds(evaluation: Evaluation) -> str:
    runs = zip(evaluation.training, evaluation.reliability.runs, strict=True)
    deeds = [
        f"train {result.model} on {words.show(result.tokens, 'tokens')} in {words.show(run.duration.p50, 'time')}"
        for result, run in runs
    ]
    deeds += [
        f"serve {result.model} at {words.per_second(result.requests)} requests a second"
        for result in evaluation.serving
    ]
    if len(deeds) > 4:
        deeds = [*deeds[:3], f"do {words.count(len(deeds) - 3)} more jobs"]
    return f"They {words.listed(deeds)}." if deeds else ""


def _split(text: str) -> tuple[str, str]:
    number, *unit = text.split(maxsplit=1)
    return number, unit[0] if unit else ""


def _power(evaluation: Evaluation) -> Tile:
    plant = evaluation.facility
    share = plant.peak / plant.available
    note = f"{words.share(share)} of the site's {words.show(plant.available, 'power')}"
    tone = "bad" if share > 1 + TOLERANCE else "plain"
    range_ = f"IT {words.show(plant.it_peak, 'power')}, PUE {plant.pue:.3f} over the year"
    return Tile("Peak power at the feed", *_split(words.show(plant.peak, "power")), range_, note, share, tone)


def _money(evaluation: Evaluation) -> tuple[Tile, Tile]:
    cost = evaluation.economics
    hour = cost.per_accelerator_hour
    each = cost.capital / evaluation.factory.accelerators
    return (
        Tile("Capital", *_split(words.money(cost.capital)), f"{words.money(each)} per accelerator",
             f"{words.money(cost.running)} a year to run"),
        Tile("Per accelerator-hour", *_split(words.money(hour.p50)), words.p10_p90(hour, "money"),
             "capital, energy and operation", interval=Interval.of(hour)),
    )  # fmt: skip


def _date(evaluation: Evaluation) -> Tile:
    plan = evaluation.schedule
    note = f"asked for: {words.short_date(plan.ready_by)}" if plan.ready_by else "no date was asked for"
    if plan.late > 0:
        note += f", {words.show(plan.late, 'time')} late"
    low, high = words.short_date(plan.first_light_p10), words.short_date(plan.first_light_p90)
    range_ = f"P10–P90: {low} to {high}" if low != high else "P10–P90: the same day"
    day, _, rest = words.short_date(plan.first_light).partition(" ")
    return Tile("First light", f"{day} {rest.partition(' ')[0]}", rest.partition(" ")[2], range_, note,
                tone="bad" if plan.late > 0 else "plain")  # fmt: skip


def _work(evaluation: Evaluation) -> tuple[Tile, ...]:
    runs = zip(evaluation.training, evaluation.reliability.runs, strict=True)
    return (*(_trains(result, run) for result, run in runs), *(_serves(result) for result in evaluation.serving))


def _rate(value: Prediction) -> tuple[str, str]:
    return words.per_second(value.p50), "tokens/s"


def _trains(result: TrainingResult, run: RunReliability) -> Tile:
    note = f"MFU {words.share(result.mfu.p50)}, goodput {words.share(run.goodput.p50)}"
    return Tile(f"Trains {result.model}", *_rate(result.tokens_per_s), words.p10_p90(result.tokens_per_s, "rate"), note,
                interval=Interval.of(result.tokens_per_s))  # fmt: skip


def _serves(result: ServingResult) -> Tile:
    first, then = (words.show(latency.p50, "time") for latency in (result.first_token, result.per_token))
    note = f"first token {first}, then {then} each" if result.answer > 1 else f"answered in {first}"
    return Tile(f"Serves {result.model}", *_rate(result.tokens_per_s), words.p10_p90(result.tokens_per_s, "rate"), note,
                interval=Interval.of(result.tokens_per_s))  # fmt: skip


def _closest(evaluation: Evaluation) -> tuple[Tile, ...]:
    if not evaluation.margins:
        return ()
    margin = evaluation.margins[0]
    used, available = (words.show(value, margin.dimension) for value in (margin.used, margin.available))
    tone = "bad" if margin.share > 1 + TOLERANCE else "plain"
    name = margin_name(margin, evaluation)
    value = _split(words.share(margin.share))
    return (Tile("What limits", *value, name, f"{used} of {available}", margin.share, tone),)
