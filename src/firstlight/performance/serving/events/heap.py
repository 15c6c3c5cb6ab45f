"""Binary heaps over arrays, compiled: one of (key, item) pairs, and one of items whose keys change."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

jit: Any = numba.njit(cache=True)
inline: Any = numba.njit(cache=True, inline="always")


@jit
def _before(keys: Any, items: Any, at: int, key: float, item: int) -> bool:
    """The pair at a place comes before another: by key, then by item."""
    return keys[at] < key or (keys[at] == key and items[at] <= item)


@jit
def push(keys: Any, items: Any, size: int, key: float, item: int) -> int:
    """Add a pair; the new size."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if _before(keys, items, up, key, item):
            break
        keys[at], items[at] = keys[up], items[up]
        at = up
    keys[at], items[at] = key, item
    return size + 1


@jit
def pop(keys: Any, items: Any, size: int) -> int:
    """Take the least pair away, which the caller has read at place 0; the new size."""
    return remove(keys, items, size, 0)


@jit
def remove(keys: Any, items: Any, size: int, place: int) -> int:
    """Take the pair at a place away; the new size."""
    size -= 1
    key, item, at = keys[size], items[size], place
    while at > 0 and not _before(keys, items, (at - 1) >> 1, key, item):
        up = (at - 1) >> 1
        keys[at], items[at] = keys[up], items[up]
        at = up
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and _before(keys, items, down + 1, keys[down], items[down]):
            down += 1
        if not _before(keys, items, down, key, item):
            break
        keys[at], items[at] = keys[down], items[down]
        at = down
    if at < size:
        keys[at], items[at] = key, item
    return size


@jit
def rekey(heap: Any, place: Any, key: Any, item: int, new: float) -> None:
    """Give an item of an indexed heap another key; `place` is where each item stands, `key` its key."""
    key[item] = new
    at, size = place[item], len(heap)
    while at > 0 and key[heap[(at - 1) >> 1]] > new:
        up = (at - 1) >> 1
        heap[at] = heap[up]
        place[heap[at]] = at
        at = up
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and key[heap[down + 1]] < key[heap[down]]:
            down += 1
        if key[heap[down]] >= new:
            break
        heap[at] = heap[down]
        place[heap[at]] = at
        at = down
    heap[at] = item
    place[item] = at


def indexed(count: int, key: float) -> tuple[Any, Any, Any]:
    """An indexed heap of `count` items with equal keys: heap, place, key."""
    return np.arange(count), np.arange(count), np.full(count, key)
