"""Max-min rates kept up to date: each link offers a share, and the shares of all links are a fixed point, compiled.

A link offers the share m at which its flows, each held to the least share on its other links, just fill it. Where all
links agree the rates are max-min fair, and there is one such point. When flows come or go, only links that can see the
change are asked again (cf. the distributed algorithms of Charny, Clark and Jain, ICC 1995).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.network.flows.classes import Classes
from firstlight.network.flows.compiled import kernel
from firstlight.twin.protocols import Floats, Ints, Paths

TIE = 1e-9
"""Shares this close, relatively, are the same."""

Int32s = NDArray[np.int32]
Flags = NDArray[np.uint8]


class Shares(NamedTuple):
    """Links with what they offer, and classes with what they are offered.

    Attributes:
        capacity, share: of each link [links] [B/s].
        first, used, entries: active classes of link l: `entries[first[l] : first[l] + used[l]]`.
        paths, cap: see `Classes`.
        active: flows under way of each class.
        best, second: the least and the second least of a class's cap and its links' shares [classes] [B/s].
        binding: link that offers the least, -1 where it is the cap [classes].
        queue, queued: links to ask again, a ring; whether a link is in it.
        touched, marks: classes whose rate may have changed, and whether a class is among them (2: its flows changed).
        ends: head and tail of `queue`, length of `touched`.
        offers, weights: room for the classes of the fullest link.
    """

    capacity: Floats
    share: Floats
    first: Int32s
    used: Int32s
    entries: Int32s
    paths: Paths
    cap: Floats
    active: Int32s
    best: Floats
    second: Floats
    binding: Int32s
    queue: Int32s
    queued: Flags
    touched: Int32s
    marks: Flags
    ends: Ints
    offers: Floats
    weights: Floats


def shares(classes: Classes) -> Shares:
    """No flow under way yet."""
    links, count = len(classes.capacity), len(classes.paths)
    degree = np.bincount(classes.paths[classes.paths >= 0], minlength=links)
    first = (np.cumsum(degree) - degree).astype(np.int32)
    fullest = int(degree.max(initial=1))
    return Shares(
        classes.capacity, classes.capacity.copy(), first, np.zeros(links, np.int32),
        np.empty(int(degree.sum()), np.int32), classes.paths, classes.cap, np.zeros(count, np.int32),
        classes.cap.copy(), np.zeros(count), np.full(count, -1, np.int32),
        np.empty(links + 1, np.int32), np.zeros(links, np.uint8), np.empty(count, np.int32), np.zeros(count, np.uint8),
        np.zeros(3, np.int64), np.empty(fullest), np.empty(fullest),
    )  # fmt: skip


@kernel
def push(s: Shares, link: int) -> None:
    """Ask a link again."""
    if not s.queued[link]:
        s.queued[link] = 1
        s.queue[s.ends[1]] = link
        s.ends[1] = s.ends[1] + 1 if s.ends[1] + 1 < s.queue.size else 0


@kernel
def touch(s: Shares, c: int, mark: int) -> None:
    """List a class whose rate may have changed (mark 1) or whose flows did (mark 2)."""
    if not s.marks[c]:
        s.touched[s.ends[2]] = c
        s.ends[2] += 1
    s.marks[c] = max(s.marks[c], mark)


@kernel
def change(s: Shares, c: int, more: int) -> None:
    """So many flows of a class more, or fewer, are under way; its links are to be asked again."""
    before = s.active[c]
    s.active[c] += more
    for link in s.paths[c]:
        if link < 0:
            break
        if before == 0:
            s.entries[s.first[link] + s.used[link]] = c
            s.used[link] += 1
        elif s.active[c] == 0:
            _remove(s, link, c)
        push(s, link)
    if before == 0:
        refresh(s, c)
    touch(s, c, 2)


@kernel
def _remove(s: Shares, link: int, c: int) -> None:
    at = s.first[link]
    while s.entries[at] != c:
        at += 1
    s.used[link] -= 1
    s.entries[at] = s.entries[s.first[link] + s.used[link]]


@kernel
def refresh(s: Shares, c: int) -> None:
    """What a class is offered now."""
    best, second, binding = s.cap[c], np.inf, -1
    for link in s.paths[c]:
        if link < 0:
            break
        share = s.share[link]
        if share < best:
            best, second, binding = share, best, link
        elif share < second:
            second = share
    s.best[c], s.second[c], s.binding[c] = best, second, binding


@kernel
def offer(s: Shares, link: int) -> float:
    """The share at which a link's flows, held to what their other links offer, fill it [B/s].

    A link that they do not fill offers anything above the fastest of them, and stays at what it offers if that is so.
    """
    count, start, flows = s.used[link], s.first[link], 0.0
    for i in range(count):
        c = s.entries[start + i]
        s.offers[i] = s.second[c] if s.binding[c] == link else s.best[c]
        s.weights[i] = s.active[c]
        flows += s.weights[i]
    if count == 0:
        return s.capacity[link]
    share = s.capacity[link] / flows
    while True:
        held, free, fastest = 0.0, 0.0, 0.0
        for i in range(count):
            if s.offers[i] < share * (1 - TIE):
                held += s.weights[i] * s.offers[i]
                fastest = max(fastest, s.offers[i])
            else:
                free += s.weights[i]
        rest = max(s.capacity[link] - held, 0.0)
        if free == 0:
            return s.share[link] if s.share[link] > fastest * (1 + TIE) else fastest + rest
        if rest / free <= share * (1 + TIE):
            return rest / free
        share = rest / free


@kernel
def settle(s: Shares, tolerance: float) -> int:
    """Ask links until all agree within the relative tolerance; how many were asked."""
    asked = 0
    while s.ends[0] != s.ends[1]:
        link = s.queue[s.ends[0]]
        s.ends[0] = s.ends[0] + 1 if s.ends[0] + 1 < s.queue.size else 0
        s.queued[link] = 0
        share = offer(s, link)
        asked += 1
        if abs(share - s.share[link]) > tolerance * s.share[link]:
            s.share[link] = share
            _tell(s, link)
    return asked


@kernel
def _tell(s: Shares, link: int) -> None:
    """A link offers something else: its classes learn it, and their other links that can see it are asked again."""
    for i in range(s.first[link], s.first[link] + s.used[link]):
        c = s.entries[i]
        best, second, binding = s.best[c], s.second[c], s.binding[c]
        refresh(s, c)
        if s.best[c] != best:
            touch(s, c, 1)
        for other in s.paths[c]:
            if other < 0:
                break
            before = second if binding == other else best
            after = s.second[c] if s.binding[c] == other else s.best[c]
            if other != link and before != after and min(before, after) <= s.share[other] * (1 + TIE):
                push(s, other)
