"""Groups on the levels of a fabric: which domains share a leaf, a pod, a site, and what it costs to leave one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Tier:
    """Units of one kind that scale-up domains are joined in, from the leaf outwards.

    Attributes:
        name: "leaf", "pod", "site".
        domains: scale-up domains below one unit.
        taper: NIC bandwidth below a unit over what leaves it, at least 1.
        latency: of a hop that leaves a unit, beyond the library's own constant [s].
        crossing: NICs of a domain over those that can send at full speed from a unit to the next one: what a ring meets
            there, where single links join neighbours (dragonfly, slim fly, HyperX).
    """

    name: str
    domains: float
    taper: float = 1.0
    latency: float = 0.0
    crossing: float = 0.0


@dataclass(frozen=True)
class Group:
    """Members of a collective, everything broadcast.

    Attributes:
        inner: in one scale-up domain; domains: that the group spans.
        outer: sizes of the levels above the domain, as given; their product is `domains`.
        within: domains of the group in one unit of each tier.
    """

    inner: Floats
    domains: Floats
    outer: tuple[Floats, ...]
    within: tuple[Floats, ...]

    @property
    def ranks(self) -> Floats:
        """All members."""
        return self.inner * self.domains


def place(group: Sequence[ArrayLike], domain: float, tiers: Sequence[Tier]) -> Group:
    """A group given as sizes per level, from the inside out.

    The first size is in a scale-up domain, the next under one leaf, and so on; the last takes all that is left, and
    fills the tiers that are not told apart as densely as they allow. Ones at the end say nothing.

    Raises:
        UsageError: no level, more levels than the fabric has, a size below one, or more than fit a unit.
    """
    sizes = [np.asarray(level, np.float64) for level in group]
    while len(sizes) > 1 and sizes[-1].max() == sizes[-1].min() == 1:
        sizes.pop()
    named = ("domain", *(tier.name for tier in tiers))
    if not sizes or len(sizes) > len(named) + 1:
        raise UsageError(
            f"a group has from one to {len(named) + 1} levels on this fabric (in one {', in one '.join(named)}, across "
            f"them), not {len(sizes)}"
        )
    if not all(size.min() >= 1 for size in sizes):
        raise UsageError(f"group {_brief(sizes)}: each level is at least 1")
    if sizes[0].max() > domain:
        raise UsageError(
            f"group {_brief(sizes)}: a scale-up domain has {domain:,.0f} accelerators, not {sizes[0].max():,.0f}; "
            f"write at most {domain:.0f} at the first level, and further domains behind it"
        )
    outer = tuple(sizes[1:]) or (np.asarray(1.0),)
    return Group(sizes[0], _product(outer), outer, _within(outer, tiers, sizes))


def _within(outer: Sequence[Floats], tiers: Sequence[Tier], sizes: Sequence[Floats]) -> tuple[Floats, ...]:
    found: list[Floats] = []
    whole = _product(outer)
    for index, tier in enumerate(tiers):
        if index < len(outer) - 1:
            found.append(_product(outer[: index + 1]))
            if np.any(found[-1] > np.ceil(tier.domains)):
                raise UsageError(
                    f"group {_brief(sizes)}: a {tier.name} joins {tier.domains:,.0f} scale-up domains, and "
                    f"{found[-1].max():,.0f} of the group are to be in one"
                )
        else:
            below = found[-1] if found else np.asarray(1.0)
            found.append(np.minimum(whole, np.maximum(tier.domains, below)))
    return tuple(found)


def _product(sizes: Sequence[Floats]) -> Floats:
    found = sizes[0]
    for size in sizes[1:]:
        found = found * size
    return found


def _brief(sizes: Sequence[Floats]) -> str:
    words = (f"{size:g}" if size.ndim == 0 else f"{size.min():g}..{size.max():g}" for size in sizes)
    return " x ".join(words)
