"""What the software of a measured run did, as values of the assumptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from firstlight import units
from firstlight.spec.assumptions import Assumption, Assumptions, shipped

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LATEST = 2026.5
"""Year that stands for a run without a date."""


@dataclass(frozen=True)
class Factor:
    """A value that multiplies the shipped one; over many configurations an array of them."""

    by: float


@cache
def table() -> Mapping[str, Any]:
    """Families of frameworks and switches, from data/software.yaml."""
    return yaml.load((resources.files("firstlight.data") / "software.yaml").read_text("utf-8"), Loader=_LOADER)


def family(framework: str) -> str:
    """The family of a framework; that of Megatron-Core where no word of any is known."""
    names = [entry["name"] for entry in table()["families"] if any(word in framework for word in entry["words"])]
    return names[0] if names else "megatron-core"


def noted(notes: str) -> tuple[str, ...]:
    """The switches that a row's notes name, in words of data/software.yaml."""
    return tuple(switch for words, switch in table()["notes"].items() if words in notes)


def known_framework(framework: str) -> bool:
    """Some family has a word of it."""
    return any(word in framework for entry in table()["families"] for word in entry["words"])


def year(date: str) -> float | None:
    """The first date in a text as a year with its fraction: "2025-02 (v25.02.01)" is 2025.125; None without one."""
    found = re.search(r"(20\d\d)(?:-(\d\d))?", date)
    if not found:
        return None
    month = int(found[2]) if found[2] and 1 <= int(found[2]) <= 12 else None
    return int(found[1]) + ((month - 0.5) / 12 if month else 0.5)


def assumptions(
    framework: str,
    switches: Iterable[str],
    date: str,
    entries: Mapping[str, Assumption] | None = None,
    families: Mapping[str, Mapping[str, float | str | Factor]] | None = None,
) -> tuple[Assumptions, tuple[str, ...]]:
    """The assumptions of a run of that software, and what was taken by default.

    Args:
        framework: as the row writes it.
        switches: features that the row names ("compile", "async_tp", ...); those that no assumption stands for are
            told as ignored.
        date: of the software, as the row writes it.
        entries: assumptions to start from; None: the shipped ones.
        families: values that stand in for those of data/software.yaml, by family and name.
    """
    kind, when = family(framework), year(date)
    merged = dict(shipped() if entries is None else entries)
    told = [] if when else [f"software of {LATEST:g}" + (f', as "{date[:40]}" is no date' if date else "")]
    if framework and not known_framework(framework):
        told.append(f'framework "{framework[:40]}" is taken as Megatron-Core')
    own = next(entry["assumptions"] for entry in table()["families"] if entry["name"] == kind)
    known = table()["switches"]
    lacks = [before for release, before in table()["since"].items() if when is not None and when < (year(release) or 0)]
    values: list[Mapping[str, float | str | Factor]] = [{"performance.software_year": LATEST if when is None else when}]
    values += [*lacks, {**own, **(families or {}).get(kind, {})}, *(known[name] for name in switches if name in known)]
    for each in values:
        for name, value in each.items():
            merged[name] = _with(merged[name], value)
    told += [f"{name} is not modelled" for name in switches if name not in known]
    return Assumptions(merged), tuple(told)


def _with(entry: Assumption, value: float | str | Factor) -> Assumption:
    """An assumption with another value: SI or with its unit, or a factor on what stands ("*0.87")."""
    if isinstance(value, str) and value.startswith("*"):
        value = Factor(float(value[1:]))
    if isinstance(value, Factor):
        return replace(entry, value=entry.value * value.by)
    number = units.parse(value, entry.dimension) if isinstance(value, str) else value
    return replace(entry, value=number, text=str(value))
