"""Collectives of a few accelerators on one node's links: NCCL's protocols, and one-kernel all-reduces."""

from __future__ import annotations

import numpy as np

from firstlight.timings.formula import Arrays, Option, soft_minimum
from firstlight.twin.protocols import Floats


def nccl(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of a NCCL collective [s].

    Args:
        p: base and hop of the protocols LL, LL128 and Simple and base of NVLS [s]; their shares of the link; own;
            sharp; network [s], network_share.
        x: size (whole buffer) [B], volume (that a link carries) [B], steps, ranks, nodes; in_switch (1 where the
            switches can add up); link [B/s], network [B/s]; latency (over the H100's).

    NCCL takes the fastest of its protocols by a model of the same form, base + hop x steps + volume / bandwidth (NCCL
    sources, tuning.cc; the priors are its constants). A rank also copies its own part to where the result stands; `own`
    weighs those bytes against those that its link carries, so that two ranks see less of a link than eight. Between
    nodes a hop and the network's rate come on top.
    """
    del option
    link, steps, latency = x["link"], x["steps"], x["latency"]
    volume = x["volume"] + p["own"] * x["size"] / x["ranks"]
    protocols = [
        latency * (p[f"base_{name}"] + p[f"hop_{name}"] * steps) + volume / (p[f"share_{name}"] * link)
        for name in ("ll", "ll128", "simple")
    ]
    switched = latency * p["base_nvls"] + x["size"] * (x["ranks"] + 1.0) / x["ranks"] / (p["share_nvls"] * link)
    inside = soft_minimum(p["sharp"], *protocols, np.where(x["in_switch"] > 0, switched, np.inf))
    rate = p["network_share"] * x["network"]
    between = p["network"] * np.log2(np.maximum(x["nodes"], 1.0)) + x["volume"] / rate
    return inside + np.where(x["nodes"] > 1, between, 0.0)


def all_reduce(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of an all-reduce that one kernel does by reading its peers' memory [s].

    Args:
        p: launch, hop, two_launch, ring_launch [s]; one_share, two_share, ring_share (of the link); sharp.
        x: size [B], ranks; link [B/s]; latency (over the H100's).

    The fastest of one shot (each rank reads all others), two shots (reduce-scatter, then all-gather) and a ring.
    """
    del option
    ranks, link, latency = x["ranks"], x["link"], x["latency"]
    one = latency * (p["launch"] + p["hop"] * ranks) + (ranks - 1.0) * x["size"] / (p["one_share"] * link)
    passed = 2.0 * (ranks - 1.0) / ranks * x["size"]
    two = latency * (p["two_launch"] + 2.0 * p["hop"] * ranks) + passed / (p["two_share"] * link)
    ring = latency * p["ring_launch"] + passed / (p["ring_share"] * link)
    return soft_minimum(p["sharp"], one, two, ring)
