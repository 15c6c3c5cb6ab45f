"""Units of one kind that share a load: which part by rule, how many, how many spare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from firstlight.errors import UsageError
from firstlight.facility.result import Plant
from firstlight.spec.design import Redundancy
from firstlight.spec.parts import Part

P = TypeVar("P", bound=Part)
_EDGE = 1e-9
_BLOCKS = 8
"""A load is spread over at least so many units where there are small enough ones."""


@dataclass(frozen=True)
class Bank(Generic[P]):
    """Some units of one part.

    Attributes:
        part: of the catalogue.
        count: all of them, spare ones included; they share the load.
        role: what they do, in words.
        sized_by: what asks for so many, in words.
    """

    part: P
    count: int
    role: str
    sized_by: str

    @property
    def plant(self) -> Plant:
        """As a line of the plant."""
        return Plant(self.part.id, self.role, self.count, self.sized_by)


def block(parts: Sequence[P], load: float, size: str, kind: str) -> P:
    """The largest part of which eight or more carry a load [W]; the smallest where all are larger.

    Args:
        parts: to choose from.
        load: [W].
        size: field that states what one carries [W].
        kind: of the parts, in words.

    Raises:
        UsageError: there is nothing to choose from.
    """
    if not parts:
        raise UsageError(f"the catalogue has no {kind}; add one")
    ordered = sorted(parts, key=lambda part: (getattr(part, size), part.id))
    fitting = [part for part in ordered if getattr(part, size) <= load / _BLOCKS]
    return fitting[-1] if fitting else ordered[0]


def needed(load: float, each: float) -> int:
    """Units that carry a load, each so much; at least one."""
    return max(1, math.ceil(load / each - _EDGE))


def with_spares(count: int, share: float) -> int:
    """Units with a share of them more, at least one."""
    return count + max(1, math.ceil(count * share - _EDGE))


def redundant(count: int, redundancy: Redundancy, groups: int) -> int:
    """Units with those that a failure may take: one more in each group (n+1), or all twice (2n)."""
    return {"n": count, "n+1": count + groups, "2n": 2 * count}[redundancy]
