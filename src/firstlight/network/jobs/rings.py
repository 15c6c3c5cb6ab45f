"""What lost links do to the rings of a torus, along which collectives run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.network.jobs.fabric import Usage
from firstlight.network.routing.failures import Failures
from firstlight.network.topology import Slices, Torus
from firstlight.twin.protocols import Floats, Ints

DETOUR = 4.0
"""Times as long where a ring is cut into parts: a ring beside it carries the messages of both, two links further
(estimate)."""


@dataclass(frozen=True)
class Rings:
    """The rings of some accelerators of a torus.

    Attributes:
        slower: times as long as when healthy that the slowest ring along each dimension takes [3]; 1 where none lost a
            link or there is none.
        along: dimensions that have rings [3].
        cut: accelerators of them without any link.
        binding: the slowest rings by their worst link, busiest first.
    """

    slower: Floats
    along: NDArray[np.bool_]
    cut: Ints
    binding: tuple[Usage, ...]


def ringed(topology: Torus | Slices, failures: Failures, members: Ints) -> Rings:
    """What failures do to the rings between some accelerators.

    A ring sends both ways round. Where a link has a share s left, the accelerator behind it gets what all others send
    over 1 + s links in the place of 2; where two have s and t, the arcs between them over s + t; a dimension of two
    is one link.

    Args:
        topology: a torus, or slices of one.
        failures: links that are down or slow.
        members: accelerators, by number.
    """
    lost = failures.links < topology.links
    links, share = failures.links[lost], failures.share[lost]
    lower, upper = topology.ends(0, links)
    own = np.zeros(topology.endpoints, bool)
    own[members] = True
    inside = own[lower] & own[upper]
    dimension, ring, length = topology.rings(links)
    slower, found = np.ones(3), list[Usage]()
    for number in np.unique(ring[inside]).tolist():
        of = np.flatnonzero(inside & (ring == number))
        left = np.sort(np.append(share[of], 1.0))[:2] if length[of[0]] > 2 else np.full(2, share[of].min())
        time = min(2.0 / left.sum(), DETOUR) if left.sum() > 0 else DETOUR
        slower[dimension[of[0]]] = max(slower[dimension[of[0]]], time)
        worst = of[np.argmin(share[of])]
        found.append(Usage(f"{topology.bundles[0].name}#{links[worst]}", float(time)))
    gone = share == 0
    left = topology.links_each() - np.bincount(np.concatenate([lower[gone], upper[gone]]), minlength=len(own))
    binding = tuple(sorted(found, key=lambda one: -one.busy)[:3])
    return Rings(slower, topology.along(), np.flatnonzero(own & (left <= 0)), binding)
