"""The messages of one step of a collective, of all groups of a job at once.

Ranks that stand `stride` apart are a group: rank r is member (r // stride) % size of it (as in `performance.groups`).
Only what leaves a scale-up domain is counted; each rank sends one unit of bytes in all, over its own NIC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from firstlight.network.jobs.placement import Units
from firstlight.network.routing.rails import aligned
from firstlight.twin.protocols import Floats, Ints

MOST_FLOWS = 4_000_000
"""Messages of one exchange; of more, targets evenly spaced over the group stand for all."""


@dataclass(frozen=True)
class Wave:
    """Messages that are under way at once.

    Attributes:
        source, target: ranks of the job or, behind `rails`, endpoints [flows].
        weight: of each message, of what one rank sends [flows].
        steps: that follow each other, each like this one.
        parts: messages that a rank's bytes go in, in one step.
        others: messages at the end that are another job's and in the way.
    """

    source: Ints
    target: Ints
    weight: Floats
    steps: int
    parts: int
    others: int = 0

    def __len__(self) -> int:
        return len(self.source)


def ring(ranks: int, size: int, stride: int, inner: int, domain: int) -> Wave:
    """Each member sends to the one `inner` further on, which is its neighbour in the next domain, on the same rail.

    The last on a rail sends to the first on it, also where the last domain is not full.

    Args:
        ranks: of the job; those beyond whole groups stand idle.
        size: of a group; stride: ranks between members.
        inner: members in one domain.
        domain: accelerators of a scale-up domain.
    """
    source, member = _members(ranks, size, stride)
    after = np.where(member + inner < size, member + inner, member % inner)
    target = source + (after - member) * stride
    return _between(source, target, np.ones(len(source)), domain, max(size // inner - 1, 1), 1)


def exchange(ranks: int, size: int, stride: int, inner: int, domain: int) -> Wave:
    """All-to-all: each member sends to all members in other domains; see `ring`."""
    source, member = _members(ranks, size, stride)
    hops = np.arange(1, size)
    most = max(1, MOST_FLOWS // max(len(source), 1))
    if len(hops) > most:
        hops = np.unique(np.linspace(1, size - 1, most).astype(np.int64))
    target = source[None] + ((member[None] + hops[:, None]) % size - member[None]) * stride
    away = source[None] // domain != target // domain
    sent = np.maximum(away.sum(axis=0), 1)
    weight = np.broadcast_to(1.0 / sent, target.shape)
    parts = max(size - inner, 1)
    return Wave(np.broadcast_to(source, target.shape)[away], target[away], weight[away], 1, parts)


def handover(ranks: int, stride: int, domain: int) -> Wave:
    """Each rank sends to the one `stride` further on: a pipeline stage to the next."""
    source = np.arange(max(ranks - stride, 0))
    return _between(source, source + stride, np.ones(len(source)), domain, 1, 1)


def tree(ranks: int, size: int, stride: int, inner: int, domain: int) -> Wave:
    """Two trees over the domains of a group, each with half of the bytes: children send to parents; see `ring`.

    Inner nodes of one tree are leaves of the other (Sanders, Speck, Traeff, 2009), here by counting backwards.
    """
    source, member = _members(ranks, size, stride)
    domains, place = size // inner, member // inner
    parents = [(place - 1) // 2, domains - 1 - (domains - 2 - place) // 2]
    rows = [np.flatnonzero(place > 0), np.flatnonzero(place < domains - 1)]
    target = [source[row] + (parent[row] - place[row]) * inner * stride
              for row, parent in zip(rows, parents, strict=True)]  # fmt: skip
    ends = np.concatenate([source[row] for row in rows]), np.concatenate(target)
    return _between(*ends, np.full(len(ends[0]), 0.5), domain, 1, 1)


def rails(wave: Wave, found: Units, placed: Ints, rails: int) -> Wave:
    """The same between endpoints: each rank sends over its NICs, or over another NIC of its unit that is left.

    Messages of a unit that has no NIC left keep their own ones.

    Args:
        wave: of ranks.
        found: units of the fabric.
        placed: units of the job.
        rails: 1, or those that messages are handed over to before they leave (see `routing.rails`).
    """
    each = max(found.nics // found.accelerators, 1)
    own = np.arange(each)[:, None]

    def nics(ranks: Ints) -> Ints:
        unit, local = np.divmod(ranks, found.accelerators)
        first = local * found.nics // found.accelerators
        return placed[unit] * found.nics + first + own

    source, target = nics(wave.source).ravel(), nics(wave.target).ravel()
    if rails > 1:
        source = aligned(source, target, rails, found.nics)
    swap = _substitutes(found)
    weight = np.broadcast_to(wave.weight / each, (each, len(wave))).ravel()
    return replace(wave, source=swap[source], target=swap[target], weight=weight)


def beside(wave: Wave, others: Sequence[Wave]) -> Wave:
    """The same messages while those of other jobs are under way; all between endpoints."""
    source, target, weight = (
        np.concatenate([getattr(part, name) for part in (wave, *others)]) for name in ("source", "target", "weight")
    )
    return replace(wave, source=source, target=target, weight=weight, others=sum(map(len, others)))


def _substitutes(found: Units) -> Ints:
    """For each endpoint itself, or where it has no link left one of its unit that has, in turn."""
    count, nics = found.alive.shape
    own = np.arange(count * nics).reshape(count, nics)
    kept = np.argsort(~found.alive, axis=1, kind="stable")
    many = np.maximum(found.alive.sum(axis=1, keepdims=True), 1)
    other = np.take_along_axis(kept, np.arange(nics)[None] % many, axis=1)
    hurt = ~found.alive & found.alive.any(axis=1, keepdims=True)
    return np.where(hurt, other + own[:, :1], own).ravel()


def _members(ranks: int, size: int, stride: int) -> tuple[Ints, Ints]:
    """Ranks of whole groups, and the place of each in its group."""
    source = np.arange(ranks // (size * stride) * size * stride)
    return source, source // stride % size


def _between(source: Ints, target: Ints, weight: Floats, domain: int, steps: int, parts: int) -> Wave:
    away = source // domain != target // domain
    return Wave(source[away], target[away], weight[away], steps, parts)
