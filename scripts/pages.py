"""What the pages of scoreboards share: their tables, and when two of them say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from firstlight.operate.validation import Scoreboard

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Written by `python scripts/{script}`; do not edit. -->\n\n"
COLUMNS = """
| slice | cases | predicted | median | P90 | mean | bias | 80 % interval covers |
|---|---|---|---|---|---|---|---|
"""


def line(name: str, scores: dict[str, Any]) -> str:
    """One row of the table."""
    names = ("weighted_median_ape", "weighted_p90_ape", "weighted_mean_ape", "signed_bias", "interval80_coverage")
    return f"| {name} | {scores['cases']} | {scores['predicted']} | {' | '.join(share(scores[key]) for key in names)} |"


def share(value: float | None) -> str:
    """A share in per cent; empty where there is none."""
    return "" if value is None else f"{100 * value:.1f} %"


def table(board: Scoreboard) -> str:
    """All slices of a scoreboard."""
    summary = board.to_dict()
    rows = [line("all", summary)]
    rows += [
        line(f"{name}: {value}", scores) for name, parts in summary["by"].items() for value, scores in parts.items()
    ]
    return COLUMNS + "\n".join(rows) + "\n"


def same(ours: str, theirs: str, loose: float) -> bool:
    """Two pages say the same, numbers within `loose` of each other."""
    number = r"-?\d+\.\d+"
    if re.sub(number, "#", ours) != re.sub(number, "#", theirs):
        return False
    pairs = zip(re.findall(number, ours), re.findall(number, theirs), strict=True)
    return all(abs(float(a) - float(b)) <= loose for a, b in pairs)
