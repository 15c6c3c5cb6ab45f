"""The tables of an Evaluation as Arrow record batches. A column's name carries its unit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export import names
from firstlight.twin.factory import RackKind


def bom(evaluation: Evaluation) -> pa.Table:
    """The bill of materials, a line each."""
    lines = evaluation.bill
    return pa.table(
        {
            "category": [line.category for line in lines],
            "item": [line.item for line in lines],
            "part": [line.part for line in lines],
            "count": numbers(line.count for line in lines),
            "counted_in": [line.unit or "pieces" for line in lines],
            "unit_price_usd": numbers(line.unit_price for line in lines),
            "amount_usd": numbers(line.amount for line in lines),
            "price_source": [line.source for line in lines],
            "price_standing": [line.standing for line in lines],
            "waits_for": [line.lead for line in lines],
        },
        schema=schema("category item part=s count=f counted_in unit_price_usd=f amount_usd=f price_source "
                       "price_standing waits_for"),
    )  # fmt: skip


def racks(evaluation: Evaluation) -> pa.Table:
    """Every rack with its place, its load and what feeds and cools it."""
    factory, all_racks = evaluation.twin, evaluation.twin.racks
    halls = names.rack_halls(factory)
    loop = names.numbered("L", all_racks.loop, len(factory.loop_power), 3)
    return pa.table(
        {
            "rack": names.racks(factory),
            "hall": halls + 1,
            "building": factory.halls.building[halls] + 1,
            "pod": names.rack_pods(factory) + 1,
            "row": all_racks.row + 1,
            "x_m": np.round(all_racks.x, 3),
            "y_m": np.round(all_racks.y, 3),
            "kind": pa.array([kind.name.lower() for kind in RackKind]).take(pa.array(all_racks.kind)),
            "systems": np.diff(all_racks.systems),
            "power_w": all_racks.power,
            "idle_power_w": all_racks.idle_power,
            "liquid_heat_w": all_racks.liquid,
            "mass_kg": all_racks.mass,
            "feed": names.numbered("F", all_racks.feed, len(factory.feed_power), 3),
            "loop": names.compute.if_else(pa.array(all_racks.loop < 0), "", loop),
        }
    )


def schedule(evaluation: Evaluation) -> pa.Table:
    """Every task of the build plan, earliest and latest."""
    tasks, begin = evaluation.schedule.tasks, evaluation.schedule.start

    def days(seconds: float) -> float:
        return round(seconds / units.DAY, 3)

    def date(seconds: float) -> dt.date:
        return begin + dt.timedelta(seconds=seconds)

    return pa.table(
        {
            "stage": [task.stage for task in tasks],
            "task": [task.name for task in tasks],
            "start": [date(task.start) for task in tasks],
            "finish": [date(task.finish) for task in tasks],
            "latest_start": [date(task.late_start) for task in tasks],
            "latest_finish": [date(task.late_finish) for task in tasks],
            "duration_days": [days(task.duration) for task in tasks],
            "slack_days": [days(task.late_start - task.start) for task in tasks],
            "critical": [task.critical for task in tasks],
            "after": ["; ".join(task.after) for task in tasks],
            "duration_source": [task.source for task in tasks],
            "duration_standing": [task.standing for task in tasks],
        },
        schema=schema("stage task start=d finish=d latest_start=d latest_finish=d duration_days=f slack_days=f "
                       "critical=b after duration_source duration_standing"),
    )  # fmt: skip


_KINDS: dict[str, Any] = {"s": pa.string(), "f": pa.float64(), "d": pa.date32(), "b": pa.bool_(), "i": pa.int64()}


def columns(names_and_kinds: str) -> dict[str, Any]:
    """Types of columns by name, of "name=f": s text (or nothing), f float, d date, b boolean, i integer."""
    pairs = (entry.partition("=") for entry in names_and_kinds.split())
    return {name: _KINDS[kind or "s"] for name, _, kind in pairs}


def schema(names_and_kinds: str) -> pa.Schema:
    """Columns with their types, so that an empty table has them too; see `columns`."""
    return pa.schema(list(columns(names_and_kinds).items()))


def numbers(values: Any) -> pa.Array:
    """Floats; not a number is an empty cell."""
    return pa.array(np.array(list(values), np.float64), from_pandas=True)
