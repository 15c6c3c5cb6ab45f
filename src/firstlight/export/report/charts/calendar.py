"""A year: power by day with the outdoor temperature below it, and a value by month and hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from firstlight import units
from firstlight.export.report import svg, words
from firstlight.export.report.svg import Scale
from firstlight.twin.protocols import Floats

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FIRST = np.concatenate([[0], np.cumsum(DAYS)])
HEIGHT = 300
SHADES = 9


@dataclass(frozen=True, eq=False)
class Year:
    """Power [W] and outdoor temperature [K] by hour of the year [8760]: mean and range of each day."""

    power: Floats
    ambient: Floats

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        power = self.power.reshape(-1, 24)
        warmth = self.ambient.reshape(-1, 24) - units.CELSIUS_ZERO
        low, high = svg.covering(float(power.min()), float(power.max()), 4)
        across = Scale(0, len(power) - 1, 62, width - 4)
        upper = Scale(low, high, 184, 26)
        coldest, warmest = svg.covering(float(warmth.min()), float(warmth.max()), 3)
        lower = Scale(coldest, warmest, HEIGHT - 22, 220)
        parts = [
            *_panel(across, upper, [words.show(v, "power", 4) for v in upper.ticks(4)], 4, "Mean and range of the day"),
            *_band(across, upper, power, "s0"),
            *_panel(across, lower, [f"{v:g} °C" for v in lower.ticks(3)], 3, "Outdoors"),
            *_band(across, lower, warmth, "s1"),
            *_months(across, power, warmth),
        ]
        return svg.drawing(width, HEIGHT, label, parts)


def _panel(across: Scale, up: Scale, ticks: list[str], most: int, title: str) -> Iterator[Markup]:
    for value, said in zip(up.ticks(most), ticks, strict=True):
        yield svg.line(across.start, up(value), across.end, up(value), "grid")
        yield svg.text(across.start - 7, up(value) + 4, said, "", "end")
    yield svg.text(across.start, up.end - 10, title)


def _band(across: Scale, up: Scale, values: Floats, tone: str) -> Iterator[Markup]:
    """Range of each day as a band, its mean as a line."""
    days = [across(day) for day in range(len(values))]
    top = [(x, up(float(v))) for x, v in zip(days, values.max(axis=1), strict=True)]
    foot = [(x, up(float(v))) for x, v in zip(days, values.min(axis=1), strict=True)]
    yield svg.path(svg.polyline([*top, *reversed(foot)]) + "z", f"band {tone}")
    mean = [(x, up(float(v))) for x, v in zip(days, values.mean(axis=1), strict=True)]
    yield svg.path(svg.polyline(mean), f"line thin {tone}")


def _months(across: Scale, power: Floats, warmth: Floats) -> Iterator[Markup]:
    """Names below, and a field over each month that says its numbers."""
    step = 1 if across.end - across.start > 380 else 2
    for month, name in enumerate(MONTHS):
        days = slice(_FIRST[month], _FIRST[month + 1])
        left, right = across(_FIRST[month]), across(_FIRST[month + 1] - 1)
        mean, most = words.show(float(power[days].mean()), "power", 4), words.show(float(power[days].max()), "power", 4)
        tip = f"{name}: mean {mean}, greatest {most}; outdoors {warmth[days].min():.0f} to {warmth[days].max():.0f} °C"
        yield svg.rect(left, 26, right - left, HEIGHT - 48, "field", tip)
        if month % step == 0:
            yield svg.text((left + right) / 2, HEIGHT - 4, name, "", "middle")


@dataclass(frozen=True, eq=False)
class Heat:
    """A value by month and hour of the day [12, 24], in shades; `name` is what the value is."""

    values: Floats
    name: str

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        left, top, side, tall = 36.0, 4.0, (width - 40.0) / 24, 19.0
        low, high = float(self.values.min()), float(self.values.max())
        shade = np.minimum((self.values - low) / ((high - low) or 1.0) * SHADES, SHADES - 1).astype(int)
        parts = [svg.text(left - 8, top + month * tall + 14, name, "", "end") for month, name in enumerate(MONTHS)]
        for month, hour in np.ndindex(self.values.shape):
            tip = f"{MONTHS[month]}, {hour}:00 to {hour + 1}:00: {self.name} {self.values[month, hour]:.3f}"
            place = (left + hour * side, top + month * tall, side - 1, tall - 1)
            parts.append(svg.rect(*place, f"h{shade[month, hour]}", tip))
        foot = top + 12 * tall
        every = 3 if width > 440 else 6
        parts += [svg.text(left + h * side, foot + 16, f"{h}:00") for h in range(0, 24, every)]
        return svg.drawing(width, HEIGHT, label, [*parts, *_shades(left, foot + 40, low, high)])


def _shades(x: float, y: float, low: float, high: float) -> Iterator[Markup]:
    yield svg.text(x, y + 11, f"{low:.3f}")
    for shade in range(SHADES):
        yield svg.rect(x + 46 + 14 * shade, y, 14, 12, f"h{shade}")
    yield svg.text(x + 54 + 14 * SHADES, y + 11, f"{high:.3f}")
