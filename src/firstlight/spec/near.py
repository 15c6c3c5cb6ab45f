""" "Did you mean": the nearest of the names that exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], count: int = 1) -> list[str]:
    """The names most like `name`, whatever their case; none where nothing is alike."""
    known = {each.lower(): each for each in names}
    return [known[match] for match in difflib.get_close_matches(name[:100].lower(), known, count)]


def hint(name: str, names: Iterable[str], otherwise: str) -> str:
    """A remedy for an unknown name."""
    close = nearest(name, names)
    return f'Did you mean "{close[0]}"?' if close else otherwise
