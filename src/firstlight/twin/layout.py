"""The floor: racks in rows, rows about cold and hot aisles, halls in buildings, buildings on the site.

A hall is laid out as TIA-942 and ASHRAE TC 9.9 have it: rows face each other across cold aisles and stand back to back
across hot ones, and cross aisles at both ends of every row lead to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.spec.assumptions import Assumptions
from firstlight.spec.site import Site
from firstlight.twin.protocols import Floats, Ints


@dataclass(frozen=True)
class Slot:
    """Floor of one rack, the same for all [m]."""

    width: float
    depth: float


@dataclass(frozen=True)
class Floor:
    """Halls and the places in them.

    Attributes:
        building: of each hall, from 0 [halls].
        x, y, width, depth: of each hall [m] [halls].
        rack_x, rack_y: centre of each rack on the site [m] [racks].
        row: of each rack inside its hall [racks].
    """

    building: Ints
    x: Floats
    y: Floats
    width: Floats
    depth: Floats
    rack_x: Floats
    rack_y: Floats
    row: NDArray[np.int32]


def hall_count(loads: Floats, rounding: Floats, site: Site, a: Assumptions) -> int:
    """Halls for some pods: as many as the site has; else as few as the hall's power and racks of the assumptions allow.

    A hall holds whole pods: a factory of fewer pods leaves halls of the site empty, and a pod may be more than a hall.

    Args:
        loads: greatest power [W] and racks of each pod, with its share of the core [2, pods].
        rounding: likewise what a hall may hold beyond the shares of its pods, because nothing is divided [2].
        site: with its halls and buildings.
        a: assumptions `twin.hall_*`.
    """
    pods = loads.shape[1]
    if site.halls is not None:
        return min(site.halls, pods)
    room = np.array([a.positive("twin.hall_power"), a.positive("twin.hall_racks")]) - rounding
    together = math.floor((room / loads.max(axis=1)).min())
    if together < 1:
        return pods
    enough, least = math.ceil(pods / together), math.ceil((loads.sum(axis=1) / room).max())
    tried = range(least, enough)
    halls = next((n for n in tried if np.all(_fullest(loads, n) <= room)), enough)
    return min(max(halls, site.buildings), pods)


def _fullest(loads: Floats, halls: int) -> Floats:
    """The greatest load of so many halls [2]."""
    hall = share_out(loads.shape[1], halls)
    return np.array([np.bincount(hall, load).max() for load in loads])


def share_out(pods: int, halls: int) -> Ints:
    """Hall of each pod: neighbours together, and in each hall the same number to one [pods]."""
    return np.arange(pods) * halls // pods


def lay(racks: Ints, slot: Slot, site: Site, a: Assumptions) -> Floor:
    """Lay out halls of so many racks each.

    Args:
        racks: in each hall [halls].
        slot: floor of a rack.
        site: with its buildings.
        a: assumptions on rows, aisles and gaps.
    """
    longest = max(1, int(a.positive("twin.row_racks")))
    blocks, rows = _shape(racks, slot, longest, a)
    width = a["twin.cross_aisle"] + blocks * (np.minimum(racks, longest) * slot.width + a["twin.cross_aisle"])
    depth = (_row_y(rows, slot, a) - slot.depth / 2) * (1 + a["twin.support_share"])  # to the aisle behind the last
    building, x, y = _site(width, depth, site.buildings, a)
    hall = np.repeat(np.arange(len(racks)), racks)
    place = np.arange(len(hall)) - (np.cumsum(racks) - racks)[hall]
    row, column = np.divmod(place, longest)
    block, line = np.divmod(row, rows[hall])
    left = a["twin.cross_aisle"] + block * (longest * slot.width + a["twin.cross_aisle"])
    rack_x = x[hall] + left + (column + 0.5) * slot.width
    rack_y = y[hall] + _row_y(line, slot, a)
    return Floor(building, x, y, width, depth, rack_x, rack_y, row.astype(np.int32))


def _row_y(line: Ints, slot: Slot, a: Assumptions) -> Floats:
    """Centre of the lines of rows from the hall's southern wall [m]; cold and hot aisles by turns behind the first."""
    cold, hot = a["twin.cold_aisle"], a["twin.hot_aisle"]
    return cold * (1 + line // 2) + hot * ((line + 1) // 2) + (line + 0.5) * slot.depth


def _shape(racks: Ints, slot: Slot, longest: int, a: Assumptions) -> tuple[Ints, Ints]:
    """Rows side by side and lines behind each other that make each hall about square [halls]."""
    rows = -(-racks // longest)
    pitch = slot.depth + (a["twin.cold_aisle"] + a["twin.hot_aisle"]) / 2
    square = np.sqrt(rows * pitch / (longest * slot.width + a["twin.cross_aisle"]))
    lines = -(-rows // np.maximum(1, np.rint(square).astype(np.int64)))
    return -(-rows // lines), lines


def _site(width: Floats, depth: Floats, buildings: int, a: Assumptions) -> tuple[Ints, Floats, Floats]:
    """Building and south-west corner of each hall: halls in a grid in each building, buildings in a grid."""
    halls = len(width)
    buildings = min(buildings, halls)
    building = np.arange(halls) * buildings // halls
    inside = np.arange(halls) - np.searchsorted(building, building)
    columns, lines = _grid(-(-halls // buildings))
    step_x, step_y = float(width.max()) + a["twin.hall_gap"], float(depth.max()) + a["twin.hall_gap"]
    apart = a["twin.building_gap"] - a["twin.hall_gap"]
    east, north = building % _grid(buildings)[0], building // _grid(buildings)[0]
    x = inside % columns * step_x + east * (columns * step_x + apart)
    y = inside // columns * step_y + north * (lines * step_y + apart)
    return building, x, y


def _grid(count: int) -> tuple[int, int]:
    """Columns and lines of a grid that is about square."""
    columns = math.ceil(math.sqrt(count))
    return columns, -(-count // columns)
