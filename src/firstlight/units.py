"""Quantities at the door: read "400 Gb/s" into SI, print 5.0e10 B/s as "50 GB/s".

Inside firstlight every number is a plain SI float (s, B, B/s, FLOP/s, W, J, K, m, kg); this module is the only place
where a unit is a word. It imports nothing of ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
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


def _per(tops: Mapping[str, float], bottoms: Mapping[str, float]) -> dict[str, float]:
    return {f"{top}/{bottom}": a / b for top, a in tops.items() for bottom, b in bottoms.items()}


_BYTES = {**_scaled("B", _PREFIXES | _BINARY), **_scaled("b", _PREFIXES, 0.125), **_scaled("bit", _PREFIXES, 0.125)}
_BPS = _scaled("bps", _PREFIXES, 0.125)
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
_SINGULAR = {unit: scale for unit, scale in _TIMES.items() if len(unit) < 3 or not unit.endswith("s")}
_COUNTS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_TOKENS = {f"{count} {word}".strip(): n for count, n in _COUNTS.items() for word in ("", "token", "tokens")}
_FLOPS = {**_scaled("FLOP/s", _PREFIXES), **_scaled("FLOPS", _PREFIXES), **_scaled("OP/s", _PREFIXES)}
_WATTS = _scaled("W", _PREFIXES | {"m": 1e-3})
_JOULES = {**_scaled("J", _PREFIXES | _SMALL | {"p": 1e-12}), **_scaled("Wh", _PREFIXES, HOUR)}
_ENERGIES = {"kWh": 1e3 * HOUR, "MWh": 1e6 * HOUR, "J": 1.0}
_FEET2 = 0.3048**2
_ACRE = 43560 * _FEET2
_AREAS = {
    **dict.fromkeys(("m2", "m^2", "m²"), 1.0),
    "ha": 1e4,
    "km2": 1e6,
    "ft2": _FEET2,
    "sqft": _FEET2,
    "acre": _ACRE,
    "acres": _ACRE,
}
_LENGTHS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "ft": 0.3048, "mi": 1609.344}
_MASSES = {"g": 1e-3, "kg": 1.0, "t": 1e3, "lb": 0.45359237, "kt": 1e6, "Mt": 1e9}
_VOLUMES = {"m3": 1.0, "l": 1e-3, "L": 1e-3}
_CELSIUS, _FAHRENHEIT = ("C", "degC", "°C"), ("F", "degF", "°F")
_TEMPERATURES = {"K": 1.0, **dict.fromkeys(_CELSIUS, 1.0), **dict.fromkeys(_FAHRENHEIT, 5 / 9)}
_ZEROS = {
    **dict.fromkeys(_CELSIUS, CELSIUS_ZERO),
    **dict.fromkeys(_FAHRENHEIT, CELSIUS_ZERO - 32 * 5 / 9),
}
_MONEY = {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6, "BUSD": 1e9}


def _shown(units: str, suffix: str = "") -> tuple[str, ...]:
    return tuple(unit + suffix for unit in units.split())


DIMENSIONS: Mapping[str, Dimension] = {
    "number": Dimension("", {"": 1.0}, ("",), "1.2", bare=True),
    "count": Dimension("", _COUNTS, ("", "k", "M", "B", "T"), "100_000", bare=True),
    "fraction": Dimension("", {"": 1.0, "%": 0.01}, ("%",), "95 %", bare=True),
    "tokens": Dimension("", _TOKENS, ("tokens", *_shown("k M B T", " tokens")), "15T tokens", bare=True),
    "time": Dimension("s", _TIMES, _shown("ns us ms s min h days"), "60 days"),
    "rate": Dimension("1/s", _per(_COUNTS, _SINGULAR), _shown("/s k/s M/s"), "400 /s"),
    "bytes": Dimension("B", _BYTES, _shown("B kB MB GB TB PB EB"), "80 GB"),
    "bandwidth": Dimension(
        "B/s", {**_per(_BYTES, {"s": 1.0, "second": 1.0}), **_BPS}, _shown("B kB MB GB TB PB EB", "/s"), "400 Gb/s"
    ),
    "compute": Dimension("FLOP/s", _FLOPS, _shown("FLOP MFLOP GFLOP TFLOP PFLOP EFLOP", "/s"), "989 TFLOP/s"),
    "power": Dimension("W", _WATTS, _shown("mW W kW MW GW"), "150 MW"),
    "energy": Dimension("J", _JOULES, _shown("J kWh MWh GWh TWh"), "150 MWh"),
    "area": Dimension("m2", _AREAS, ("m2",), "70000 m2"),
    "length": Dimension("m", _LENGTHS, _shown("mm m km"), "2.4 m"),
    "mass": Dimension("kg", _MASSES, _shown("g kg t kt Mt"), "1360 kg"),
    "temperature": Dimension("K", _TEMPERATURES, ("C",), "25 C", offsets=_ZEROS),
    "temperature difference": Dimension("K", {"K": 1.0}, ("K",), "8 K"),
    "volume": Dimension("m3", {**_VOLUMES, "gal": 3.785411784e-3}, _shown("l m3"), "10 m3"),
    "flow": Dimension("m3/s", _per(_VOLUMES, {"s": 1.0, "min": 60.0, "h": HOUR}), _shown("l/min m3/h"), "100 l/min"),
    "frequency": Dimension("Hz", _scaled("Hz", _PREFIXES), _shown("Hz kHz MHz GHz"), "1.98 GHz"),
    "speed": Dimension("m/s", {"m/s": 1.0, "km/h": 1 / 3.6}, ("m/s",), "2 m/s"),
    "money": Dimension("USD", _MONEY, _shown("USD kUSD MUSD BUSD"), "25000 USD"),
    "energy price": Dimension("USD/J", _per(_MONEY, _ENERGIES), ("USD/MWh",), "60 USD/MWh"),
    "power price": Dimension(
        "USD/W", _per(_MONEY, {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}), ("USD/W",), "11 USD/W"
    ),
    "area price": Dimension("USD/m2", _per(_MONEY, {"m2": 1.0}), ("USD/m2",), "2000 USD/m2"),
    "length price": Dimension("USD/m", _per(_MONEY, {"m": 1.0}), ("USD/m",), "2 USD/m"),
    "volume price": Dimension("USD/m3", _per(_MONEY, _VOLUMES), ("USD/m3",), "2 USD/m3"),
    "carbon intensity": Dimension("kg/J", _per({"g": 1e-3, "kg": 1.0}, _ENERGIES), ("g/kWh",), "400 g/kWh"),
    "water intensity": Dimension("m3/J", _per(_VOLUMES, _ENERGIES), ("l/kWh",), "1.8 l/kWh"),
    "power density": Dimension("W/m2", _per({"W": 1.0, "kW": 1e3}, {"m2": 1.0}), _shown("W/m2 kW/m2"), "5 kW/m2"),
}

_NUMBER = r"[+-]?(?:[0-9][0-9_]*(?:,[0-9]{3})*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")
_LONGEST = 100


def parse(value: object, dimension: str, example: str = "") -> float:
    """The SI value of a text such as "400 Gb/s".

    Args:
        value: a text; or a number where the dimension needs no unit.
        dimension: a key of `DIMENSIONS`.
        example: what messages say to write; left out: the dimension's own.

    Returns:
        Value in the dimension's SI unit.

    Raises:
        UnitError: not a number, no unit, or a unit of another dimension; says what to write.
    """
    kind = DIMENSIONS[dimension]
    hint = f'write {_a(dimension)} such as "{example or kind.example}"'
    if not isinstance(value, str):
        return _bare(value, dimension, hint)
    match = _QUANTITY.fullmatch(value) if len(value) <= _LONGEST else None
    if not match:
        raise UnitError(f"{printed(value)} is not {_a(dimension)}; {hint}")
    number, unit = float(re.sub("[_,]", "", match[1])), _tidy(match[2])
    if unit not in kind.units:
        raise UnitError(_wrong_unit(value, unit, dimension, hint))
    return _finite(number * kind.units[unit] + kind.offsets.get(unit, 0.0), value, hint)


def _bare(value: object, dimension: str, hint: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnitError(f"{printed(value)} is not {_a(dimension)}; {hint}")
    if not DIMENSIONS[dimension].bare:
        raise UnitError(f"{printed(value)} has no unit; {hint}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return _finite(number, value, hint)


def _finite(number: float, value: object, hint: str) -> float:
    if not math.isfinite(number):
        raise UnitError(f"{printed(value)} is not a finite number; {hint}")
    return number


def _tidy(unit: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\s*/\s*", "/", unit))


def _wrong_unit(value: str, unit: str, dimension: str, hint: str) -> str:
    if not unit:
        return f"{printed(value)} has no unit; {hint}"
    folded = [known for known in DIMENSIONS[dimension].units if known.lower() == unit.lower()]
    if folded:
        return f"{printed(value)}: unknown unit {printed(unit)}; did you mean {printed(folded[0])}?"
    others = [name for name, kind in DIMENSIONS.items() if unit in kind.units]
    if others:
        return f"{printed(value)}: {printed(unit)} is a unit of {others[0]}, not of {dimension}; {hint}"
    return f"{printed(value)}: unknown unit {printed(unit)}; {hint}"


_NOUNS = {
    "bytes": "a number of bytes",
    "compute": "a compute rate",
    "money": "a sum of money",
    "tokens": "a number of tokens",
}


def _a(dimension: str) -> str:
    if dimension in _NOUNS:
        return _NOUNS[dimension]
    return f"{'an' if dimension[0] in 'aeiou' else 'a'} {dimension}"


def printed(value: object, longest: int = 60) -> str:
    """A user's value as a message quotes it: on one line, in quotes where it is a text, cut where it is long."""
    text = f'"{value}"' if isinstance(value, str) else _digits_of(value) if isinstance(value, int) else repr(value)
    text = text if len(text) <= longest else text[: longest - 4] + "..." + ('"' if isinstance(value, str) else "")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _digits_of(value: int) -> str:
    # Python refuses to print integers of more than 4300 digits.
    return repr(value) if abs(value) < 10**60 else "a number of more than 60 digits"


def show(value: float, dimension: str, digits: int = 3) -> str:
    """A quantity as people read it, in the largest unit that leaves at least 1: "50 GB/s", "15T tokens".

    Args:
        value: in the dimension's SI unit.
        dimension: a key of `DIMENSIONS`.
        digits: significant digits.
    """
    kind = DIMENSIONS[dimension]
    if not math.isfinite(value):
        return "not known" if math.isnan(value) else "unlimited"
    unit = kind.shown[0] if value else next((u for u in kind.shown if kind.units[u] == 1), kind.shown[0])
    for candidate in kind.shown:
        if abs(value) >= kind.units[candidate] * (1 - 0.5 * 10.0**-digits):
            unit = candidate
    return _join(_digits((value - kind.offsets.get(unit, 0.0)) / kind.units[unit], digits), unit)


def _digits(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _join(number: str, unit: str) -> str:
    """The multiples of a count stand close to the number, as people write them: "100k", "15T tokens"."""
    close = unit.split(" ")[0] in ("k", "M", "B", "T")
    return number + unit if close else f"{number} {unit}".strip()


def exact(value: float, dimension: str) -> str | float:
    """A text that `parse` reads back as exactly this value (a plain number for counts and numbers)."""
    kind = DIMENSIONS[dimension]
    if dimension in ("number", "count"):
        return int(value) if value.is_integer() and abs(value) < 1e18 else value
    for text in _writings(value, kind):
        if parse(text, dimension) == value:
            return text
    return value if kind.bare else f"{value!r} {_unit_of_one(kind)}"


def _writings(value: float, kind: Dimension) -> Iterator[str]:
    """Ways to write a value, the most readable first: short before long, large units before small ones."""
    for long in (False, True):
        for unit in reversed(kind.shown):
            scaled = (value - kind.offsets.get(unit, 0.0)) / kind.units[unit]
            if abs(scaled) >= 1 or value == 0 or unit == kind.shown[0]:
                yield _join(repr(scaled) if long else f"{scaled:.12g}", unit)


def _unit_of_one(kind: Dimension) -> str:
    return next(unit for unit, scale in kind.units.items() if scale == 1 and unit not in kind.offsets)


def pattern(dimension: str) -> str:
    """Regular expression (of JSON Schema, ECMA-262) that the texts of a dimension match."""
    names = (unit.replace("^", r"\^") for unit in DIMENSIONS[dimension].units)
    spaced = (re.sub(r" ?/", r"\\s*/\\s*", name).replace(" ", r"\s+") for name in names)
    return rf"^\s*{_NUMBER}\s*({'|'.join(sorted(spaced))})\s*$"
