"""Where the members of a parallel group sit: how many share a scale-up domain, how many domains it spans."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.twin.protocols import Floats

Group = tuple[Floats, Floats]
"""(members in one scale-up domain, domains), as `twin.protocols.CollectiveTime` takes it."""


def group(size: ArrayLike, stride: ArrayLike, domain: int) -> Group:
    """A group of `size` ranks that stand `stride` apart in rank order.

    Ranks are numbered with tensor parallelism innermost, then context, expert and data, pipeline outermost, and
    `domain` neighbours in this order share a scale-up domain (Megatron-LM, arXiv 2104.04473). TP16 on domains of 8 is
    (8, 2). Of groups that do not divide a domain some lie across two, and all wait for them: TP6 on domains of 8 is
    (3, 2). Powers of two are laid out so that none does (accelerators of the domain stay idle).
    """
    size, stride = np.asarray(size, dtype=float), np.asarray(stride, dtype=float)
    inner = np.clip(np.floor(domain / stride), 1.0, size)
    reach = size * stride
    across = (size > 1) & (reach <= domain) & (domain % reach > 0) & (np.log2(reach) % 1 > 0)
    inner = np.where(across, np.ceil(size / 2.0), inner)
    return inner, np.ceil(size / inner)


def neighbours(stride: ArrayLike, domain: int) -> Group:
    """Two ranks that stand `stride` apart: a pipeline stage and the next."""
    return group(np.asarray(2.0), stride, domain)
