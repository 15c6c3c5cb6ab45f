"""Events in the order of their time: flows start and end, rates follow, until all have ended; compiled.

Time is cut into buckets. All that happens within one bucket happens to the rates at once, at the mean of its times;
each flow keeps its own exact time of ending. A class has one counter of the service that each of its flows got, and
its flows wait in a heap for the counter to reach their mark, so that a change of rate touches the class, not its flows.
"""

from __future__ import annotations

from typing import NamedTuple

from firstlight.network.flows.compiled import kernel
from firstlight.network.flows.shares import Int32s, Shares, change, loosen, settle
from firstlight.twin.protocols import Floats, Ints

SLOTS = 1 << 18
"""Buckets of one turn of the calendar."""
FAR = 1 << 60


class Calendar(NamedTuple):
    """What happens when: doubly linked lists of classes and lists of flows to start, one for each bucket of a turn.

    Attributes:
        step: length of a bucket [s], an array of one.
        head, after, before, bucket: classes by the bucket of their next end (-1: in none).
        starts, later: flows to start.
    """

    step: Floats
    head: Int32s
    after: Int32s
    before: Int32s
    bucket: Ints
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
        served, last, rate: service [B] up to a time [s], and the rate since [classes] [B/s].
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
    served: Floats
    last: Floats
    rate: Floats


@kernel
def run(s: Shares, f: Flows, calendar: Calendar, tolerance: float) -> tuple[int, int]:
    """Run to the end of every flow; how many ended (fewer: the others wait in vain) and how many links were asked."""
    ended = asked = quiet = bucket = 0
    for flow in range(f.of.size):
        if f.waiting[flow] == 0:
            _await(calendar, flow, f.ready[flow], 0)
    while ended < f.of.size and bucket < FAR:
        ends, events, total = _happen(s, f, calendar, bucket)
        if events > 0:
            ended += ends
            asked += settle(s)
            if s.tolerance[0] != tolerance:
                loosen(s, tolerance)
            _follow(s, f, calendar, total / events, bucket)
            quiet = 0
            continue
        quiet += 1
        bucket += 1
        if quiet > SLOTS:
            bucket, quiet = _next(f, calendar), 0
    return ended, asked


@kernel
def _happen(s: Shares, f: Flows, calendar: Calendar, bucket: int) -> tuple[int, int, float]:
    """Flows of a bucket end and start: how many end, how many do either, and the sum of their times."""
    slot, ends, events, total = bucket % SLOTS, 0, 0, 0.0
    c = calendar.head[slot]
    while c >= 0:
        following = calendar.after[c]
        if calendar.bucket[c] <= bucket:
            _unlink(calendar, c)
            due = _bucket(calendar, _next_end(f, c))
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
            _start(s, f, flow)
            events, total = events + 1, total + float(f.ready[flow])
        flow = following
    return ends, events, total


@kernel
def _start(s: Shares, f: Flows, flow: int) -> None:
    """A flow gets under way: its mark is its size above what its class has been served by then."""
    c = f.of[flow]
    if s.active[c] == 0:
        f.served[c], f.last[c], f.rate[c] = 0.0, f.ready[flow], 0.0
    f.mark[flow] = f.served[c] + f.rate[c] * (f.ready[flow] - f.last[c]) + f.size[flow]
    at = s.active[c]
    change(s, c, 1)
    heap = f.heap[f.first[c] : f.first[c + 1]]
    while at > 0 and f.mark[heap[(at - 1) // 2]] > f.mark[flow]:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = flow


@kernel
def _end(s: Shares, f: Flows, calendar: Calendar, c: int, bucket: int) -> tuple[int, float]:
    """The flows of a class whose time lies within the bucket end: how many, and the sum of their times."""
    count, total, until = 0, 0.0, (bucket + 1) * calendar.step[0]
    while count < s.active[c]:
        flow = f.heap[f.first[c]]
        time = _next_end(f, c)
        if count > 0 and time > until:
            break
        _pop(f, c, s.active[c] - count)
        count, total = count + 1, total + time
        f.end[flow] = time + f.delay[flow]
        _release(f, calendar, flow, bucket)
    change(s, c, -count)
    return count, total


@kernel
def _next_end(f: Flows, c: int) -> float:
    """When the first of a class's flows ends at the present rate [s]."""
    return f.last[c] + max(f.mark[f.heap[f.first[c]]] - f.served[c], 0.0) / f.rate[c]


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
def _follow(s: Shares, f: Flows, calendar: Calendar, now: float, bucket: int) -> None:
    """Touched classes are served up to now at their old rate, and get their new rate and their next end.

    A class whose next end moves back stays where it is in the calendar, and is moved when its turn comes.
    """
    for i in range(s.ends[2]):
        c = s.touched[i]
        mark, s.marks[c] = s.marks[c], 0
        if s.active[c] == 0 or (mark == 1 and s.best[c] == f.rate[c]):
            continue
        if now > f.last[c]:
            f.served[c] += f.rate[c] * (now - f.last[c])
            f.last[c] = now
        f.rate[c] = s.best[c]
        due = max(_bucket(calendar, _next_end(f, c)), bucket)
        if calendar.bucket[c] > due:
            _unlink(calendar, c)
        if calendar.bucket[c] < 0:
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
    calendar.bucket[c], calendar.after[c], calendar.before[c] = bucket, following, -1
    if following >= 0:
        calendar.before[following] = c
    calendar.head[slot] = c


@kernel
def _unlink(calendar: Calendar, c: int) -> None:
    before, following = calendar.before[c], calendar.after[c]
    if before >= 0:
        calendar.after[before] = following
    else:
        calendar.head[calendar.bucket[c] % SLOTS] = following
    if following >= 0:
        calendar.before[following] = before
    calendar.bucket[c] = -1


@kernel
def _next(f: Flows, calendar: Calendar) -> int:
    """The first bucket in which anything happens; FAR where nothing will."""
    first = FAR
    for c in range(calendar.bucket.size):
        if calendar.bucket[c] >= 0:
            first = min(first, calendar.bucket[c])
    for slot in range(SLOTS):
        flow = calendar.starts[slot]
        while flow >= 0:
            first = min(first, _bucket(calendar, f.ready[flow]))
            flow = calendar.later[flow]
    return first
