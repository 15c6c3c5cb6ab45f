"""Where a device stands in its rack, in rack units counted from the bottom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Ints


def ranks(homes: NDArray[np.integer]) -> Ints:
    """How many of the same home come before each; like `homes`."""
    order = np.argsort(homes, kind="stable")
    ranked = homes[order]
    rank = np.empty(len(homes), np.int64)
    rank[order] = np.arange(len(homes)) - np.searchsorted(ranked, ranked, side="left")
    return rank


def switch_units(factory: Factory, tier: int, height: float) -> Ints:
    """Lowest unit of each switch of a tier [switches]; each is `height` tall [U] and stands on the one before it."""
    return 1 + np.ceil(ranks(factory.switch_rack[tier]) * height).astype(np.int64)


def system_units(factory: Factory) -> Ints:
    """Lowest unit of each node [nodes]: servers fill their racks from the bottom.

    A rack-scale system brings cabinets without a height of ours: its nodes count as the trays that they are.
    """
    system = factory.system
    node = np.arange(factory.nodes)
    systems = node // system.nodes
    tray = node % system.nodes
    place = systems - factory.racks.systems[factory.system_rack(systems)]
    if not system.rack_units:
        return 1 + place * system.nodes + tray
    return 1 + np.ceil((place + tray / system.nodes) * system.rack_units).astype(np.int64)
