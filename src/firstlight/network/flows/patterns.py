"""Traffic of well-known patterns: permutations, incast, all-to-all, rings, caches handed over, checkpoints, steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.network.flows.traffic import Traffic, also, merge, traffic, waits
from firstlight.twin.protocols import Ints


def permutation(endpoints: int, size: ArrayLike, seed: int) -> Traffic:
    """Each endpoint sends to one other and receives from one other, drawn at random.

    Args:
        endpoints: 0 .. endpoints - 1 take part.
        size: of each message, or of all [B].
        seed: of the draw.

    Raises:
        UsageError: fewer than two endpoints.
    """
    if endpoints < 2:
        raise UsageError(f"a permutation needs two endpoints or more, not {endpoints}")
    order = np.random.default_rng(seed).permutation(endpoints)
    targets = np.empty(endpoints, np.int64)
    targets[order] = np.roll(order, 1)
    return traffic(np.arange(endpoints), targets, size)


def shift(endpoints: int, size: float) -> Traffic:
    """Each endpoint sends to the one half of all further on; `size` of each message [B]."""
    return traffic(np.arange(endpoints), (np.arange(endpoints) + endpoints // 2) % endpoints, size)


def incast(sources: ArrayLike, target: int, size: ArrayLike) -> Traffic:
    """All sources send to one target at once; `size` of each message [B]."""
    return traffic(np.asarray(sources), target, size)


def all_to_all(members: ArrayLike, size: float, window: int | None = None) -> Traffic:
    """Each member sends the same to each other, nearest number first.

    Args:
        members: endpoints [n].
        size: of one message [B].
        window: messages that a member has under way at once; None: all.

    Raises:
        UsageError: fewer than two members, or a window below 1.
    """
    members = _members(members)
    count, steps = len(members), len(members) - 1
    if window is not None and window < 1:
        raise UsageError(f"a window of {window} messages sends nothing; it is 1 or more")
    rank, step = np.tile(np.arange(count), steps), np.repeat(np.arange(1, count), count)
    later = np.flatnonzero(step > (window or steps))
    after = waits(later, later - count * (window or steps), len(rank))
    targets = members[(rank + step) % count]
    return traffic(members[rank], targets, size, after=after, chain=rank * count + (rank + step) % count)


def ring(members: ArrayLike, size: float, steps: int) -> Traffic:
    """A ring: in each step each member passes on to the next what it got in the step before, on one queue pair.

    An all-reduce of n members and B bytes has 2 (n - 1) steps of B / n.

    Args:
        members: endpoints in the order of the ring [n].
        size: of one message [B].
        steps: of the ring.

    Raises:
        UsageError: fewer than two members, or no step.
    """
    members = _members(members)
    if steps < 1:
        raise UsageError(f"a ring of {steps} steps moves nothing; it has 1 or more")
    count = len(members)
    rank, later = np.tile(np.arange(count), steps), np.arange(count, count * steps)
    first = later - count
    before = first - first % count + (first % count - 1) % count
    after = waits(np.concatenate([later, later]), np.concatenate([before, first]), count * steps)
    return traffic(members[rank], np.roll(members, -1)[rank], size, after=after, chain=rank)


def handover(prefill: ArrayLike, decode: ArrayLike, size: ArrayLike, start: ArrayLike, layers: int = 1) -> Traffic:
    """Key-value caches from prefill to decode endpoints, layer after layer.

    Args:
        prefill, decode: endpoints of each request [requests].
        size: of each request's cache [requests] [B].
        start: of each request's hand-over [requests] [s].
        layers: equal messages that a cache goes in, each after the one before.

    Raises:
        UsageError: no layer.
    """
    if layers < 1:
        raise UsageError(f"a cache goes in 1 layer or more, not {layers}")
    each = np.broadcast_arrays(np.atleast_1d(prefill), decode, size, start)
    count = len(each[0])
    request, later = np.tile(np.arange(count), layers), np.arange(count, count * layers)
    after = waits(later, later - count, count * layers)
    return traffic(each[0][request], each[1][request], each[2][request] / layers, each[3][request], after, request)


def checkpoint(sources: ArrayLike, stores: ArrayLike, size: float) -> Traffic:
    """All sources write at once, each to one of the stores in turn; `size` of each [B].

    Raises:
        UsageError: no source or no store.
    """
    sources, stores = np.atleast_1d(sources), np.atleast_1d(stores)
    if not len(sources) or not len(stores):
        raise UsageError(
            f"a checkpoint goes from one source or more to one store or more, not from {len(sources)} to {len(stores)}"
        )
    return traffic(sources, stores[np.arange(len(sources)) % len(stores)], size)


def step(ranks: ArrayLike, activations: float, gradients: float, microbatches: int = 1) -> Traffic:
    """The fabric's traffic in one training step of a job, without computing: pipeline there and back, then gradients.

    Each microbatch goes from stage to stage and its gradients come back, one after the other on each hop. A stage's
    replicas reduce its gradients in a ring once each has its last microbatch back. Merge with `all_to_all` for experts.

    Args:
        ranks: endpoint of each pipeline stage of each replica [stages, replicas].
        activations: of a microbatch between two stages [B].
        gradients: of one stage, reduced over the replicas [B].
        microbatches: of one replica.

    Raises:
        UsageError: `ranks` is not a table, a job of one rank, which sends nothing, or no microbatch.
    """
    ranks = np.asarray(ranks, np.int64)
    if ranks.ndim != 2 or ranks.size < 2 or microbatches < 1:
        raise UsageError(
            f"a step has a table of ranks, stages by replicas with two ranks or more, and 1 microbatch or more; "
            f"not the shape {ranks.shape} and {microbatches} microbatches"
        )
    stages, replicas = ranks.shape
    pipe = [_pipeline(ranks, activations, microbatches)] if stages > 1 else []
    rings = [ring(stage, gradients / replicas, 2 * (replicas - 1)) for stage in ranks] if replicas > 1 else []
    whole = merge(*pipe, *rings)
    if not pipe or not rings:
        return whole
    stage, replica = np.divmod(np.arange(ranks.size), replicas)
    starts = len(pipe[0]) + stage * len(rings[0]) + replica
    last = (microbatches - 1) * 2 * (stages - 1) * replicas + (2 * stages - 3 - stage) * replicas + replica
    return also(whole, starts, last)


def _pipeline(ranks: Ints, size: float, microbatches: int) -> Traffic:
    """Microbatch after microbatch from stage to stage of each replica and back [microbatches, hops, replicas]."""
    sources = np.concatenate([ranks[:-1], ranks[:0:-1]])
    targets = np.concatenate([ranks[1:], ranks[-2::-1]])
    number = np.arange(microbatches * sources.size).reshape(microbatches, *sources.shape)
    after = waits(
        np.concatenate([number[1:].ravel(), number[:, 1:].ravel()]),
        np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()]), number.size,
    )  # fmt: skip
    each = (np.broadcast_to(part, number.shape).ravel() for part in (sources, targets, number[0]))
    source, target, chain = each
    return traffic(source, target, size, after=after, chain=chain)


def _members(members: ArrayLike) -> Ints:
    members = np.asarray(members, np.int64)
    if len(members) < 2 or len(np.unique(members)) < len(members):
        raise UsageError(f"a group has two or more different members, not {members.tolist()[:4]}")
    return members
