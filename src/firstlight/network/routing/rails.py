"""Rail-aligned traffic (PXN, NCCL 2.12): a message leaves through the NIC of its target's rail.

It is handed over inside the sender's scale-up domain first, so that in the fabric it stays on one rail: one leaf for
neighbours, and on isolated rails the only way there is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.flows.traffic import Traffic
from firstlight.network.topology import RailOnly, Sites
from firstlight.twin.protocols import Ints, Topology


def aligned(sources: Ints, targets: Ints, rails: int, domain: int) -> Ints:
    """The endpoint that each message enters the fabric at: its target where both are in one domain.

    Args:
        sources, targets: endpoints [pairs].
        rails: NICs in a row of which the k-th is on rail k.
        domain: endpoints of a scale-up domain, whole rows.

    Raises:
        UsageError: the domain is not whole rows of rails.
    """
    if domain % rails:
        raise UsageError(f"a scale-up domain of {domain} endpoints is not whole rows of {rails} rails")
    inside = sources // domain == targets // domain
    return np.where(inside, targets, sources - sources % rails + targets % rails)


def handed_over(topology: Topology, flows: Traffic, domain: int) -> Traffic:
    """Traffic as a fabric of isolated rails carries it; on all others as it is.

    What is for another rail goes to the NIC of that rail inside the sender's scale-up domain first; what stays inside a
    domain never meets the fabric and goes from its target to itself. The time inside the domain is not counted.

    Args:
        topology: fabric.
        flows: between its endpoints.
        domain: endpoints of a scale-up domain.

    Raises:
        UsageError: an endpoint does not exist, or the domain does not join the rails.
    """
    own = topology.inside if isinstance(topology, Sites) else topology
    if not isinstance(own, RailOnly) or own.rails == 1:
        return flows
    sources, targets = topology.pairs(flows.source, flows.target)
    return replace(flows, source=aligned(sources, targets, own.rails, domain).astype(np.int32))
