"""Numbers and names as people read them. Every number of the report is printed here, on the Python side."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence

from firstlight import units
from firstlight.twin.result import Prediction

_TYPESET = (
    (re.compile(r"\bm([23])\b"), lambda found: "m" + "²³"[int(found[1]) - 2]),
    (re.compile(r"(?<=\d) ([kMBT])(?=/s$)"), lambda found: found[1]),
    (re.compile(r"(?<= )us$"), lambda _: "µs"),
    (re.compile(r"(?<= )C$"), lambda _: "°C"),
    (re.compile(" "), lambda _: "\N{NO-BREAK SPACE}"),
)


def show(value: float, dimension: str, digits: int = 3) -> str:
    """A quantity as a book prints it: "70,000 m²", "3.1 µs", "887k/s"; number and unit stay on one line."""
    return _typeset(units.show(value, dimension, digits))


def _typeset(text: str) -> str:
    for pattern, repair in _TYPESET:
        text = pattern.sub(repair, text)
    return text


def count(value: float) -> str:
    """A count with separators: "100,000"."""
    return f"{value:,.0f}" if math.isfinite(value) else show(value, "number")


def per_second(value: float) -> str:
    """A rate without its unit, for a sentence that says it: "887k"."""
    return show(value, "rate").removesuffix("/s").strip()


def counted(value: float, unit: str) -> str:
    """A count of something: "9,000 m²"; without a unit of pieces."""
    return _typeset(f"{count(value)} {unit}".strip())


def share(value: float, digits: int = 3) -> str:
    """A fraction as a percentage: "41.2 %"."""
    return show(value, "fraction", digits)


def money(value: float) -> str:
    """US dollars: cents below 1,000 USD, three digits above: "270,000 USD", "5.56 million USD"."""
    if not math.isfinite(value):
        return show(value, "money")
    size, word = next(((s, w) for s, w in _MONEY if abs(value) >= s * 0.9995), (1.0, ""))
    plain = f"{value:,.2f}" if abs(value) < 1000 and value else units.show(value / size, "number")
    return f"{plain}{word} USD".replace(" ", "\N{NO-BREAK SPACE}")


_MONEY = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"))


def amount(value: float, dimension: str) -> str:
    """A quantity in words; money as `money`."""
    return money(value) if dimension == "money" else show(value, dimension)


def interval(value: Prediction, dimension: str) -> str:
    """The P10-P90 interval: "2.05 to 2.61 USD"."""
    return span(amount(value.p10, dimension), amount(value.p90, dimension))


def span(low: str, high: str) -> str:
    """From one printed quantity to another; a unit that both have is said once: "3.2 to 4.1 days"."""
    number, _, unit = low.partition("\N{NO-BREAK SPACE}")
    same = unit and high.partition("\N{NO-BREAK SPACE}")[2] == unit
    return f"{number if same else low} to {high}"


def p10_p90(value: Prediction, dimension: str) -> str:
    """The interval with its name: "P10–P90: 2.05 to 2.61 USD"."""
    return f"P10–P90: {interval(value, dimension)}"


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


def sentence(text: str) -> str:
    """With a capital at its beginning, unless it begins with a name, and a full stop."""
    first = text.partition(" ")[0]
    return (text[:1].upper() + text[1:] if first.isalpha() else text).removesuffix(".") + "."


def listed(items: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
