"""Events in the order of their time: flows start and end, rates follow, until all have ended; compiled.

Time is cut into buckets. All that happens within one bucket happens to the rates at once, at the mean of its times;
each flow keeps its own exact time of ending. A class has one counter of the service that each of its flows got, and
its flows wait in a heap for the counter to reach their mark, so that a change of rate touches the class, not its flows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from firstlight.network.flows.compiled import kernel
from firstlight.network.flows.shares import Int32s, Shares, change, loosen, settle
from firstlight.twin.protocols import Floats, Ints

SLOTS = 1 << 18
"""Buckets of one turn of the calendar."""
FAR = 1 << 60
WORK, FREE = 10, 100_000
"""Classes that may be looked at for each flow that ends, and for so many flows before."""


CLOCK = np.dtype([
    ("rate", "f8"),  # service of each of its flows [B/s] since a time [s], and what they got until then [B]
    ("last", "f8"),
    ("served", "f8"),
    ("mark", "f8"),  # service at which the next of them ends [B]
    ("bucket", "i8"),  # of that end (-1: in none), and its neighbours there
    ("after", "i4"),
    ("before", "i4"),
])  # fmt: skip
"""A class of flows in time."""


class Calendar(NamedTuple):
    """What happens when: doubly linked lists of classes and lists of flows to start, one for each bucket of a turn.

    Attributes:
        step: length of a bucket [s], an array of one.
        head: first class of each bucket. of: records of `CLOCK` [classes].
        starts, later: flows to start.
    """

    step: Floats
    head: Int32s
    of: Any
    starts: Int32s
    later: Int32s


class Flows(NamedTuple):
    """Flows, and the service of their classes.

    Attributes:
        of, size: class and bytes of each flow.
        ready: time at which a flow may start as far as is known [flows] [s].
        waiting: earlier flows that have not ended yet [flows].
        indptr, indices: flows that wait for each.
        delay: from a flow's last byte to its end [flows] [s].
        end: [flows] [s].
        mark: service of its class at which a flow ends [flows] [B].
        heap, first: flows under way of class c by their marks: from `heap[first[c]]` on.
    """

    of: Int32s
    size: Floats
    ready: Floats
    waiting: Int32s
    indptr: Ints
    indices: Int32s
    delay: Floats
    end: Floats
    mark: Floats
    heap: Int32s
    first: Ints


@kernel
def run(s: Shares, f: Flows, calendar: Calendar, tolerance: float, loosest: float) -> tuple[int, int]:
    """Run to the end of every flow; how many ended (fewer: the others wait in vain), and how many looks it took.

    A look is one at a class on a link that is asked for its share.

    Where links of many flows move each other again and again, the tolerance is doubled, up to the loosest, as often as
    classes were looked at more than `WORK` times for each flow that ended.
    """
    ended = looks = looked = quiet = bucket = 0
    for flow in range(f.of.size):
        if f.waiting[flow] == 0:
            _await(calendar, flow, f.ready[flow], 0)
    while ended < f.of.size and bucket < FAR:
        ends, events, total = _happen(s, f, calendar, bucket)
        if events > 0:
            ended += ends
            more = settle(s)
            looks, looked = looks + more, looked + more
            if s.tolerance[0] < tolerance:
                loosen(s, tolerance)
                looked = 0
            elif looked > WORK * (ended + FREE) and s.tolerance[0] < loosest:
                loosen(s, min(2.0 * s.tolerance[0], loosest))
                looked = WORK * (ended + FREE) // 2
            _follow(s, calendar, total / events, bucket)
            quiet = 0
            continue
        quiet += 1
        bucket += 1
        if quiet > SLOTS:
            bucket, quiet = _next(f, calendar), 0
    return ended, looks


@kernel
def _happen(s: Shares, f: Flows, calendar: Calendar, bucket: int) -> tuple[int, int, float]:
    """Flows of a bucket end and start: how many end, how many do either, and the sum of their times."""
    slot, ends, events, total = bucket % SLOTS, 0, 0, 0.0
    c = calendar.head[slot]
    while c >= 0:
        following = calendar.of[c].after
        if calendar.of[c].bucket <= bucket:
            _unlink(calendar, c)
            due = _bucket(calendar, _next_end(calendar, c))
            if due > bucket:
                _link(calendar, c, due)
            else:
                count, times = _end(s, f, calendar, c, bucket)
                ends, total = ends + count, total + times
        c = following
    events, flow = ends, calendar.starts[slot]
    calendar.starts[slot] = -1
    while flow >= 0:
        following = calendar.later[flow]
        if _bucket(calendar, f.ready[flow]) > bucket:
            calendar.later[flow] = calendar.starts[slot]
            calendar.starts[slot] = flow
        else:
            _start(s, f, calendar, flow)
            events, total = events + 1, total + float(f.ready[flow])
        flow = following
    return ends, events, total


@kernel
def _start(s: Shares, f: Flows, calendar: Calendar, flow: int) -> None:
    """A flow gets under way: its mark is its size above what its class has been served by then."""
    c = f.of[flow]
    if s.of[c].active == 0:
        calendar.of[c].served, calendar.of[c].last, calendar.of[c].rate = 0.0, f.ready[flow], 0.0
    f.mark[flow] = calendar.of[c].served + calendar.of[c].rate * (f.ready[flow] - calendar.of[c].last) + f.size[flow]
    at = s.of[c].active
    change(s, c, 1)
    heap = f.heap[f.first[c] : f.first[c + 1]]
    while at > 0 and f.mark[heap[(at - 1) // 2]] > f.mark[flow]:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = flow
    calendar.of[c].mark = f.mark[heap[0]]


@kernel
def _end(s: Shares, f: Flows, calendar: Calendar, c: int, bucket: int) -> tuple[int, float]:
    """The flows of a class whose time lies within the bucket end: how many, and the sum of their times."""
    count, total, until = 0, 0.0, (bucket + 1) * calendar.step[0]
    while count < s.of[c].active:
        flow = f.heap[f.first[c]]
        time = _next_end(calendar, c)
        if count > 0 and time > until:
            break
        _pop(f, c, s.of[c].active - count)
        calendar.of[c].mark = f.mark[f.heap[f.first[c]]]
        count, total = count + 1, total + time
        f.end[flow] = time + f.delay[flow]
        _release(f, calendar, flow, bucket)
    change(s, c, -count)
    return count, total


@kernel
def _next_end(calendar: Calendar, c: int) -> float:
    """When the first of a class's flows ends at the present rate [s]."""
    own = calendar.of[c]
    return own.last + max(own.mark - own.served, 0.0) / own.rate


@kernel
def _pop(f: Flows, c: int, count: int) -> None:
    """Take the first of a heap of so many flows."""
    heap = f.heap[f.first[c] : f.first[c] + count]
    flow, at, last = heap[count - 1], 0, count - 1
    while 2 * at + 1 < last:
        low = 2 * at + 1
        if low + 1 < last and f.mark[heap[low + 1]] < f.mark[heap[low]]:
            low += 1
        if f.mark[flow] <= f.mark[heap[low]]:
            break
        heap[at] = heap[low]
        at = low
    heap[at] = flow


@kernel
def _release(f: Flows, calendar: Calendar, flow: int, bucket: int) -> None:
    """The flows that waited for this one alone may start when it has ended."""
    for i in range(f.indptr[flow], f.indptr[flow + 1]):
        then = f.indices[i]
        f.waiting[then] -= 1
        f.ready[then] = max(f.ready[then], f.end[flow])
        if f.waiting[then] == 0:
            _await(calendar, then, f.ready[then], bucket)


@kernel
def _follow(s: Shares, calendar: Calendar, now: float, bucket: int) -> None:
    """Touched classes are served up to now at their old rate, and get their new rate and their next end.

    A class whose next end moves back stays where it is in the calendar, and is moved when its turn comes.
    """
    for i in range(s.ends[2]):
        c = s.touched[i]
        mark, s.marks[c] = s.marks[c], 0
        if s.of[c].active == 0 or (mark == 1 and s.of[c].best == calendar.of[c].rate):
            continue
        if now > calendar.of[c].last:
            calendar.of[c].served += calendar.of[c].rate * (now - calendar.of[c].last)
            calendar.of[c].last = now
        calendar.of[c].rate = s.of[c].best
        due = max(_bucket(calendar, _next_end(calendar, c)), bucket)
        if calendar.of[c].bucket > due:
            _unlink(calendar, c)
        if calendar.of[c].bucket < 0:
            _link(calendar, c, due)
    s.ends[2] = 0


@kernel
def _bucket(calendar: Calendar, time: float) -> int:
    return int(min(time / calendar.step[0], float(FAR // 2)))


@kernel
def _await(calendar: Calendar, flow: int, time: float, bucket: int) -> None:
    slot = max(_bucket(calendar, time), bucket) % SLOTS
    calendar.later[flow] = calendar.starts[slot]
    calendar.starts[slot] = flow


@kernel
def _link(calendar: Calendar, c: int, bucket: int) -> None:
    slot = bucket % SLOTS
    following = calendar.head[slot]
    calendar.of[c].bucket, calendar.of[c].after, calendar.of[c].before = bucket, following, -1
    if following >= 0:
        calendar.of[following].before = c
    calendar.head[slot] = c


@kernel
def _unlink(calendar: Calendar, c: int) -> None:
    before, following = calendar.of[c].before, calendar.of[c].after
    if before >= 0:
        calendar.of[before].after = following
    else:
        calendar.head[calendar.of[c].bucket % SLOTS] = following
    if following >= 0:
        calendar.of[following].before = before
    calendar.of[c].bucket = -1


@kernel
def _next(f: Flows, calendar: Calendar) -> int:
    """The first bucket in which anything happens; FAR where nothing will."""
    first = FAR
    for c in range(calendar.of.size):
        if calendar.of[c].bucket >= 0:
            first = min(first, calendar.of[c].bucket)
    for slot in range(SLOTS):
        flow = calendar.starts[slot]
        while flow >= 0:
            first = min(first, _bucket(calendar, f.ready[flow]))
            flow = calendar.later[flow]
    return first
