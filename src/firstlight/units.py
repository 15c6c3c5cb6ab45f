"""Quantities at the door: read "400 Gb/s" into SI, print 5.0e10 B/s as "50 GB/s".

Inside firstlight every number is a plain SI float (s, B, B/s, FLOP/s, W, J, K, m, kg); this module is the only place
where a unit is a word. It imports nothing of ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0
WEEK = 7 * DAY
YEAR = 365.0 * DAY
CELSIUS_ZERO = 273.15

_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SMALL = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3}


class UnitError(ValueError):
    """A text that is not a quantity of the wanted dimension; the message says what to write instead."""


@dataclass(frozen=True)
class Dimension:
    """One kind of quantity.

    Attributes:
        si: unit of the float inside.
        units: what may be written, and how much of the SI unit it is.
        shown: units that `show` picks from, by size.
        example: what a user would write.
        bare: a number without a unit is understood (a count, a fraction).
        offsets: units that do not start at zero (degrees Celsius), and where they start in SI.
    """

    si: str
    units: Mapping[str, float]
    shown: tuple[str, ...]
    example: str
    bare: bool = False
    offsets: Mapping[str, float] = field(default_factory=dict[str, float])


def _scaled(unit: str, prefixes: Mapping[str, float], factor: float = 1.0) -> dict[str, float]:
    return {prefix + unit: scale * factor for prefix, scale in prefixes.items()}


_BYTES = {**_scaled("B", _PREFIXES | _BINARY), **_scaled("b", _PREFIXES, 0.125), **_scaled("bit", _PREFIXES, 0.125)}
_TIMES = {
    **_scaled("s", {"": 1.0, **_SMALL}),
    **dict.fromkeys(("second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("wk", "week", "weeks"), WEEK),
    **dict.fromkeys(("month", "months"), YEAR / 12),
    **dict.fromkeys(("yr", "year", "years"), YEAR),
}
_COUNTS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_WATTS = _scaled("W", _PREFIXES | {"m": 1e-3})
_WATT_HOURS = _scaled("Wh", _PREFIXES, HOUR)


def _per(tops: Mapping[str, float], bottoms: Mapping[str, float]) -> dict[str, float]:
    return {f"{top}/{bottom}": a / b for top, a in tops.items() for bottom, b in bottoms.items()}


_MONEY = {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6, "BUSD": 1e9}
_SECONDS = {"s": 1.0, "second": 1.0}

DIMENSIONS: Mapping[str, Dimension] = {
    "number": Dimension("", {"": 1.0}, ("",), "1.2", bare=True),
    "count": Dimension("", _COUNTS, ("", "k", "M", "B", "T"), "100_000", bare=True),
    "fraction": Dimension("", {"": 1.0, "%": 0.01}, ("%",), "95 %", bare=True),
    "tokens": Dimension(
        "",
        {**_COUNTS, **{f"{k} {w}".strip(): v for k, v in _COUNTS.items() for w in ("token", "tokens")}},
        ("tokens", "k tokens", "M tokens", "B tokens", "T tokens"),
        "15T tokens",
        bare=True,
    ),
    "time": Dimension("s", _TIMES, ("ns", "us", "ms", "s", "min", "h", "days"), "60 days"),
    "rate": Dimension(
        "1/s",
        _per({k: v for k, v in _COUNTS.items()}, {k: v for k, v in _TIMES.items() if not k.endswith("onds")}),
        ("/s", "k/s", "M/s", "B/s"),
        "400 /s",
    ),
    "bytes": Dimension("B", _BYTES, ("B", "kB", "MB", "GB", "TB", "PB", "EB"), "80 GB"),
    "bandwidth": Dimension(
        "B/s",
        {**_per(_BYTES, _SECONDS), **{f"{p}bps": v / 8 for p, v in _PREFIXES.items()}},
        ("B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s", "EB/s"),
        "400 Gb/s",
    ),
    "compute": Dimension(
        "FLOP/s",
        {**_scaled("FLOP/s", _PREFIXES), **_scaled("FLOPS", _PREFIXES), **_scaled("OP/s", _PREFIXES)},
        ("FLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s"),
        "989 TFLOP/s",
    ),
    "power": Dimension("W", _WATTS, ("mW", "W", "kW", "MW", "GW"), "150 MW"),
    "energy": Dimension("J", {**_scaled("J", _PREFIXES), **_WATT_HOURS}, ("J", "kWh", "MWh", "GWh", "TWh"), "150 MWh"),
    "area": Dimension(
        "m2", {"m2": 1.0, "m^2": 1.0, "m²": 1.0, "ha": 1e4, "km2": 1e6, "ft2": 0.09290304, "sqft": 0.09290304,
               "acres": 4046.8564224, "acre": 4046.8564224}, ("m2",), "70000 m2",
    ),
    "length": Dimension(
        "m", {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "ft": 0.3048, "mi": 1609.344}, ("mm", "m", "km"), "2.4 m"
    ),
    "mass": Dimension("kg", {"g": 1e-3, "kg": 1.0, "t": 1e3, "lb": 0.45359237, "kt": 1e6, "Mt": 1e9},
                      ("g", "kg", "t", "kt", "Mt"), "1360 kg"),
    "temperature": Dimension(
        "K", {"K": 1.0, "C": 1.0, "degC": 1.0, "°C": 1.0, "F": 5 / 9, "degF": 5 / 9, "°F": 5 / 9}, ("C",), "25 C",
        offsets={"C": CELSIUS_ZERO, "degC": CELSIUS_ZERO, "°C": CELSIUS_ZERO,
                 **dict.fromkeys(("F", "degF", "°F"), CELSIUS_ZERO - 32 * 5 / 9)},
    ),
    "temperature difference": Dimension("K", {"K": 1.0}, ("K",), "8 K"),
    "volume": Dimension("m3", {"m3": 1.0, "l": 1e-3, "L": 1e-3, "gal": 3.785411784e-3}, ("l", "m3"), "10 m3"),
    "flow": Dimension(
        "m3/s", _per({"m3": 1.0, "l": 1e-3, "L": 1e-3}, {"s": 1.0, "min": 60.0, "h": HOUR}), ("l/min", "m3/h"), "100 l/min"
    ),
    "frequency": Dimension("Hz", _scaled("Hz", _PREFIXES), ("Hz", "kHz", "MHz", "GHz"), "1.98 GHz"),
    "speed": Dimension("m/s", {"m/s": 1.0, "km/h": 1 / 3.6}, ("m/s",), "2 m/s"),
    "money": Dimension("USD", _MONEY, ("USD", "kUSD", "MUSD", "BUSD"), "25000 USD"),
    "energy price": Dimension("USD/J", _per(_MONEY, {"kWh": 1e3 * HOUR, "MWh": 1e6 * HOUR, "J": 1.0}), ("USD/MWh",), "60 USD/MWh"),
    "power price": Dimension("USD/W", _per(_MONEY, {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}), ("USD/W",), "11 USD/W"),
    "area price": Dimension("USD/m2", _per(_MONEY, {"m2": 1.0}), ("USD/m2",), "2000 USD/m2"),
    "length price": Dimension("USD/m", _per(_MONEY, {"m": 1.0}), ("USD/m",), "2 USD/m"),
    "volume price": Dimension("USD/m3", _per(_MONEY, {"m3": 1.0, "l": 1e-3}), ("USD/m3",), "2 USD/m3"),
    "carbon intensity": Dimension("kg/J", _per({"g": 1e-3, "kg": 1.0}, {"kWh": 1e3 * HOUR, "MWh": 1e6 * HOUR, "J": 1.0}), ("g/kWh",), "400 g/kWh"),
    "water intensity": Dimension("m3/J", _per({"l": 1e-3, "L": 1e-3, "m3": 1.0}, {"kWh": 1e3 * HOUR, "MWh": 1e6 * HOUR, "J": 1.0}), ("l/kWh",), "1.8 l/kWh"),
    "power density": Dimension("W/m2", _per({"W": 1.0, "kW": 1e3}, {"m2": 1.0}), ("W/m2", "kW/m2"), "5 kW/m2"),
}  # fmt: skip

_QUANTITY = re.compile(r"^\s*([+-]?(?:\d[\d_]*(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


def _dimension(name: str) -> Dimension:
    return DIMENSIONS[name]


def parse(value: object, dimension: str) -> float:
    """The SI value of a text such as "400 Gb/s".

    Args:
        value: a text; or a number where the dimension needs no unit.
        dimension: a key of `DIMENSIONS`.

    Returns:
        Value in the dimension's SI unit.

    Raises:
        UnitError: not a number, no unit, or a unit of another dimension; says what to write.
    """
    kind = _dimension(dimension)
    article = "an" if dimension[0] in "aeiou" else "a"
    hint = f'write {article} {dimension} such as "{kind.example}"'
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UnitError(f"{_printed(value)} is not {article} {dimension}; {hint}")
    if not isinstance(value, str):
        if not kind.bare:
            raise UnitError(f"{_printed(value)} has no unit; {hint}")
        try:
            return _finite(float(value), _printed(value), hint)
        except OverflowError:
            raise UnitError(f"{_printed(value)} is too large; {hint}") from None
    match = _QUANTITY.match(value)
    if not match or len(value) > 100:
        raise UnitError(f"{_printed(value)} is not {article} {dimension}; {hint}")
    number, unit = float(match[1].replace("_", "").replace(",", "")), re.sub(r"\s*/\s*", "/", match[2])
    if unit not in kind.units:
        raise UnitError(_wrong_unit(value, unit, dimension, hint))
    return _finite(number * kind.units[unit] + kind.offsets.get(unit, 0.0), _printed(value), hint)


def _printed(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + "..."


def _finite(number: float, printed: str, hint: str) -> float:
    if not math.isfinite(number):
        raise UnitError(f"{printed} is not a finite number; {hint}")
    return number


def _wrong_unit(value: str, unit: str, dimension: str, hint: str) -> str:
    if not unit:
        return f"{_printed(value)} has no unit; {hint}"
    folded = [known for known in DIMENSIONS[dimension].units if known.lower() == unit.lower()]
    if folded:
        return f'{_printed(value)}: unknown unit "{unit}"; did you mean "{folded[0]}"?'
    others = [name for name, kind in DIMENSIONS.items() if unit in kind.units]
    if others:
        return f'{_printed(value)}: "{unit}" is a unit of {others[0]}, not of {dimension}; {hint}'
    return f'{_printed(value)}: unknown unit "{unit}"; {hint}'


def show(value: float, dimension: str, digits: int = 3) -> str:
    """A quantity as people read it, in the largest unit that leaves at least 1: "50 GB/s".

    Args:
        value: in the dimension's SI unit.
        dimension: a key of `DIMENSIONS`.
        digits: significant digits.
    """
    kind = _dimension(dimension)
    if not math.isfinite(value):
        return "not known" if math.isnan(value) else "unlimited"
    unit = kind.shown[0]
    for candidate in kind.shown:
        if abs(value) >= kind.units.get(candidate, 1.0) * (1 - 0.5 * 10.0**-digits):
            unit = candidate
    scaled = (value - kind.offsets.get(unit, 0.0)) / kind.units.get(unit, 1.0)
    return _join(_digits(scaled, digits), unit)


def _digits(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _join(number: str, unit: str) -> str:
    return number + unit if unit.startswith("/") and False else f"{number} {unit}".strip()


def exact(value: float, dimension: str) -> str | float:
    """A text that `parse` reads back as exactly this value (a number where the dimension needs no unit)."""
    kind = _dimension(dimension)
    if kind.bare:
        return int(value) if value.is_integer() and abs(value) < 1e18 else value
    for unit in (*reversed(kind.shown), *kind.units):
        scaled = (value - kind.offsets.get(unit, 0.0)) / kind.units.get(unit, 1.0)
        for number in (f"{scaled:.12g}", repr(scaled)):
            if (abs(scaled) >= 1 or value == 0) and unit in kind.units and parse(f"{number} {unit}", dimension) == value:
                return f"{number} {unit}"
    for unit in kind.units:
        scaled = (value - kind.offsets.get(unit, 0.0)) / kind.units[unit]
        if parse(f"{scaled!r} {unit}", dimension) == value:
            return f"{scaled!r} {unit}"
    return f"{value!r} {kind.si}"
