"""What a switch does with a packet, compiled: choose a link, queue, mark, or trim to the header."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.network.flows.compiled import kernel
from firstlight.network.topology.walk import BELOW, FIRST, LOWER, UP, UPPER, WIDTH, digit
from firstlight.network.transport.dice import chance

OBLIVIOUS, REPS, ADAPTIVE, HASHED = range(4)
"""How packets choose among equal links: entropies in turn, recycled entropies, the shortest queue, one hash a flow."""


@kernel
def key(flow: int, entropy: int, switch: int, seed: int) -> np.uint64:
    """What a switch hashes: flow and entropy with a salt of its own; flows of one queue pair hash alike."""
    salt = np.uint64(switch) * np.uint64(0xC2B2AE3D27D4EB4F) ^ np.uint64(seed) * np.uint64(0xFF51AFD7ED558CCD)
    return (np.uint64(flow) * np.uint64(65536) + np.uint64(entropy)) * np.uint64(0x9E3779B97F4A7C15) ^ salt


@kernel
def below(stages: Any, stage: int, switch: int, leaf: int) -> tuple[int, int, int]:
    """First link of a stage from an upper switch down towards a leaf, how many there are, and their stride."""
    upper, up, lower = stages[stage, UPPER], stages[stage, UP], stages[stage, LOWER]
    group = switch // upper
    block = stages[stage, WIDTH] * up
    start = leaf // stages[stage, BELOW] * block - group * lower * up
    skip = (switch - group * upper - start) % upper
    count = (block - 1 - skip) // upper + 1
    return stages[stage, FIRST] + group * lower * up + start + skip, count, upper


@kernel
def above(stages: Any, stage: int, link: int) -> int:
    """Upper switch of a link of a stage (counted from the stage's first)."""
    each = stages[stage, LOWER] * stages[stage, UP]
    group = link // each
    return group * stages[stage, UPPER] + (link - group * each) % stages[stage, UPPER]


@kernel
def reaches(plane: Any, tier: int, switch: int, leaf: int, target: int) -> bool:
    """A switch has a way down to an endpoint that is not broken.

    A search with a stack of its own: compiled functions that call themselves crash when they are loaded from disk.
    """
    at, turn, t = plane.stack[0], plane.stack[1], tier
    if plane.rate[plane.links + target] <= 0:
        return False
    at[t], turn[t] = switch, 0
    while t <= tier:
        if t == 0:
            return True
        link, count, stride = below(plane.stages, t - 1, at[t], leaf)
        if turn[t] >= count:
            t += 1
            continue
        one = link + turn[t] * stride
        turn[t] += 1
        if plane.rate[plane.links + one] > 0:
            t -= 1
            at[t], turn[t] = (one - plane.stages[t, FIRST]) // plane.stages[t, UP], 0
    return False


@kernel
def climbs_to(plane: Any, tier: int, switch: int, climb: int, leaf: int, target: int) -> bool:
    """A switch on the way up has a way to an endpoint that is not broken; a search like `reaches`."""
    at, turn, t = plane.stack[2], plane.stack[3], tier
    at[t], turn[t] = switch, 0
    while t >= tier:
        if t == climb:
            if reaches(plane, t, at[t], leaf, target):
                return True
            t -= 1
            continue
        up = plane.stages[t, UP]
        if turn[t] >= up:
            t -= 1
            continue
        link = at[t] * up + turn[t]
        turn[t] += 1
        if plane.rate[plane.stages[t, FIRST] + link] > 0:
            at[t + 1], turn[t + 1] = above(plane.stages, t, link), 0
            t += 1
    return False


@kernel
def usable(plane: Any, packet: Any, flow: Any, link: int) -> bool:
    """A link is up, and its far end has a way to the target."""
    if plane.rate[link] <= 0:
        return False
    leaf, tier = plane.leaf[flow.target], packet.tier
    if packet.down:
        lower = (link - plane.links - plane.stages[tier - 1, FIRST]) // plane.stages[tier - 1, UP]
        return reaches(plane, tier - 1, lower, leaf, flow.target)
    upper = above(plane.stages, tier, link - plane.stages[tier, FIRST])
    return climbs_to(plane, tier + 1, upper, flow.climb, leaf, flow.target)


@kernel
def level(queue: Any, now: float, p: Any) -> float:
    """How full a queue is, as adaptive routing sees it: in a few steps, and not always the newest."""
    if now - queue.looked > p.look:
        full = max(queue.free - now, 0.0) * queue.rate / queue.limit
        queue.looked = now
        queue.level = (full >= p.looks_low) + (full >= p.looks_mid) + (full >= p.looks_high)
    return queue.level


@kernel
def candidates(plane: Any, packet: Any, flow: Any) -> tuple[int, int, int]:
    """The directed links that lead nearer to the target: the first, how many, and the stride to the next."""
    if packet.down:
        link, count, stride = below(plane.stages, packet.tier - 1, packet.switch, plane.leaf[flow.target])
        return plane.links + link, count, stride
    up = plane.stages[packet.tier, UP]
    return plane.stages[packet.tier, FIRST] + packet.switch * up, up, 1


@kernel
def shortest(plane: Any, state: Any, packet: Any, flow: Any, among: tuple[int, int, int], now: float, p: Any) -> int:
    """One of the links with the shortest queue, at random; -1 where all are broken."""
    link, count, stride = among
    best, ties, chosen = 1e9, 0, -1
    for k in range(count):
        one = link + k * stride
        if plane.broken and not usable(plane, packet, flow, one):
            continue
        seen = level(state.queues[one], now, p)
        if seen < best:
            best, ties, chosen = seen, 1, one
        elif seen == best:
            ties += 1
            if chance(state.dice) * ties < 1.0:
                chosen = one
    return chosen


@kernel
def hashed(plane: Any, packet: Any, flow: Any, among: tuple[int, int, int], seed: int) -> int:
    """The link that a hash of flow and entropy chooses among those that lead to the target; -1 where there is none."""
    link, count, stride = among
    value = key(flow.chain, packet.entropy, packet.switch * 8 + packet.tier, seed)
    if not plane.broken:
        return link + int(digit(value, packet.down, count)) * stride
    left = 0
    for k in range(count):
        left += usable(plane, packet, flow, link + k * stride)
    turn = digit(value, packet.down, max(left, 1))
    for k in range(count):
        if usable(plane, packet, flow, link + k * stride):
            if turn == 0:
                return link + k * stride
            turn -= 1
    return -1


@kernel
def choose(plane: Any, state: Any, packet: Any, flow: Any, routing: int, seed: int, now: float, p: Any) -> int:
    """The directed link that a packet takes next; -1 where there is no way."""
    if packet.down and packet.tier == 0:
        return plane.links + flow.target
    if routing == ADAPTIVE:
        return shortest(plane, state, packet, flow, candidates(plane, packet, flow), now, p)
    return hashed(plane, packet, flow, candidates(plane, packet, flow), seed)


@kernel
def enqueue(queue: Any, packet: Any, now: float) -> float:
    """When a packet will have left the queue [s]; -1 where it is full."""
    ahead = max(queue.free - now, 0.0)
    if ahead * queue.rate + packet.size > queue.limit:
        queue.trimmed += 1
        return -1.0
    queue.free = now + ahead + packet.size / queue.rate
    return queue.free


@kernel
def mark(queue: Any, packet: Any, now: float, dice: Any) -> None:
    """Mark a packet that leaves by how much it leaves behind: never below `low`, always above `high`."""
    behind = (queue.free - now) * queue.rate
    if behind > queue.low and behind > queue.low + chance(dice) * (queue.high - queue.low):
        packet.marked = 1


@kernel
def move(plane: Any, packet: Any, flow: Any) -> float:
    """Take a packet over its link to the next switch; latency of link and switch [s]. On the last link, its own."""
    tier, link = packet.tier, packet.queue
    if not packet.down:
        packet.switch = above(plane.stages, tier, link - plane.stages[tier, FIRST])
        packet.tier = tier + 1
        packet.down = packet.tier == flow.climb
        return plane.wire[tier + 1] + plane.cross[tier + 1]
    if tier == 0:
        return plane.wire[0]
    packet.switch = (link - plane.links - plane.stages[tier - 1, FIRST]) // plane.stages[tier - 1, UP]
    packet.tier = tier - 1
    return plane.wire[tier] + plane.cross[tier - 1]


@kernel
def one_way(plane: Any, climb: int) -> float:
    """Latency between two endpoints [s]."""
    total = 2 * plane.wire[0] + plane.cross[0]
    for k in range(climb):
        total += 2 * plane.wire[k + 1] + plane.cross[k] + plane.cross[k + 1]
    return total


@kernel
def passed(plane: Any, packet: Any, climb: int) -> float:
    """Latency between the sender and the switch that a packet is at [s]."""
    total = plane.wire[0] + plane.cross[0]
    for k in range(climb if packet.down else packet.tier):
        total += plane.wire[k + 1] + plane.cross[k + 1]
    if packet.down:
        for k in range(packet.tier, climb):
            total += plane.wire[k + 1] + plane.cross[k]
    return total
