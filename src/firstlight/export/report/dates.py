"""The schedule: a Gantt chart of the build, and the latest order dates."""

from __future__ import annotations

import datetime as dt
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
class Row:
    """One task. Positions are shares of the chart's width.

    Attributes:
        name, stage, critical: of the task.
        left, width: of the bar; slack: how far the latest finish lies behind the earliest.
        dates: start and finish in words; room: the slack in words.
    """

    name: str
    stage: str
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
    shown = sorted(plan.tasks, key=lambda task: (not task.critical, task.late_start - task.start))[:MOST]
    drawn = tuple(_row(task, plan.start, span) for task in sorted(shown, key=lambda task: (task.start, task.finish)))
    left = len(plan.tasks) - len(drawn)
    said = f"{words.plural(left, 'task')} with more slack are in schedule.csv." if left else ""
    lines = [*_months(plan.start, span), Line(plan.makespan / span, "first light", "light")]
    lines += [Line(at / span, "asked for", "asked") for at in asked]
    likely = (low / span, (high - low) / span)
    return Gantt(
        "Build plan: bars are earliest dates, thin lines the slack behind them", drawn, tuple(lines), likely, said
    )


def _row(task: Task, start: dt.date, span: float) -> Row:
    begin, end = (words.short_date(start + dt.timedelta(seconds=when)) for when in (task.start, task.finish))
    slack = task.late_finish - task.finish
    room = "critical" if task.critical else f"{words.show(slack, 'time')} slack"
    width = max(task.duration / span, 0.002)
    return Row(task.name, task.stage, task.critical, task.start / span, width, slack / span, f"{begin} – {end}", room)


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
         words.show(order.lead_time, "time"),
         f"{words.show(order.lead_time_low, 'time')} to {words.show(order.lead_time_high, 'time')}",
         words.short_date(order.order_by),
         Badge(f"{words.show(order.late, 'time')} too late", "bad") if order.late > 0 else Badge("in time", "good"))
        for order in plan.orders
    )  # fmt: skip
    columns = ("Item", "Part", "Count", "Lead time", "Published range", "Order by", "")
    caption = "Latest order dates, soonest first"
    return Table(caption, columns, "llrrrrl", rows(lines))
