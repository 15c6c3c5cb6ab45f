"""Small pieces of SVG for the charts: shapes with escaped texts, and scales with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


def num(value: float) -> str:
    """A coordinate: two decimals are a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def drawing(width: float, height: float, label: str, parts: Iterable[Markup]) -> Markup:
    """A drawing in pixels; `label` says what it shows to those who cannot see it."""
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(num(width), num(height), label)
    return head + Markup("").join(parts) + Markup("</svg>")


def text(x: float, y: float, content: str, css: str = "", anchor: str = "start") -> Markup:
    """A line of text; `y` is its baseline, `anchor` start, middle or end."""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        num(x), num(y), css, anchor, content
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """A straight line."""
    return Markup('<path d="M{} {}L{} {}" class="{}"/>').format(num(x1), num(y1), num(x2), num(y2), css)


def path(data: str, css: str, tip: str = "") -> Markup:
    """A path, with what it says when pointed at."""
    return Markup('<path d="{}" class="{}">{}</path>').format(data, css, _tip(tip))


def rect(x: float, y: float, width: float, height: float, css: str, tip: str = "") -> Markup:
    """A rectangle, with what it says when pointed at."""
    sides = (num(side) for side in (x, y, width, height))
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}">{}</rect>').format(*sides, css, _tip(tip))


def dot(x: float, y: float, radius: float, css: str, tip: str = "") -> Markup:
    """A circle, with what it says when pointed at."""
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}">{}</circle>').format(
        num(x), num(y), num(radius), css, _tip(tip)
    )


def _tip(tip: str) -> Markup:
    return Markup("<title>{}</title>").format(tip) if tip else Markup("")


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """The path through some points."""
    return "M" + "L".join(f"{num(x)} {num(y)}" for x, y in points)


@dataclass(frozen=True)
class Scale:
    """Values onto pixels: `low` at `start`, `high` at `end`, straight or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies [px]."""
        low, high, at = (math.log10(v) for v in (self.low, self.high, value)) if self.log else (
            self.low, self.high, value)  # fmt: skip
        return self.start + (at - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most `most` round values inside the scale (on a logarithmic one decades, or 1-2-5 where they are few)."""
        return _decades(self.low, self.high, most) if self.log else _steps(self.low, self.high, most)


def _steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(factor * power for factor in (1, 2, 5, 10, 20) if span / (factor * power) <= most)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = [factor * 10.0**n for n in range(first, last + 1) for factor in (1, 2, 5)]
    fine = [value for value in fine if low * 0.999 <= value <= high * 1.001]
    if len(fine) <= most:
        return fine
    whole = [10.0**n for n in range(first, last + 1) if low * 0.999 <= 10.0**n <= high * 1.001]
    return whole[:: max(1, math.ceil(len(whole) / most))]


def covering(low: float, high: float, most: int = 5) -> tuple[float, float]:
    """A straight scale's ends: the round values around `low` and `high`."""
    if high <= low:
        low, high = (low * 0.9, high * 1.1) if high > 0 else (low, low + 1.0)
    ticks = _steps(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else (high - low)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
