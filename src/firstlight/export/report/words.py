"""Numbers and names as people read them. Every number of the report is printed here, on the Python side."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence

import numpy as np

from firstlight import units
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

show = units.show


def count(value: float) -> str:
    """A count with separators: "100,000"."""
    return f"{value:,.0f}" if math.isfinite(value) else show(value, "number")


def share(value: float, digits: int = 3) -> str:
    """A fraction as a percentage: "41.2 %"."""
    return show(value, "fraction", digits)


def money(value: float) -> str:
    """US dollars: cents below 1,000 USD, three digits above."""
    return f"{value:,.2f} USD" if 0.01 <= abs(value) < 1000 else show(value, "money")


def amount(value: float, dimension: str) -> str:
    """A quantity in words; money as `money`."""
    return money(value) if dimension == "money" else show(value, dimension)


def interval(value: Prediction, dimension: str) -> str:
    """The P10-P90 interval: "2.05 USD to 2.61 USD"."""
    return f"{amount(value.p10, dimension)} to {amount(value.p90, dimension)}"


def spread(value: Prediction, dimension: str) -> str:
    """Median and interval for a table cell."""
    text = amount(value.p50, dimension)
    return f"{text} ({interval(value, dimension)})" if value.p10 < value.p90 else text


def date(value: dt.date) -> str:
    """A date without doubt: "14 March 2027"."""
    return f"{value.day} {value:%B %Y}"


def short_date(value: dt.date) -> str:
    """A date for a table: "14 Mar 2027"."""
    return f"{value.day} {value:%b %Y}"


def plural(number: float, one: str, many: str = "") -> str:
    """ "1 hall", "4 halls"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(items: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def axis(values: Iterable[float] | Floats, dimension: str) -> tuple[str, float]:
    """The unit for a chart's axis and what to divide the SI values by, so that the largest reads well.

    Returns:
        (unit's name, size of the unit in SI).
    """
    kind = units.DIMENSIONS[dimension]
    finite = [abs(float(value)) for value in np.asarray(values).ravel() if math.isfinite(value)]
    largest = max(finite, default=0.0)
    fitting = [unit for unit in kind.shown if kind.units.get(unit, 1.0) <= largest] or [kind.shown[0]]
    return fitting[-1], kind.units.get(fitting[-1], 1.0)


def rounded(value: float, digits: int = 4) -> float | None:
    """A number for a chart's data: few digits keep the file small; not finite is a gap."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None
