"""The lead-time table: how long an order takes until it is on the site."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NEWEST = 1
"""A generation first shipped at most so many years before the order is the newest."""


@dataclass(frozen=True)
class LeadTime:
    """From order to delivery [s]: as published low and high, typical as assumed or as the plan says."""

    item: str
    low: float
    typical: float
    high: float
    source: str
    standing: str


SECURED = LeadTime("", 0.0, 0.0, 0.0, "secured before the start", "user")
"""Of what the plan says is there when the build needs it."""


@cache
def table() -> dict[str, dict[str, str]]:
    """The ranges that firstlight comes with, by key."""
    file = resources.files("firstlight.data") / "leadtimes.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def lead_time(key: str, a: Assumptions) -> LeadTime:
    """The lead time of one key. A time that the plan gives has no range.

    Raises:
        UsageError: no such key; names the nearest one.
    """
    if key not in table():
        close = difflib.get_close_matches(key, table(), 1)
        hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(table())}"
        raise UsageError(f'no lead time for "{key}"; {hint}')
    name, row = f"schedule.lead_{key}", table()[key]
    typical, entry = a[name], a.entry(name)
    if entry.standing == "user":
        return LeadTime(row["item"], typical, typical, typical, entry.source, entry.standing)
    low, high = (units.parse(row[bound], "time") for bound in ("low", "high"))
    return LeadTime(row["item"], min(low, typical), typical, max(high, typical), row["source"], row["standing"])


def generation_key(lead: str, released: int | None, year: int) -> str:
    """The key of the table: accelerators of the newest generation have their own."""
    newest = lead == "accelerators" and released is not None and year - released <= NEWEST
    return "accelerators-new" if newest else lead
