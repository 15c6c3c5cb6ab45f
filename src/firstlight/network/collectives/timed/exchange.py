"""Exchanges of routed tokens: DeepEP's two modes, and all-to-alls inside one scale-up domain."""

from __future__ import annotations

import numpy as np

from firstlight.timings.formula import Arrays, Option, join
from firstlight.twin.protocols import Floats

WIRES = 3.0
"""Exponent that joins times of links that carry at once."""


def low_latency(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of one direction of DeepEP's low-latency exchange [s].

    Args:
        p: launch, per_expert, per_message, network, doubling [s]; link_share; nic [B/s].
        x: volume (that a rank sends) [B], outside (share of it to other nodes), experts, messages (tokens x active),
            nodes; link [B/s]; latency (over the H100's).

    Half of the software's time hides behind the wire's (soft maximum), half does not. github.com/deepseek-ai/DeepEP.
    """
    del option
    software = x["latency"] * (p["launch"] + p["per_expert"] * x["experts"]) + p["per_message"] * x["messages"]
    inside = x["volume"] * (1.0 - x["outside"]) / (p["link_share"] * x["link"])
    wire = join(WIRES, inside, x["volume"] * x["outside"] / p["nic"])
    time = 0.5 * join(2.0, software, wire) + 0.5 * (software + wire)
    return time + _between(p, x)


def normal(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of one direction of DeepEP's normal (high-throughput) exchange [s].

    Args:
        p: launch, network, doubling, per_token [s]; unit_rate [B/s per unit]; link_share; nic [B/s]; norm.
        x: inside (bytes over links) [B], outside (bytes over the network) [B], tokens, used_units, nodes; link [B/s];
            latency (over the H100's).
    """
    del option
    wire = join(
        p["norm"],
        x["inside"] / (p["unit_rate"] * x["used_units"]),
        x["inside"] / (p["link_share"] * x["link"]),
        x["outside"] / p["nic"],
        p["per_token"] * x["tokens"] / x["used_units"],
    )
    return x["latency"] * p["launch"] + wire + _between(p, x)


def _between(p: Arrays, x: Arrays) -> Floats:
    more = p["network"] + p["doubling"] * np.log2(np.maximum(x["nodes"], 1.0))
    return np.where(x["nodes"] > 1, more, 0.0)


def domain(p: Arrays, x: Arrays, option: Option) -> Floats:
    """Time of one phase of an all-to-all inside a scale-up domain [s].

    Args:
        p: launch, per_rank, per_token [s]; link_share; copies (of a rank's tokens in its own memory); norm.
        x: volume (that leaves a rank) [B], held (a rank's tokens) [B], tokens, ranks; link, bandwidth [B/s]; latency
            (over the H100's).
    """
    del option
    copied = p["copies"] * 8.0 * x["held"] / x["bandwidth"]
    carried = x["volume"] / (p["link_share"] * x["link"]) + copied + p["per_token"] * x["tokens"]
    return join(p["norm"], x["latency"] * (p["launch"] + p["per_rank"] * x["ranks"]), carried)
