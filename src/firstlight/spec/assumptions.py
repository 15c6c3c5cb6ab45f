"""Assumptions: every coefficient that is neither a part's nor the user's, with its unit, source and standing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal, cast

import yaml

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Standing = Literal["vendor", "measured", "published", "estimate"]


@dataclass(frozen=True)
class Assumption:
    """One coefficient.

    Attributes:
        name: "room.what" ("facility.ups_efficiency").
        value: in SI.
        dimension: a key of `units.DIMENSIONS`.
        text: as written ("96 %").
        source: where it is from.
        standing: vendor, measured, published or estimate; "user" where the plan replaced it.
        note: why this value (may be empty).
        least, most: what the value may be at the least and at the most, in SI, beyond which a model has no answer;
            None where there is no bound.
    """

    name: str
    value: float
    dimension: str
    text: str
    source: str
    standing: Standing | Literal["user"]
    note: str = ""
    least: float | None = None
    most: float | None = None


class Assumptions(Mapping[str, float]):
    """The assumptions of one run, by name; remembers which ones were read.

    `a["facility.ups_efficiency"]` is the SI value. `a.used()` lists the ones that the run has read, for the report.
    """

    def __init__(self, entries: Mapping[str, Assumption]):
        self._entries = dict(entries)
        self._used: dict[str, Assumption] = {}

    def __getitem__(self, name: str) -> float:
        entry = self._entries[name]
        self._used[name] = entry
        return entry.value

    @cached_property
    def varied(self) -> bool:
        """Some value is an array over configurations, as a fit tries them, and not one number."""
        values: list[object] = [entry.value for entry in self._entries.values()]
        return not all(isinstance(value, (int, float)) for value in values)

    def positive(self, name: str) -> float:
        """The value of an assumption that something is divided by.

        Raises:
            UsageError: the plan has set it to zero.
        """
        value = self[name]
        if value <= 0:
            raise UsageError(f"assumptions.{name} is {self._entries[name].text}; it must be more than zero")
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, name: str) -> Assumption:
        """One assumption with its source."""
        return self._entries[name]

    def used(self) -> tuple[Assumption, ...]:
        """The assumptions read so far, by name."""
        return tuple(self._used[name] for name in sorted(self._used))

    def over(self, values: Mapping[str, Assumption]) -> Assumptions:
        """The same with other values in the place of shipped ones, not of the plan's; reads are remembered here too."""
        return self.given({name: one for name, one in values.items() if self._entries[name].standing != "user"})

    def given(self, values: Mapping[str, Assumption]) -> Assumptions:
        """The same with other values, whatever stood there; reads are remembered here too."""
        found = Assumptions({**self._entries, **values})
        found._used = self._used
        return found


def shipped() -> dict[str, Assumption]:
    """The assumptions that firstlight comes with, by name."""
    return dict(_shipped())


@cache
def _shipped() -> dict[str, Assumption]:
    entries: dict[str, Assumption] = {}
    folder = resources.files("firstlight.data") / "assumptions"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            room = file.name.removesuffix(".yaml")
            raws = cast("dict[str, dict[str, str]]", yaml.load(file.read_text("utf-8"), Loader=_LOADER) or {})
            for key, raw in raws.items():
                entries[f"{room}.{key}"] = _entry(f"{room}.{key}", raw)
    return entries


def _entry(name: str, raw: dict[str, str]) -> Assumption:
    return Assumption(
        name=name,
        value=units.parse(raw["value"], raw["dimension"]),
        dimension=raw["dimension"],
        text=str(raw["value"]),
        source=raw["source"],
        standing=cast("Standing", raw["standing"]),
        note=raw.get("note", ""),
        least=units.parse(raw["least"], raw["dimension"]) if "least" in raw else None,
        most=units.parse(raw["most"], raw["dimension"]) if "most" in raw else None,
    )


def with_overrides(entries: Mapping[str, Assumption], overrides: Mapping[str, str | float]) -> Assumptions:
    """The assumptions of a run: shipped ones, with the plan's own values laid over them.

    Raises:
        DocumentError: a name that does not exist, or a value of another dimension; each with its remedy.
    """
    merged, problems = dict(entries), list[Problem]()
    for name, value in overrides.items():
        where = f"assumptions.{name}"
        if name not in entries:
            close = difflib.get_close_matches(name, entries, 1)
            remedy = f'Did you mean "{close[0]}"?' if close else "`firstlight catalog list assumptions` lists them all."
            problems.append(Problem(where, f'unknown assumption "{name}"', remedy))
            continue
        try:
            si = units.parse(value, entries[name].dimension)
        except units.UnitError as error:
            problems.append(Problem(where, str(error)))
            continue
        if reason := _absurd(si, entries[name]):
            problems.append(Problem(where, f"{value} {reason}", f"firstlight comes with {entries[name].text}."))
            continue
        merged[name] = replace(entries[name], value=si, text=str(value), source="the plan", standing="user")
    if problems:
        raise DocumentError(tuple(problems))
    return Assumptions(merged)


_MANY = 1_000_000
"""So many times what firstlight comes with is an error of typing, where the data does not say what the most is."""


def _absurd(value: float, entry: Assumption) -> str:
    """Why a value cannot stand for an assumption; "" where it can."""
    if value < 0 <= entry.value:
        return "is negative"
    if entry.least is not None and value < entry.least:
        return f"is less than {units.show(entry.least, entry.dimension)}"
    if entry.most is not None and value > entry.most:
        return f"is more than {units.show(entry.most, entry.dimension)}"
    if 0 < _MANY * abs(entry.value) < abs(value):
        return f"is more than {_MANY:,} times as much"
    if entry.dimension == "fraction" and entry.value <= 1 < value:
        return "is more than the whole"
    return ""
