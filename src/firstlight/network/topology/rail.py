"""Rails: the k-th NIC of every node goes to rail k.

Rail-optimised (NVIDIA DGX SuperPOD reference architecture): a scalable unit has one leaf for each rail, and spines join
all leaves. Rail-only (Wang et al., arXiv 2307.12169; the multi-plane fat tree of DeepSeek-V3, arXiv 2505.09343): each
rail is a network of its own; traffic between rails is forwarded inside the nodes' scale-up domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.topology.base import Made, Switched, Wishes, tiers_and_bundles
from firstlight.network.topology.fold import fold
from firstlight.twin.protocols import Ints


@final
@dataclass(frozen=True)
class RailOptimised(Switched):
    """Leaves are numbered unit by unit, then rail by rail."""

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Switched.attach`."""
        node, rail = np.divmod(endpoints, self.shape.unit)
        unit, port = self.shape.seat(node)
        return np.zeros_like(unit), unit * self.shape.unit + rail, port


@final
@dataclass(frozen=True)
class RailOnly(Switched):
    """A network for each rail."""

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Switched.attach`."""
        node, rail = np.divmod(endpoints, self.rails)
        leaf, port = self.shape.seat(node)
        return rail, leaf, port


def rail_optimised(endpoints: int, rails: int, planes: int, wishes: Wishes, made: Made) -> RailOptimised:
    """A rail-optimised network on each plane.

    Raises:
        UsageError: no whole nodes, more rails than a pod has leaves, or a network that cannot be built so.
    """
    nodes, limits = whole_nodes(endpoints, rails), made.limits(wishes.of_nodes(rails))
    if endpoints > limits.radix and rails > limits.down(1):
        raise UsageError(
            f"{rails} rails need {rails} leaves in a pod, and {made.spine.name} has {limits.above} links: at most "
            f"{limits.down(1)}. Choose a switch with more ports, or fabric kind: clos"
        )
    shape = fold(nodes, rails, limits)
    tiers, bundles = tiers_and_bundles(shape, endpoints, planes, 1, made)
    return RailOptimised("rail-optimised", endpoints, planes, 1, shape, tiers, bundles)


def rail_only(endpoints: int, rails: int, planes: int, wishes: Wishes, made: Made) -> RailOnly:
    """An isolated network for each rail on each plane.

    Raises:
        UsageError: no whole nodes, or a network that cannot be built so.
    """
    shape = fold(whole_nodes(endpoints, rails), 1, made.limits(wishes.of_nodes(rails)))
    tiers, bundles = tiers_and_bundles(shape, endpoints, planes, rails, made)
    return RailOnly("rail-only", endpoints, planes, rails, shape, tiers, bundles)


def whole_nodes(endpoints: int, rails: int) -> int:
    """Whole nodes with one endpoint for each rail."""
    if rails < 2:
        raise UsageError("rails need two or more NICs in a node, and this system has one; choose fabric kind: clos")
    if endpoints % rails:
        near = max(endpoints // rails, 1) * rails
        raise UsageError(
            f"{endpoints:,} endpoints are not whole nodes of {rails} NICs; "
            f"the nearest are {near:,} and {near + rails:,}"
        )
    return endpoints // rails
