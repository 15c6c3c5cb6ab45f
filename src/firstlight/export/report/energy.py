"""Where the watts go, and how power and PUE run through the year."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Chart, Code, Fact, Facts, Section, Side, Table, rows
from firstlight.export.report.charts.calendar import DAYS, Heat, Year
from firstlight.export.report.charts.sankey import Sankey, Use
from firstlight.facility.result import FacilityResult
from firstlight.twin.factory import RackKind

HOURS = 8760


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
    """The peak hour's power from the feed to what turns it into heat, the IT first."""
    parts = sorted(evaluation.facility.peak_parts.items(), key=lambda part: (not _is_it(part[0]), -part[1]))
    uses = tuple(Use(name, watts, _is_it(name)) for name, watts in parts if watts > 0)
    flow = Sankey("Utility feed", uses, tuple(_inside(evaluation)))
    label = f"Flow of {words.show(evaluation.facility.peak, 'power')} from the utility feed to its uses"
    return Chart.of("Power in the peak hour", label, flow, wide=True)


_INSIDE = ("Accelerators", "Rest of the systems", "Network racks", "Service racks")


def _is_it(name: str) -> bool:
    return name in _INSIDE or name.lower().startswith("it")


def _inside(evaluation: Evaluation) -> Iterator[Use]:
    """IT power split over what the racks hold; only where the IT is one part of the peak."""
    parts, factory = evaluation.facility.peak_parts, evaluation.twin
    it = [watts for name, watts in parts.items() if _is_it(name) and watts > 0]
    if len(it) != 1:
        return
    racks = factory.racks
    by_kind = {kind: float(racks.power[racks.kind == kind].sum()) for kind in RackKind}
    total = sum(by_kind.values())
    accelerators = min(factory.accelerators * factory.accelerator.tdp, by_kind[RackKind.COMPUTE])
    watts = (
        accelerators,
        by_kind[RackKind.COMPUTE] - accelerators,
        by_kind[RackKind.NETWORK],
        by_kind[RackKind.SERVICE],
    )
    yield from (Use(name, it[0] * w / total, True) for name, w in zip(_INSIDE, watts, strict=True) if w > 0)


def _facts(plant: FacilityResult) -> Facts:
    distance = f", {words.show(plant.station_distance, 'length')} away" if np.isfinite(plant.station_distance) else ""
    return Facts((
        Fact("Energy a year", words.show(plant.energy, "energy"), f"IT {words.show(plant.it_energy, 'energy')}"),
        Fact("PUE", f"{plant.pue:.3f}", f"{plant.pue_peak:.3f} in the worst hour"),
        Fact("Water a year", words.show(plant.water, "volume"), f"WUE {words.show(plant.wue, 'water intensity')}"),
        Fact("Carbon a year", words.show(plant.carbon, "mass"), plant.carbon_source),
        Fact("Chillers run", f"{words.count(plant.chiller_hours)} h", "of 8,760 h"),
        Fact("Weather", "typical year", f"{plant.station}{distance}"),
    ))  # fmt: skip


def _year(plant: FacilityResult) -> Chart:
    """Power by day of the year: least, mean and greatest hour."""
    low, high = (words.show(float(each), "power") for each in (plant.hourly_power.min(), plant.hourly_power.max()))
    label = f"Power at the feed by day of the year, between {low} and {high}, with the outdoor temperature"
    return Chart.of("Power at the feed through the year", label, Year(plant.hourly_power, plant.hourly_ambient))


def _heat(plant: FacilityResult) -> Chart:
    """PUE by month and hour of the day, averages weighted by energy."""
    cell = np.repeat(np.arange(12), 24 * DAYS) * 24 + np.arange(HOURS) % 24
    power, it = (np.bincount(cell, hourly, minlength=288) for hourly in (plant.hourly_power, plant.hourly_it))
    pue = np.divide(power, it, out=np.ones(288), where=it > 0).reshape(12, 24)
    label = f"PUE by month and hour of the day, between {pue.min():.3f} and {pue.max():.3f}"
    return Chart.of("PUE by month and hour (local standard time)", label, Heat(pue, "PUE"))


def _parts(plant: FacilityResult) -> Table:
    """Both splits beside each other."""
    names = dict.fromkeys([*plant.peak_parts, *plant.energy_parts])
    both = ((name, plant.peak_parts.get(name, 0.0), plant.energy_parts.get(name, 0.0)) for name in names)
    lines = (
        (name, words.show(watts, "power"), words.share(watts / plant.peak),
         words.show(joules, "energy"), words.share(joules / plant.energy))
        for name, watts, joules in both
    )  # fmt: skip
    total = ("All", words.show(plant.peak, "power"), "100 %", words.show(plant.energy, "energy"), "100 %")
    columns = ("Use", "Peak hour", "Share", "Year", "Share")
    return Table("Power and energy by use", columns, "lrrrr", rows(lines), folded=True, total=total)


def _plant(plant: FacilityResult) -> Table:
    lines = ((unit.role, Code(unit.part), words.count(unit.count), unit.sized_by) for unit in plant.plant)
    return Table("Power and cooling plant", ("Role", "Part", "Count", "Sized by"), "llrl", rows(lines), folded=True)
