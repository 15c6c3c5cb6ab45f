"""Flows over the same links that can fill have the same rate at all times: they are one class, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.network.flows.compiled import routine
from firstlight.network.flows.reduce import Fillable
from firstlight.twin.protocols import Floats, Paths

MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: multiplicative hashing (Knuth, TAOCP 3, section 6.4)."""


class Classes(NamedTuple):
    """Flows by class.

    Attributes:
        paths: links of each class [classes, longest].
        capacity: of the links [links] [B/s].
        cap: greatest rate of one flow of each class [classes] [B/s].
        of: class of each flow [flows].
    """

    paths: Paths
    capacity: Floats
    cap: Floats
    of: NDArray[np.int32]


def group(flows: Fillable) -> Classes:
    """Classes in the order of their first flow."""
    table = np.full(1 << (2 * len(flows.paths)).bit_length(), -1, np.int32)
    of, first = np.empty(len(flows.paths), np.int32), np.empty(len(flows.paths), np.int32)
    count = _group(flows.paths, flows.cap, flows.cap.view(np.uint64), table, of, first)
    chosen = first[:count]
    return Classes(flows.paths[chosen], flows.capacity, flows.cap[chosen], of)


@routine
def _group(paths: Paths, cap: Floats, bits: Paths, table: Paths, of: Paths, first: Paths) -> int:
    """Fill `of` and `first`, the first flow of each class, by a hash table with linear probing; how many classes."""
    count, mask = 0, np.uint64(table.size - 1)
    for f in range(len(paths)):
        key = bits[f]
        for link in paths[f]:
            key = (key ^ np.uint64(link + 1)) * np.uint64(MULTIPLIER)
            key ^= key >> np.uint64(32)
        at = key & mask
        while table[at] >= 0 and not _same(paths, cap, f, first[table[at]]):
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            table[at] = count
            first[count] = f
            count += 1
        of[f] = table[at]
    return count


@routine
def _same(paths: Paths, cap: Floats, one: int, other: int) -> bool:
    for j in range(paths.shape[1]):
        if paths[one, j] != paths[other, j]:
            return False
    return cap[one] == cap[other]
