"""Max-min rates kept up to date: each link offers a share, and the shares of all links are a fixed point, compiled.

A link offers the share m at which its flows, each held to the least share on its other links, just fill it. Where all
links agree the rates are max-min fair, and there is one such point. When flows come or go, a link is asked again once
what its flows could take has drifted by more than a tolerance: a link with thousands of flows not at each of them
(cf. the distributed algorithms of Charny, Clark and Jain, ICC 1995).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.network.flows.classes import Classes
from firstlight.network.flows.compiled import kernel
from firstlight.twin.protocols import Floats, Ints, Paths

TIE = 1e-9
"""Shares this close, relatively, are the same."""
EXACT = 1e-9

CLASS = np.dtype([
    ("best", "f8"),  # the least and the second least of its cap and its links' shares [B/s]
    ("second", "f8"),
    ("cap", "f8"),  # see `Classes`
    ("binding", "i4"),  # link that offers the least, -1 where it is the cap
    ("active", "i4"),  # flows under way
])  # fmt: skip
"""A class of flows; together, as a million of them fit into no cache of a processor."""

LINK = np.dtype([
    ("capacity", "f8"),  # [B/s]
    ("share", "f8"),  # that it offers each flow [B/s]
    ("drift", "f8"),  # what its flows could take more or less since it was last asked [B/s]
    ("slack", "f8"),  # drift at which it is asked again; below 0 where they do not fill it, so that only more matters
    ("first", "i4"),  # see `Shares.entries`
    ("used", "i4"),
    ("queued", "i4"),  # it is to be asked again
    ("none", "i4"),
])  # fmt: skip
"""A link with what it offers."""

Int32s = NDArray[np.int32]
Flags = NDArray[np.uint8]


class Shares(NamedTuple):
    """Links with what they offer, and classes with what they are offered.

    Attributes:
        link: records of `LINK` [links]. entries: active classes of link l, `used` of them from `first` on.
        paths: see `Classes`. of: records of `CLASS` [classes].
        queue: links to ask again, a ring.
        touched, marks: classes whose rate may have changed, and whether a class is among them (2: its flows changed).
        ends: head and tail of `queue`, length of `touched`.
        tolerance: relative drift that passes, an array of one.
        offers, weights: room for the classes of the fullest link.
    """

    link: Any
    entries: Int32s
    paths: Paths
    of: Any
    queue: Int32s
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
    of, link = np.zeros(count, CLASS), np.zeros(links, LINK)
    link["capacity"] = link["share"] = classes.capacity
    link["slack"], link["first"] = -EXACT * classes.capacity, first
    of["cap"] = of["best"] = classes.cap
    of["binding"] = -1
    return Shares(
        link, np.empty(int(degree.sum()), np.int32),
        classes.paths, of, np.empty(links + 1, np.int32), np.empty(count, np.int32), np.zeros(count, np.uint8),
        np.zeros(3, np.int64), np.array([EXACT]), np.empty(fullest), np.empty(fullest),
    )  # fmt: skip


@kernel
def drift(s: Shares, link: int, before: float, after: float, flows: int) -> None:
    """So many flows of a link could take another rate; it is asked again where all drift since is beyond its slack.

    A link that is not full must be asked, too, where it would hold back a flow: it offers more than its flows take.
    """
    slack, share = s.link[link].slack, s.link[link].share
    if slack > 0:
        s.link[link].drift += flows * (min(after, share) - min(before, share))
        due = abs(s.link[link].drift) > slack
    else:
        s.link[link].drift += flows * (after - before)
        due = s.link[link].drift > -slack or after > share * (1 - TIE)
    if due and not s.link[link].queued:
        s.link[link].queued = 1
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
    before = s.of[c].active
    s.of[c].active += more
    if before == 0:
        refresh(s, c)
    for link in s.paths[c]:
        if link < 0:
            break
        if before == 0:
            s.entries[s.link[link].first + s.link[link].used] = c
            s.link[link].used += 1
        elif s.of[c].active == 0:
            _remove(s, link, c)
        drift(s, link, 0.0, s.of[c].second if s.of[c].binding == link else s.of[c].best, more)
    touch(s, c, 2)


@kernel
def _remove(s: Shares, link: int, c: int) -> None:
    at = s.link[link].first
    while s.entries[at] != c:
        at += 1
    s.link[link].used -= 1
    s.entries[at] = s.entries[s.link[link].first + s.link[link].used]


@kernel
def refresh(s: Shares, c: int) -> None:
    """What a class is offered now."""
    best, second, binding = s.of[c].cap, np.inf, -1
    for link in s.paths[c]:
        if link < 0:
            break
        share = s.link[link].share
        if share < best:
            best, second, binding = share, best, link
        elif share < second:
            second = share
    s.of[c].best, s.of[c].second, s.of[c].binding = best, second, binding


@kernel
def offer(s: Shares, link: int) -> tuple[float, float]:
    """The share at which a link's flows, held to what their other links offer, fill it, and its slack [B/s].

    A link that they do not fill offers anything above the fastest of them, and stays at what it offers if that is so.
    """
    count, start, flows, capacity = s.link[link].used, s.link[link].first, 0.0, s.link[link].capacity
    for i in range(count):
        c = s.entries[start + i]
        s.offers[i] = s.of[c].second if s.of[c].binding == link else s.of[c].best
        s.weights[i] = s.of[c].active
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
            kept = s.link[link].share > fastest * (1 + TIE)
            return s.link[link].share if kept else fastest + rest, -s.tolerance[0] * capacity
        if rest / free <= share * (1 + TIE):
            return rest / free, s.tolerance[0] * rest
        share = rest / free


@kernel
def loosen(s: Shares, tolerance: float) -> None:
    """From now on a drift passes up to this share of what a link can give to flows that it binds."""
    for link in range(s.link.size):
        s.link[link].slack *= tolerance / s.tolerance[0]
    s.tolerance[0] = tolerance


@kernel
def settle(s: Shares) -> int:
    """Ask links until all agree; how many classes were looked at for it."""
    looked = 0
    while s.ends[0] != s.ends[1]:
        link = s.queue[s.ends[0]]
        s.ends[0] = s.ends[0] + 1 if s.ends[0] + 1 < s.queue.size else 0
        s.link[link].queued, s.link[link].drift = 0, 0.0
        share, s.link[link].slack = offer(s, link)
        looked += s.link[link].used
        if abs(share - s.link[link].share) > s.tolerance[0] * s.link[link].share:
            s.link[link].share = share
            _tell(s, link)
    return looked


@kernel
def _tell(s: Shares, link: int) -> None:
    """A link offers something else: its classes learn it, and their other links drift."""
    for i in range(s.link[link].first, s.link[link].first + s.link[link].used):
        c = s.entries[i]
        best, second, binding = s.of[c].best, s.of[c].second, s.of[c].binding
        refresh(s, c)
        if s.of[c].best != best:
            touch(s, c, 1)
        for other in s.paths[c]:
            if other < 0:
                break
            before = second if binding == other else best
            after = s.of[c].second if s.of[c].binding == other else s.of[c].best
            if other != link and before != after:
                drift(s, other, before, after, s.of[c].active)
