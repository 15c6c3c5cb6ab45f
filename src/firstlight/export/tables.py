"""The tables of an Evaluation as Arrow record batches. A column's name carries its unit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export import names
from firstlight.twin.factory import RackKind
from firstlight.twin.protocols import Ints

CHUNK = 500_000
"""Rows in one batch, so that millions of cables take little memory."""


def bom(evaluation: Evaluation) -> pa.Table:
    """The bill of materials, a line each."""
    lines = evaluation.bill
    return pa.table(
        {
            "category": [line.category for line in lines],
            "item": [line.item for line in lines],
            "part": [line.part for line in lines],
            "count": _numbers(line.count for line in lines),
            "counted_in": [line.unit or "pieces" for line in lines],
            "unit_price_usd": _numbers(line.unit_price for line in lines),
            "amount_usd": _numbers(line.amount for line in lines),
            "price_source": [line.source for line in lines],
            "price_standing": [line.standing for line in lines],
            "waits_for": [line.lead for line in lines],
        },
        schema=_schema("category item part=s count=f counted_in unit_price_usd=f amount_usd=f price_source "
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
        schema=_schema("stage task start=d finish=d latest_start=d latest_finish=d duration_days=f slack_days=f "
                       "critical=b after duration_source duration_standing"),
    )  # fmt: skip


def cables(evaluation: Evaluation) -> Iterator[pa.Table]:
    """Every cable with both ends down to the port, bundle by bundle, some rows at a time."""
    factory, plan = evaluation.twin, evaluation.cable_plan
    rack_names = names.racks(factory)
    devices = names.devices(factory, rack_names)
    ports = names.ports(factory.topology, plan.bundle, plan.lower, plan.upper)
    edges = np.searchsorted(plan.bundle, np.arange(len(plan.bundle_names) + 1))
    parts = pa.array([line.part for line in plan.lines], pa.string())
    modules = pa.array([" / ".join(module for module, _ in line.modules) for line in plan.lines], pa.string())

    def batch(index: int, rows: Ints) -> pa.Table:
        bundle = factory.topology.bundles[index]
        ends = (devices[bundle.lower].take(pa.array(plan.lower[rows])),
                devices[bundle.upper].take(pa.array(plan.upper[rows])))  # fmt: skip
        at = tuple(pa.array(port[rows]) for port in ports)
        labels = [names.joined([end, port.cast(pa.string())], ":") for end, port in zip(ends, at, strict=True)]
        line = pa.array(plan.line[rows])
        return pa.table(
            {
                "cable": names.numbered("C", rows, len(plan), 5),
                "bundle": pa.repeat(plan.bundle_names[index], len(rows)),
                "from_device": ends[0],
                "from_port": at[0],
                "from_rack": rack_names.take(pa.array(plan.lower_rack[rows])),
                "to_device": ends[1],
                "to_port": at[1],
                "to_rack": rack_names.take(pa.array(plan.upper_rack[rows])),
                "length_m": plan.length[rows],
                "part": parts.take(line),
                "transceiver": modules.take(line),
                "label": names.joined(labels, " / "),
            }
        )

    if not len(plan):
        yield pa.table({name: pa.array([], kind) for name, kind in _CABLES.items()})
    for index in range(len(plan.bundle_names)):
        for first in range(edges[index], edges[index + 1], CHUNK):
            yield batch(index, np.arange(first, min(first + CHUNK, edges[index + 1])))


_KINDS: dict[str, Any] = {"s": pa.string(), "f": pa.float64(), "d": pa.date32(), "b": pa.bool_(), "i": pa.int64()}


def _columns(names_and_kinds: str) -> dict[str, Any]:
    pairs = (entry.partition("=") for entry in names_and_kinds.split())
    return {name: _KINDS[kind or "s"] for name, _, kind in pairs}


def _schema(names_and_kinds: str) -> pa.Schema:
    """Columns with their types, so that an empty table has them too: s text, f float, d date, b boolean, i integer."""
    return pa.schema(list(_columns(names_and_kinds).items()))


_CABLES = _columns("cable bundle from_device from_port=i from_rack to_device to_port=i to_rack length_m=f part "
                   "transceiver label")  # fmt: skip


def _numbers(values: Any) -> pa.Array:
    """Floats; not a number is an empty cell."""
    return pa.array(np.array(list(values), np.float64), from_pandas=True)
