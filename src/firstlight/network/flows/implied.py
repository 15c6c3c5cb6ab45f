"""Links that others on the same paths keep from filling: a pod's uplinks fed by its leaves' uplinks, compiled.

All flows of a link come through a few links before it. They bring no more than each of these carries, and if that is
within the link's capacity it never binds. The same holds for the links behind it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.network.flows.compiled import routine
from firstlight.twin.protocols import Floats, Ints, Paths

ROUNDING = 1e-9


def implied(paths: Paths, capacity: Floats, cap: Floats) -> np.ndarray:
    """Whether each link is kept from filling by links that are not themselves so [links].

    Args:
        paths, capacity, cap: see `Fillable`.
    """
    from scipy.sparse import csr_matrix  # heavy

    links, width = len(capacity), paths.shape[1]
    edge = np.full((len(paths), 1), -1, paths.dtype)
    walked = np.concatenate([edge, paths, edge], axis=1).astype(np.int64) + 1
    before, behind = walked[:, :-1].ravel(), walked[:, 1:].ravel()
    both = (links + 1, links + 1)
    then = csr_matrix((np.repeat(cap, width + 1), (before, behind)), shape=both)  # adds up what is alike
    down = np.argsort(-capacity, kind="stable")
    return _implied(capacity, down, *_neighbours(then), *_neighbours(then.tocsc()))


def _neighbours(flows: Any) -> tuple[Ints, Ints, Floats]:
    """Neighbours of each link and what flows between, of a sparse matrix: row starts, neighbours (-1: none), demand
    [B/s]."""
    return flows.indptr[1:].astype(np.int64), flows.indices.astype(np.int64) - 1, flows.data


@routine
def _implied(
    capacity: Floats, order: Ints,
    behind: Ints, nexts: Ints, leaving: Floats, before: Ints, lasts: Ints, coming: Floats,
) -> np.ndarray:  # fmt: skip
    """Widest links first; a link found to be implied is no reason for another."""
    found = np.zeros(capacity.size, np.bool_)
    for link in order:
        room = capacity[link] * (1 + ROUNDING)
        found[link] = (
            _most(capacity, found, before, lasts, coming, link) <= room
            or _most(capacity, found, behind, nexts, leaving, link) <= room
        )
    return found


@routine
def _most(capacity: Floats, found: np.ndarray, starts: Ints, others: Ints, demand: Floats, link: int) -> float:
    """What the neighbours on one side let through to a link [B/s]."""
    total = 0.0
    for i in range(starts[link], starts[link + 1]):
        other = others[i]
        bound = other >= 0 and not found[other]
        total += min(demand[i], capacity[other]) if bound else demand[i]
    return total
