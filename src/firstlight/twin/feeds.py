"""Which UPS block feeds a rack, and which coolant unit cools it: neighbours share one, and none is over its rating."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.parts import Cdu, Ups
from firstlight.twin.protocols import Floats, Ints

_EDGE = 1e-9


@dataclass(frozen=True)
class Shared:
    """Racks that share blocks.

    Attributes:
        block: of each rack; -1 where it needs none [racks].
        load: on each block [blocks].
    """

    block: NDArray[np.int32]
    load: Floats


def feeds(design: Design, power: Floats, hall: Ints, catalog: Catalog) -> Shared:
    """UPS blocks, or one feed for each hall where the design has none.

    Args:
        design: with `power.ups` resolved.
        power: greatest of each rack [W] [racks].
        hall: of each rack, ascending [racks].
        catalog: parts.

    Raises:
        UsageError: the UPS is open, or a rack is more than one block.
    """
    if design.power.ups is None:
        raise UsageError('design.power.ups is open; write a UPS id of the catalogue, or "none"')
    if design.power.ups == "none":
        return Shared(hall.astype(np.int32), np.bincount(hall, power).astype(np.float64))
    ups = catalog.part(Ups, design.power.ups)
    _require(power, ups.rating, "draws", f"design.power.ups: {ups.id}", "UPS")
    return share(power, ups.rating, hall)


def loops(design: Design, liquid: Floats, hall: Ints, catalog: Catalog) -> Shared:
    """Coolant distribution units of the racks that give heat to liquid; one for each where they stand in the rack.

    Args:
        design: with `cooling.cdu` resolved where there is such heat.
        liquid: heat to liquid of each rack [W] [racks].
        hall: of each rack, ascending [racks].
        catalog: parts.

    Raises:
        UsageError: the CDU is open or has no effect, or a rack gives more heat than one takes.
    """
    if not np.any(liquid > 0):
        if design.cooling.cdu is not None:
            raise UsageError("design.cooling.cdu has no effect: no rack gives heat to liquid; remove it")
        return Shared(np.full(len(liquid), -1, np.int32), np.zeros(0))
    if design.cooling.cdu is None:
        raise UsageError("design.cooling.cdu is open; write a CDU id of the catalogue")
    cdu = catalog.part(Cdu, design.cooling.cdu)
    _require(liquid, cdu.capacity, "gives to liquid", f"design.cooling.cdu: {cdu.id}", "CDU")
    wet = np.flatnonzero(liquid > 0)
    own = Shared(np.arange(len(wet), dtype=np.int32), liquid[wet])
    shared = own if cdu.place == "rack" else share(liquid[wet], cdu.capacity, hall[wet])
    block = np.full(len(liquid), -1, np.int32)
    block[wet] = shared.block
    return Shared(block, shared.load)


def _require(load: Floats, limit: float, does: str, where: str, kind: str) -> None:
    most = float(load.max())
    if most > limit * (1 + _EDGE):
        raise UsageError(
            f"{where}: takes {units.show(limit, 'power')}, and one rack {does} {units.show(most, 'power')}; "
            f"choose a larger {kind}"
        )


def share(load: Floats, limit: float, hall: Ints) -> Shared:
    """Hang racks on blocks in their order: hall by hall, as few as the order allows, none a rack above their mean.

    Args:
        load: of each rack, none over the limit [racks].
        limit: of a block.
        hall: of each rack, ascending [racks].
    """
    bounds = np.append(np.unique(hall, return_index=True)[1], len(load))
    starts = np.concatenate([low + _starts(load[low:high], limit) for low, high in pairwise(bounds.tolist())])
    block = np.zeros(len(load), np.int32)
    block[starts[1:]] = 1
    return Shared(np.cumsum(block, dtype=np.int32), np.add.reduceat(load, starts))


def _starts(load: Floats, limit: float) -> Ints:
    """First rack of each block of one hall.

    Blocks closed as late as possible are the fewest. Closing each at the mean plus one rack needs no more of them,
    because each then holds at least the mean.
    """
    fewest = _closed_at(load, limit)
    even = _closed_at(load, min(limit, float(load.sum()) / len(fewest) + float(load.max())))
    return even if len(even) <= len(fewest) else fewest


def _closed_at(load: Floats, limit: float) -> Ints:
    """First rack of each block when a block is closed by the rack that would take it over the limit."""
    total = np.cumsum(load)
    starts, first, before = list[int](), 0, 0.0
    while first < len(load):
        starts.append(first)
        fits = int(np.searchsorted(total, before + limit * (1 + _EDGE), side="right"))
        first = max(fits, first + 1)
        before = float(total[first - 1])
    return np.array(starts)
