"""Rail-aligned traffic (PXN, NCCL 2.12): a message leaves through the NIC of its target's rail.

It is handed over inside the sender's scale-up domain first, so that in the fabric it stays on one rail: one leaf for
neighbours, and on isolated rails the only way there is.
"""

from __future__ import annotations

import numpy as np

from firstlight.errors import UsageError
from firstlight.twin.protocols import Ints


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
