"""The schedule: a Gantt chart of the build, and the latest order dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Badge, Code, Fact, Facts, Section, Table, rows
from firstlight.schedule.result import ScheduleResult, Task

_LAST = 0.88
"""A month that begins behind it has no room for its name."""
MOST = 60
"""Tasks drawn; what is left out is said."""


@dataclass(frozen=True)
class Work:
    """One task, or the same one in several halls, from the first one's start to the last one's finish [s].

    Attributes:
        name: of the task, and how often; critical: any of them is.
        slack: the least of them [s].
    """

    name: str
    start: float
    finish: float
    slack: float
    critical: bool


@dataclass(frozen=True)
class Row:
    """One line. Positions are shares of the chart's width.

    Attributes:
        name, critical: of the work.
        left, width: of the bar; slack: how far the latest finish lies behind the earliest.
        dates: start and finish in words; room: the slack in words.
    """

    name: str
    critical: bool
    left: float
    width: float
    slack: float
    dates: str
    room: str


@dataclass(frozen=True)
class Line:
    """A vertical line: where, what it says, and its class: "month" ("month other": every second), "light", "asked"."""

    at: float
    text: str
    tone: str


@dataclass(frozen=True)
class Gantt:
    """The chart; `likely` is where first light falls from P10 to P90: left end and width."""

    template: ClassVar[str] = "gantt.html"
    caption: str
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    likely: tuple[float, float]
    left_out: str


def section(evaluation: Evaluation) -> Section:
    """When it can be switched on."""
    plan = evaluation.schedule
    lead = (
        f"First light is {words.date(plan.first_light)}, {words.show(plan.makespan, 'time')} after the first order on "
        f"{words.date(plan.start)}."
    )
    if plan.critical_path:
        first, number = plan.critical_path[0], words.plural(len(plan.critical_path), "task")
        lead += f" The date hangs on {number}, beginning with: {first}."
    blocks = (_facts(plan), gantt(plan), _orders(plan))
    return Section("schedule", "When the lights go on", lead, blocks, "Schedule")


def _facts(plan: ScheduleResult) -> Facts:
    asked = words.short_date(plan.ready_by) if plan.ready_by else "not asked"
    late = f"missed by {words.show(plan.late, 'time')}" if plan.late else ("met" if plan.ready_by else "")
    if plan.ready_by:
        late += f", chance {100 * plan.chance:.0f} %"
    return Facts((
        Fact("First order", words.short_date(plan.start)),
        Fact("First light", words.short_date(plan.first_light), "typical lead times"),
        Fact("One time in ten earlier than", words.short_date(plan.first_light_p10)),
        Fact("One time in ten later than", words.short_date(plan.first_light_p90)),
        Fact("Date asked for", asked, late),
    ))  # fmt: skip


def gantt(plan: ScheduleResult) -> Gantt:
    """The chart of a schedule: critical tasks and those with least slack where there are too many."""
    dates = [plan.first_light_p10, plan.first_light_p90, *([plan.ready_by] if plan.ready_by else [])]
    low, high, *asked = ((date - plan.start).days * units.DAY for date in dates)
    span = (max([plan.makespan, high, *asked, *(task.late_finish for task in plan.tasks)]) or units.DAY) * 1.03
    work = gathered(plan.tasks)
    shown = sorted(work, key=lambda each: (not each.critical, each.slack))[:MOST]
    drawn = tuple(_row(each, plan.start, span) for each in sorted(shown, key=lambda each: (each.start, each.finish)))
    every = words.plural(len(plan.tasks), "task")
    said = f"All {every}, hall by hall, are in schedule.csv." if len(drawn) < len(plan.tasks) else ""
    lines = [*_months(plan.start, span), Line(plan.makespan / span, "first light", "light")]
    lines += [Line(at / span, "asked for", "asked") for at in asked]
    likely = (low / span, (high - low) / span)
    return Gantt(
        "Build plan: bars are the earliest dates, thin lines the slack behind them", drawn, tuple(lines), likely, said
    )


def gathered(tasks: Iterable[Task]) -> tuple[Work, ...]:
    """The lines of the chart: what is done in several places is one line, and so are orders without lead time."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        at_once = task.stage == "order" and not task.duration
        groups.setdefault("Orders without lead time" if at_once else _PLACE.sub("", task.name), []).append(task)
    return tuple(_work(stem, group) for stem, group in groups.items())


_PLACE = re.compile(r", (hall|building) \d+$")


def _work(stem: str, group: list[Task]) -> Work:
    place = _PLACE.search(group[0].name)
    several = f"{stem}, {words.plural(len(group), place[1])}" if place else f"{stem} ({len(group)})"
    return Work(
        name=several if len(group) > 1 else group[0].name,
        start=min(task.start for task in group),
        finish=max(task.finish for task in group),
        slack=min(task.late_finish - task.finish for task in group),
        critical=any(task.critical for task in group),
    )


def _row(work: Work, start: dt.date, span: float) -> Row:
    begin, end = (start + dt.timedelta(seconds=when) for when in (work.start, work.finish))
    room = "critical" if work.critical else f"{words.show(work.slack, 'time', 2)} slack"
    left, width = work.start / span, max((work.finish - work.start) / span, 0.002)
    slack = 0.0 if work.critical else work.slack / span
    return Row(work.name, work.critical, left, width, slack, _from_to(begin, end), room)


def _from_to(begin: dt.date, end: dt.date) -> str:
    """ "4 Jan – 23 Jul 2027"; a day is said once."""
    if begin == end:
        return words.short_date(end)
    first = f"{begin.day} {begin:%b}" if begin.year == end.year else words.short_date(begin)
    return f"{first} – {words.short_date(end)}"


def _months(start: dt.date, span: float) -> list[Line]:
    """Firsts of months, as many as have room."""
    months = max(1, round(span / (units.YEAR / 12)))
    step = next(each for each in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if months / each <= 6.5)
    firsts = (start.year * 12 + start.month + index for index in range(months + 2))
    dates = [dt.date(index // 12, index % 12 + 1, 1) for index in firsts if index % step == 0]
    marks = ((date, (date - start).days * units.DAY / span) for date in dates)
    named = [(date, at) for date, at in marks if 0 <= at <= 0.99]
    return [
        Line(at, f"{date:%b} {date:%Y}" if at < _LAST else "", "month" if index % 2 else "month other")
        for index, (date, at) in enumerate(named)
    ]


def _orders(plan: ScheduleResult) -> Table:
    lines = (
        (order.item, Code(order.part) if order.part else "", words.count(order.count),
         words.show(order.lead_time, "time") if order.lead_time else "none",
         words.span(*(words.show(time, "time") for time in (order.lead_time_low, order.lead_time_high)))
         if order.lead_time_high else "",
         words.short_date(order.order_by),
         Badge(f"{words.show(order.late, 'time')} too late", "bad") if order.late > 0 else Badge("in time", "good"))
        for order in plan.orders
    )  # fmt: skip
    columns = ("Item", "Part", "Count", "Lead time", "Published range", "Order by", "")
    caption = "Latest order dates, soonest first"
    return Table(caption, columns, "llrrrrl", rows(lines), folded=len(plan.orders) > 12)
