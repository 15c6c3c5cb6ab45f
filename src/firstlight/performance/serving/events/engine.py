"""The event loop, compiled: arrivals, passes of the engine, and what ends with them.

Between two events a replica decodes the same requests step after step; these steps are one jump. An arrival that could
begin before the jump is over cuts it at the end of the step under way. So a request costs a handful of events however
long its answer is, and every time is that of stepping token by token, but for the step time's growth with the context
inside a jump, which is taken at its middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.performance.serving.events.heap import inline, jit, pop, push, rekey, remove
from firstlight.performance.serving.events.prefix import find, forget
from firstlight.performance.serving.events.routing import route
from firstlight.performance.serving.events.tables import look
from firstlight.performance.serving.events.world import AWAY, BEGINS, FAILS, IDLE, Rule, World


@jit
def play(w: World, rule: Rule, seed: int) -> int:
    """Play all requests; the times stand in the world. Returns how many events that took."""
    state = dice(seed)
    for q in range(len(w.req)):
        if w.req[q].waits == 0:
            w.sizes[0] = push(w.free_key, w.free_item, w.sizes[0], w.req[q].arrival, q)
    events = 0
    while True:
        arrives = w.free_key[0] if w.sizes[0] > 0 else IDLE
        r = w.heap[0]
        if arrives == IDLE and w.when[r] == IDLE:
            return events
        events += 1
        if w.sizes[4] < len(w.change_at) and w.change_at[w.sizes[4]] <= min(arrives, w.when[r]):
            change(w, rule)
        elif arrives <= w.when[r]:
            q = w.free_item[0]
            w.sizes[0] = pop(w.free_key, w.free_item, w.sizes[0])
            send(w, rule, q, state, arrives)
        else:
            complete(w, rule, r, w.when[r])


@jit
def dice(seed: int) -> Any:
    """What routers draw with."""
    return np.array([np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(88172645463325252)], np.uint64)


@inline
def send(w: World, rule: Rule, q: int, state: Any, now: float) -> None:
    """A request comes to the router, or what its replica kept of its prompt has been brought."""
    if np.isnan(w.req[q].sent):
        w.req[q].sent = now
    if w.req[q].brought > 0.0:
        brought(w, rule, q, now)
    elif w.sizes[5] > 0:
        come(w, rule, q, route(w, rule.router, q, state), now)
    elif w.sizes[4] < len(w.change_at):  # nobody is there: it comes again with the next change
        w.sizes[0] = push(w.free_key, w.free_item, w.sizes[0], w.change_at[w.sizes[4]], q)


@jit
def change(w: World, rule: Rule) -> None:
    """A replica begins, stops or fails."""
    r, to, now = w.change_of[w.sizes[4]], w.change_to[w.sizes[4]], w.change_at[w.sizes[4]]
    w.sizes[4] += 1
    up = 1 if to == BEGINS else 0
    if up != w.rep[r].up:
        w.rep[r].up = up
        w.sizes[5] += 1 if up else -1
        rekey(w.l_heap, w.l_place, w.load, r, w.load[r] + (-AWAY if up else AWAY))
    if to == FAILS:
        fail(w, rule, r, now)


@jit
def fail(w: World, rule: Rule, r: int, now: float) -> None:
    """All requests of a replica are sent anew, to be read again with what was written of them."""
    forget(w.kept, r)
    w.rep[r].failed += 1
    here, slots = w.rep[r], w.queue.shape[1]
    passed = (
        np.floor((now - here.began) / here.step) if here.running > 0 and here.members == 0 and here.step > 0 else 0.0
    )
    while w.rep[r].running > 0:
        q, left = w.ending[r, 0], w.ends[r, 0] - w.rep[r].count - min(passed, w.rep[r].jump)
        w.rep[r].running = pop(w.ends[r], w.ending[r], w.rep[r].running)
        more = (left_steps(rule, w.req[q].answer - w.req[q].done) - left) * rule.gain
        resend(w, r, q, min(int(w.req[q].done + more), w.req[q].answer - 1), now)
    for i in range(w.rep[r].queued):
        q = w.queue[r, (w.rep[r].queue_at + i) % slots]
        resend(w, r, q, w.req[q].done, now)
    while w.rep[r].head >= 0:
        q = w.rep[r].head
        take_off(w, r, q)
        resend(w, r, q, w.req[q].done, now)
    if w.when[r] != IDLE:
        w.rep[r].busy += now - w.rep[r].began
        rekey(w.heap, w.place, w.when, r, IDLE)
    w.rep[r].queued, w.rep[r].members, w.rep[r].used, w.rep[r].context, w.rep[r].jump = 0, 0, 0.0, 0.0, 0.0


@jit
def resend(w: World, r: int, q: int, written: int, now: float) -> None:
    """A request of a replica that failed comes again, now; no cache holds its prompt."""
    w.req[q].done, w.req[q].cached = written, 0
    w.req[q].lost += 1
    w.sizes[3] -= 1
    rekey(w.l_heap, w.l_place, w.load, r, w.load[r] - 1.0)
    w.sizes[0] = push(w.free_key, w.free_item, w.sizes[0], now, q)


@jit
def come(w: World, rule: Rule, q: int, r: int, now: float) -> None:
    """A request is sent to a replica; where that keeps what its prompt begins with, this is brought first."""
    w.req[q].where, w.req[q].life = r, w.rep[r].failed
    w.sizes[3] += 1
    rekey(w.l_heap, w.l_place, w.load, r, w.load[r] + 1.0)
    if len(w.kept.most) > 0:
        w.req[q].cached, w.req[q].brought = find(w.kept, r, q, w.req[q].prompt)
        if w.req[q].brought > 0.0:
            w.rep[r].link = max(w.rep[r].link, now) + w.req[q].brought
            w.sizes[0] = push(w.free_key, w.free_item, w.sizes[0], w.rep[r].link, q)
            return
    arrive(w, rule, q, r, now)


@jit
def brought(w: World, rule: Rule, q: int, now: float) -> None:
    """What a replica kept of a prompt is there, unless it failed in the meantime."""
    r = w.req[q].where
    w.req[q].brought = 0.0
    if w.req[q].life != w.rep[r].failed:
        resend(w, r, q, w.req[q].done, now)
    else:
        arrive(w, rule, q, r, now)


@jit
def arrive(w: World, rule: Rule, q: int, r: int, now: float) -> None:
    """A request waits at its replica."""
    w.req[q].arrival = now
    w.req[q].left = w.req[q].prompt + w.req[q].done - min(w.req[q].cached, w.req[q].prompt - 1)
    if w.rep[r].head < 0:
        w.rep[r].head = q
    else:
        w.req[w.rep[r].tail].behind = q
    w.rep[r].tail = q
    if w.when[r] == IDLE:
        w.rep[r].began, w.rep[r].jump, w.rep[r].members = now, 0.0, 0  # begins once all that come now are there
        rekey(w.heap, w.place, w.when, r, now)
    elif (
        w.rep[r].members == 0 and w.rep[r].jump > 1.0 and w.rep[r].head == q
        and w.rep[r].running + w.rep[r].queued < rule.slots
    ):  # fmt: skip
        cut(w, rule, r, now)


@jit
def cut(w: World, rule: Rule, r: int, now: float) -> None:
    """End a jump with the step under way, or with the one that the scheduler looks after."""
    here = w.rep[r]
    passed = max(np.ceil((now - here.began) / here.step), np.ceil(rule.poll - (here.passes - here.looked)), 1.0)
    if passed < w.rep[r].jump:
        w.rep[r].jump = passed
        rekey(w.heap, w.place, w.when, r, w.rep[r].began + passed * w.rep[r].step)


@jit
def complete(w: World, rule: Rule, r: int, now: float) -> None:
    """A pass or jump of a replica is over."""
    spent, m = now - w.rep[r].began, w.rep[r].members
    decodes = w.rep[r].running > 0 and (m == 0 or rule.mixed)
    alone = spent if m == 0 else (w.rep[r].step if decodes else 0.0)
    w.rep[r].busy += spent
    w.rep[r].passes += w.rep[r].jump
    w.rep[r].decoding += alone
    w.rep[r].reading += spent - alone
    if decodes:
        grown = w.rep[r].jump * w.rep[r].running * rule.gain
        w.rep[r].count += w.rep[r].jump
        w.rep[r].context += grown
        if not rule.reserve:
            w.rep[r].used += grown
        retire(w, rule, r, now)
    if m > 0:
        read(w, rule, r, m, now, spent)
        retire(w, rule, r, now)
    begin(w, rule, r, now)


@jit
def retire(w: World, rule: Rule, r: int, now: float) -> None:
    """Requests whose last token is out leave, and set free those that wait for them."""
    while w.rep[r].running > 0 and w.ends[r, 0] <= w.rep[r].count:
        q = w.ending[r, 0]
        w.rep[r].running = pop(w.ends[r], w.ending[r], w.rep[r].running)
        more = left_steps(rule, w.req[q].answer - w.req[q].done) * rule.gain
        w.rep[r].context -= w.req[q].prompt + w.req[q].done + more
        w.rep[r].used -= w.req[q].held + (0.0 if rule.reserve else more)
        w.req[q].finish = now
        w.sizes[3] -= 1
        rekey(w.l_heap, w.l_place, w.load, r, w.load[r] - 1.0)
        for f in range(w.successors[q], w.successors[q + 1]):
            after = w.followers[f]
            w.req[after].waits -= 1
            if w.req[after].waits == 0:
                comes = max(now + w.req[after].pause, w.req[after].arrival)
                w.sizes[0] = push(w.free_key, w.free_item, w.sizes[0], comes, after)


@jit
def read(w: World, rule: Rule, r: int, m: int, now: float, spent: float) -> None:
    """The pass has read its share of the first `m` prompts of the queue; those that are whole begin to run."""
    slots, at = w.queue.shape[1], w.rep[r].queue_at
    kept = 0
    for i in range(m - 1, -1, -1):
        q = w.queue[r, (at + i) % slots]
        w.req[q].left -= w.req[q].taken
        if w.req[q].left > 0:
            kept += 1
            w.queue[r, (at + m - kept) % slots] = q
        else:
            join(w, rule, r, q, now + spent * (rule.stages - 1))
    w.rep[r].queue_at = (at + m - kept) % slots
    w.rep[r].queued -= m - kept


@jit
def join(w: World, rule: Rule, r: int, q: int, first: float) -> None:
    """A request whose prompt is read gives a token, and runs from now on."""
    if w.req[q].done == 0:
        w.req[q].first = first
    w.req[q].done += 1
    if not rule.reserve:
        w.req[q].held += 1
        w.rep[r].used += 1
    w.rep[r].context += w.req[q].prompt + w.req[q].done
    w.rep[r].running = push(
        w.ends[r], w.ending[r], w.rep[r].running,
        w.rep[r].count + left_steps(rule, w.req[q].answer - w.req[q].done), q,
    )  # fmt: skip


@jit
def left_steps(rule: Rule, tokens: int) -> float:
    """Decode steps that write so many tokens."""
    return np.ceil(tokens / rule.gain - 1e-9)


@jit
def begin(w: World, rule: Rule, r: int, now: float) -> None:
    """Admit what waits, and start the next pass or jump; idle where there is nothing to do."""
    admit(w, rule, r)
    if w.rep[r].running > 0 and (rule.mixed or w.rep[r].queued == 0):
        make_room(w, rule, r)
        if w.rep[r].running == 0 and w.rep[r].queued == 0:
            admit(w, rule, r)
    running = w.rep[r].running
    w.rep[r].began, w.rep[r].jump, w.rep[r].members = now, 1.0, 0
    w.rep[r].step = look(rule.decode, running, w.rep[r].context / running) if running > 0 else 0.0
    if w.rep[r].queued > 0:
        spent = gather(w, rule, r)
        rekey(w.heap, w.place, w.when, r, now + spent + (w.rep[r].step if rule.mixed else 0.0))
    elif running > 0:
        w.rep[r].jump = steps(w, rule, r)
        w.rep[r].step = look(rule.decode, running, w.rep[r].context / running + 0.5 * (w.rep[r].jump - 1.0))
        rekey(w.heap, w.place, w.when, r, now + w.rep[r].jump * w.rep[r].step)
    else:
        rekey(w.heap, w.place, w.when, r, IDLE)


@jit
def steps(w: World, rule: Rule, r: int) -> float:
    """Decode steps until the next request ends, the cache is full, or the scheduler can take what waits."""
    here = w.rep[r]
    most = w.ends[r, 0] - here.count
    if not rule.reserve:
        most = min(most, np.floor((rule.room - here.used) / (here.running * rule.gain)))
    if here.head >= 0 and here.running < rule.slots and fits(w, rule, r, room_for(w, rule, here.head)):
        most = min(most, np.ceil(rule.poll - (here.passes - here.looked)))
    return max(most, 1.0)


@jit
def admit(w: World, rule: Rule, r: int) -> None:
    """Those that wait join in their order while there are slots and room; one larger than the cache never does."""
    here = w.rep[r]
    busy = here.running + here.queued > 0
    if busy and here.passes - here.looked < rule.poll and here.queued == 0:
        return
    here.looked = here.passes
    slots = w.queue.shape[1]
    while here.head >= 0 and here.running + here.queued < slots:
        q = here.head
        needed = room_for(w, rule, q)
        if not fits(w, rule, r, needed):
            if here.running + here.queued > 0:
                return
            drop(w, r, q)
            continue
        take_off(w, r, q)
        w.req[q].held = needed
        here.used += needed
        w.sizes[1] += 1
        w.req[q].admitted = w.sizes[1]
        w.queue[r, (here.queue_at + here.queued) % slots] = q
        here.queued += 1


@jit
def room_for(w: World, rule: Rule, q: int) -> float:
    """Room that a request is given when it joins [tokens]."""
    more = w.req[q].answer if rule.reserve else w.req[q].done
    return np.ceil((w.req[q].prompt + more) / rule.block) * rule.block


@jit
def fits(w: World, rule: Rule, r: int, needed: float) -> bool:
    """There is so much room, and some for the next step of those that run."""
    return w.rep[r].used + needed + (0.0 if rule.reserve else w.rep[r].running * rule.gain) <= rule.room


@jit
def take_off(w: World, r: int, q: int) -> None:
    """The first of those that wait waits no more."""
    w.rep[r].head = w.req[q].behind
    w.req[q].behind = -1


@jit
def drop(w: World, r: int, q: int) -> None:
    """A request that the empty cache cannot hold is refused: it has no times."""
    take_off(w, r, q)
    w.sizes[3] -= 1
    w.req[q].first = np.nan
    rekey(w.l_heap, w.l_place, w.load, r, w.load[r] - 1.0)


@jit
def gather(w: World, rule: Rule, r: int) -> float:
    """Take tokens of the queue for one pass, up to the budget of all ranks; its time [s]."""
    slots = w.queue.shape[1]
    budget, total, longest, keys, i = rule.budget * rule.ranks, 0, 0, 0.0, 0
    while i < w.rep[r].queued and total < budget:
        q = w.queue[r, (w.rep[r].queue_at + i) % slots]
        tokens = min(w.req[q].left, budget - total, rule.budget)
        behind = w.req[q].prompt + w.req[q].done - w.req[q].left
        w.req[q].taken = tokens
        total += tokens
        longest = max(longest, tokens)
        keys += tokens * (2.0 * behind + tokens)
        i += 1
    w.rep[r].members = i
    return look(rule.prefill, max(longest, total / rule.ranks), keys / total)


@jit
def make_room(w: World, rule: Rule, r: int) -> None:
    """Throw out the youngest requests until the next step fits; they wait at the front, and are read again."""
    while not rule.reserve and w.rep[r].running > 0 and w.rep[r].used + w.rep[r].running * rule.gain > rule.room:
        at = 0
        for i in range(w.rep[r].running):
            if w.req[w.ending[r, i]].admitted > w.req[w.ending[r, at]].admitted:
                at = i
        q, left = w.ending[r, at], w.ends[r, at] - w.rep[r].count
        w.rep[r].running = remove(w.ends[r], w.ending[r], w.rep[r].running, at)
        more = (left_steps(rule, w.req[q].answer - w.req[q].done) - left) * rule.gain
        written = min(int(w.req[q].done + more), w.req[q].answer - 1)
        w.rep[r].context -= w.req[q].prompt + w.req[q].done + more
        w.rep[r].used -= w.req[q].held + more
        w.req[q].thrown += 1
        if w.rep[r].running == 0 and w.rep[r].queued == 0 and w.req[q].prompt + written + 1 > rule.room:
            w.sizes[3] -= 1
            w.req[q].first = np.nan
            rekey(w.l_heap, w.l_place, w.load, r, w.load[r] - 1.0)
            continue
        w.req[q].done, w.req[q].left = written, w.req[q].prompt + written
        w.req[q].behind = w.rep[r].head
        if w.rep[r].head < 0:
            w.rep[r].tail = q
        w.rep[r].head = q
