"""Max-min rates kept up to date: each link offers a share, and the shares of all links are a fixed point, compiled.

A link offers the share m at which its flows, each held to the least share on its other links, just fill it. Where all
links agree the rates are max-min fair, and there is one such point. When flows come or go, a link is asked again once
what its flows could take has drifted by more than a tolerance: a link with thousands of flows not at each of them
(cf. the distributed algorithms of Charny, Clark and Jain, ICC 1995).
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
EXACT = 1e-9

Int32s = NDArray[np.int32]
Flags = NDArray[np.uint8]


class Shares(NamedTuple):
    """Links with what they offer, and classes with what they are offered.

    Attributes:
        capacity, share: of each link [links] [B/s].
        drift: what a link's flows could take more or less since it was last asked [links] [B/s].
        slack: drift at which it is asked again; below 0 where its flows do not fill it, so that only more matters.
        first, used, entries: active classes of link l: `entries[first[l] : first[l] + used[l]]`.
        paths, cap: see `Classes`.
        active: flows under way of each class.
        best, second: the least and the second least of a class's cap and its links' shares [classes] [B/s].
        binding: link that offers the least, -1 where it is the cap [classes].
        queue, queued: links to ask again, a ring; whether a link is in it.
        touched, marks: classes whose rate may have changed, and whether a class is among them (2: its flows changed).
        ends: head and tail of `queue`, length of `touched`.
        tolerance: relative drift that passes, an array of one.
        offers, weights: room for the classes of the fullest link.
    """

    capacity: Floats
    share: Floats
    drift: Floats
    slack: Floats
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
    tolerance: Floats
    offers: Floats
    weights: Floats


def shares(classes: Classes) -> Shares:
    """No flow under way yet, and no drift passes: the first rates are exact; then see `loosen`."""
    links, count = len(classes.capacity), len(classes.paths)
    degree = np.bincount(classes.paths[classes.paths >= 0], minlength=links)
    first = (np.cumsum(degree) - degree).astype(np.int32)
    fullest = int(degree.max(initial=1))
    return Shares(
        classes.capacity, classes.capacity.copy(), np.zeros(links), -EXACT * classes.capacity, first,
        np.zeros(links, np.int32), np.empty(int(degree.sum()), np.int32),
        classes.paths, classes.cap, np.zeros(count, np.int32),
        classes.cap.copy(), np.zeros(count), np.full(count, -1, np.int32),
        np.empty(links + 1, np.int32), np.zeros(links, np.uint8), np.empty(count, np.int32), np.zeros(count, np.uint8),
        np.zeros(3, np.int64), np.array([EXACT]), np.empty(fullest), np.empty(fullest),
    )  # fmt: skip


@kernel
def drift(s: Shares, link: int, before: float, after: float, flows: int) -> None:
    """So many flows of a link could take another rate; it is asked again where all drift since is beyond its slack.

    A link that is not full must be asked, too, where it would hold back a flow: it offers more than its flows take.
    """
    slack, share = s.slack[link], s.share[link]
    if slack > 0:
        s.drift[link] += flows * (min(after, share) - min(before, share))
        due = abs(s.drift[link]) > slack
    else:
        s.drift[link] += flows * (after - before)
        due = s.drift[link] > -slack or after > share * (1 - TIE)
    if due and not s.queued[link]:
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
    """So many flows of a class more, or fewer, are under way."""
    before = s.active[c]
    s.active[c] += more
    if before == 0:
        refresh(s, c)
    for link in s.paths[c]:
        if link < 0:
            break
        if before == 0:
            s.entries[s.first[link] + s.used[link]] = c
            s.used[link] += 1
        elif s.active[c] == 0:
            _remove(s, link, c)
        drift(s, link, 0.0, s.second[c] if s.binding[c] == link else s.best[c], more)
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
def offer(s: Shares, link: int) -> tuple[float, float]:
    """The share at which a link's flows, held to what their other links offer, fill it, and its slack [B/s].

    A link that they do not fill offers anything above the fastest of them, and stays at what it offers if that is so.
    """
    count, start, flows, capacity = s.used[link], s.first[link], 0.0, s.capacity[link]
    for i in range(count):
        c = s.entries[start + i]
        s.offers[i] = s.second[c] if s.binding[c] == link else s.best[c]
        s.weights[i] = s.active[c]
        flows += s.weights[i]
    if count == 0:
        return capacity, -s.tolerance[0] * capacity
    share = capacity / flows
    while True:
        held, free, fastest = 0.0, 0.0, 0.0
        for i in range(count):
            if s.offers[i] < share * (1 - TIE):
                held += s.weights[i] * s.offers[i]
                fastest = max(fastest, s.offers[i])
            else:
                free += s.weights[i]
        rest = max(capacity - held, 0.0)
        if free == 0:
            kept = s.share[link] > fastest * (1 + TIE)
            return s.share[link] if kept else fastest + rest, -s.tolerance[0] * capacity
        if rest / free <= share * (1 + TIE):
            return rest / free, s.tolerance[0] * rest
        share = rest / free


@kernel
def loosen(s: Shares, tolerance: float) -> None:
    """From now on a drift passes up to this share of what a link can give to flows that it binds."""
    for link in range(s.slack.size):
        s.slack[link] *= tolerance / s.tolerance[0]
    s.tolerance[0] = tolerance


@kernel
def settle(s: Shares) -> int:
    """Ask links until all agree; how many were asked."""
    asked = 0
    while s.ends[0] != s.ends[1]:
        link = s.queue[s.ends[0]]
        s.ends[0] = s.ends[0] + 1 if s.ends[0] + 1 < s.queue.size else 0
        s.queued[link], s.drift[link] = 0, 0.0
        share, s.slack[link] = offer(s, link)
        asked += 1
        if abs(share - s.share[link]) > s.tolerance[0] * s.share[link]:
            s.share[link] = share
            _tell(s, link)
    return asked


@kernel
def _tell(s: Shares, link: int) -> None:
    """A link offers something else: its classes learn it, and their other links drift."""
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
            if other != link and before != after:
                drift(s, other, before, after, s.active[c])
