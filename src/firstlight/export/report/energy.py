"""Where the watts go, and how power and PUE run through the year."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Chart, Code, Fact, Facts, Section, Side, Table, rows
from firstlight.facility.result import FacilityResult
from firstlight.twin.factory import RackKind
from firstlight.twin.protocols import Floats, Ints

HOURS = 8760
_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def section(evaluation: Evaluation) -> Section:
    """Where power and energy go."""
    plant = evaluation.facility
    lead = (
        f"In the hottest hour with all IT at its greatest, {words.show(plant.peak, 'power')} enter the feed and "
        f"{words.share(plant.it_peak / plant.peak)} of them reach the racks. Over the year the PUE is {plant.pue:.3f}."
    )
    blocks = (sankey(evaluation), _facts(plant), Side((_year(plant), _heat(plant))), _parts(plant), _plant(plant))
    return Section("power", "Where the watts go", lead, blocks, "Power")


def sankey(evaluation: Evaluation) -> Chart:
    """The peak hour's power from the feed to what turns it into heat."""
    flows = [("Utility feed", name, watts) for name, watts in evaluation.facility.peak_parts.items() if watts > 0]
    flows += _inside(evaluation)
    names = list(dict.fromkeys(name for flow in flows for name in flow[:2]))
    into = {name: sum(watts for _, to, watts in flows if to == name) for name in names}
    into["Utility feed"] = sum(watts for origin, _, watts in flows if origin == "Utility feed")
    unit, size = words.axis(list(into.values()), "power")
    nodes = [{"name": name, "text": words.show(into[name], "power"), "it": _is_it(name)} for name in names]
    links = [
        {"source": origin, "target": to, "value": words.rounded(watts / size), "text": words.show(watts, "power")}
        for origin, to, watts in flows
    ]
    label = f"Flow of {words.show(evaluation.facility.peak, 'power')} from the utility feed to its uses, in {unit}"
    data: dict[str, Any] = {"nodes": nodes, "links": links}
    return Chart("watts", "sankey", "Power in the peak hour", label, data, height=60 + 34 * len(nodes))


_INSIDE = ("Accelerators", "Rest of the systems", "Network racks", "Service racks")


def _is_it(name: str) -> bool:
    return name in _INSIDE or name.lower().startswith("it")


def _inside(evaluation: Evaluation) -> list[tuple[str, str, float]]:
    """IT power split over what the racks hold; only where the IT is one part of the peak."""
    parts, factory = evaluation.facility.peak_parts, evaluation.twin
    key = next((name for name, watts in parts.items() if _is_it(name) and watts > 0), None)
    if key is None:
        return []
    racks = factory.racks
    by_kind = {kind: float(racks.power[racks.kind == kind].sum()) for kind in RackKind}
    total = sum(by_kind.values())
    accelerators = min(factory.accelerators * factory.accelerator.tdp, by_kind[RackKind.COMPUTE])
    watts = (accelerators, by_kind[RackKind.COMPUTE] - accelerators, by_kind[RackKind.NETWORK], by_kind[RackKind.SERVICE])
    return [(key, name, parts[key] * w / total) for name, w in zip(_INSIDE, watts, strict=True) if w > 0]


def _facts(plant: FacilityResult) -> Facts:
    distance = f", {words.show(plant.station_distance, 'length')} away" if np.isfinite(plant.station_distance) else ""
    return Facts((
        Fact("Energy a year", words.show(plant.energy, "energy"), f"IT {words.show(plant.it_energy, 'energy')}"),
        Fact("PUE", f"{plant.pue:.3f}", f"{plant.pue_peak:.3f} in the worst hour"),
        Fact("Water a year", words.show(plant.water, "volume"), f"WUE {words.show(plant.wue, 'water intensity')}"),
        Fact("Carbon a year", words.show(plant.carbon, "mass"), plant.carbon_source),
        Fact("Chillers run", f"{words.count(plant.chiller_hours)} h", "of 8,760 h"),
        Fact("Weather", plant.station, f"typical year{distance}"),
    ))  # fmt: skip


def _year(plant: FacilityResult) -> Chart:
    """Power by day of the year: least, mean and greatest hour."""
    power = plant.hourly_power.reshape(-1, 24)
    unit, size = words.axis([float(power.max())], "power")
    data = {
        "unit": unit,
        "low": _list(power.min(axis=1) / size),
        "mean": _list(power.mean(axis=1) / size),
        "high": _list(power.max(axis=1) / size),
        "ambient": _list(plant.hourly_ambient.reshape(-1, 24).max(axis=1) - units.CELSIUS_ZERO, 3),
    }
    label = (
        f"Power at the feed by day of the year, between {words.show(float(power.min()), 'power')} and "
        f"{words.show(float(power.max()), 'power')}, with the day's highest outdoor temperature"
    )
    return Chart("year", "year", "Power at the feed through the year", label, data)


def _heat(plant: FacilityResult) -> Chart:
    """PUE by month and hour of the day, averages weighted by energy."""
    hour, month = np.arange(HOURS) % 24, np.repeat(np.arange(12), 24 * _MONTH_DAYS)
    cell = month * 24 + hour
    pue = _sum(cell, plant.hourly_power) / _sum(cell, plant.hourly_it)
    cells = [[int(c % 24), int(c // 24), round(float(v), 4)] for c, v in enumerate(pue)]
    label = f"PUE by month and hour of the day, between {pue.min():.3f} and {pue.max():.3f}"
    limits = {"low": round(float(pue.min()), 3), "high": round(float(pue.max()), 3)}
    return Chart("pue", "heat", "PUE by month and hour (local standard time)", label, {"cells": cells, **limits})


def _sum(cell: Ints, values: Floats) -> Floats:
    return np.bincount(cell, values, minlength=12 * 24)


def _list(values: Floats, digits: int = 4) -> list[float | None]:
    return [words.rounded(float(value), digits) for value in values]


def _parts(plant: FacilityResult) -> Table:
    """Both splits beside each other."""
    names = list(dict.fromkeys([*plant.peak_parts, *plant.energy_parts]))
    lines = (
        (name, words.show(plant.peak_parts.get(name, 0.0), "power"), words.share(plant.peak_parts.get(name, 0.0) / plant.peak),
         words.show(plant.energy_parts.get(name, 0.0), "energy"), words.share(plant.energy_parts.get(name, 0.0) / plant.energy))
        for name in names
    )  # fmt: skip
    total = ("All", words.show(plant.peak, "power"), "100 %", words.show(plant.energy, "energy"), "100 %")
    columns = ("Use", "Peak hour", "Share", "Year", "Share")
    return Table("Power and energy by use", columns, "lrrrr", rows(lines), folded=True, total=total)


def _plant(plant: FacilityResult) -> Table:
    lines = ((unit.role, Code(unit.part), words.count(unit.count), unit.sized_by) for unit in plant.plant)
    return Table("Power and cooling plant", ("Role", "Part", "Count", "Sized by"), "llrl", rows(lines), folded=True)
