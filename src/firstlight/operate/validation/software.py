"""What the software of a measured run did, as values of the assumptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from firstlight.spec.assumptions import Assumptions, shipped, with_overrides

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LATEST = 2026.5
"""Year that stands for a run without a date."""


@cache
def table() -> Mapping[str, Any]:
    """Families of frameworks and switches, from data/software.yaml."""
    return yaml.load((resources.files("firstlight.data") / "software.yaml").read_text("utf-8"), Loader=_LOADER)


def family(framework: str) -> str:
    """The family of a framework; that of Megatron-Core where no word of any is known."""
    names = [entry["name"] for entry in table()["families"] if any(word in framework for word in entry["words"])]
    return names[0] if names else "megatron-core"


def year(date: str) -> float | None:
    """The first date in a text as a year with its fraction: "2025-02 (v25.02.01)" is 2025.125; None without one."""
    found = re.search(r"(20\d\d)(?:-(\d\d))?", date)
    if not found:
        return None
    month = int(found[2]) if found[2] and 1 <= int(found[2]) <= 12 else None
    return int(found[1]) + ((month - 0.5) / 12 if month else 0.5)


def assumptions(framework: str, switches: Iterable[str], date: str) -> tuple[Assumptions, tuple[str, ...]]:
    """The assumptions of a run of that software, and what was taken by default.

    Args:
        framework: as the row writes it.
        switches: features that the row names ("compile", "async_tp", ...); those that no assumption stands for are
            told as ignored.
        date: of the software, as the row writes it.
    """
    kind, when = family(framework), year(date)
    chosen: dict[str, str | float] = {"performance.software_year": LATEST if when is None else when}
    told = [] if when else [f"software of {LATEST:g}"]
    own = next(entry["assumptions"] for entry in table()["families"] if entry["name"] == kind)
    known = table()["switches"]
    for values in (own, *(known[name] for name in switches if name in known)):
        chosen |= {name: _value(name, value, chosen) for name, value in values.items()}
    told += [f"{name} is not modelled" for name in switches if name not in known]
    return with_overrides(shipped(), chosen), tuple(told)


def _value(name: str, value: str | float, chosen: Mapping[str, str | float]) -> str | float:
    """A value as written, or the factor of a star on what stands so far."""
    if not str(value).startswith("*"):
        return value
    entries = with_overrides(shipped(), {name: chosen[name]} if name in chosen else {})
    scaled = entries[name] * float(str(value)[1:])
    return f"{scaled * 1e6} us" if entries.entry(name).dimension == "time" else scaled
