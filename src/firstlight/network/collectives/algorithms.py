"""Algorithms of collectives as constants: what they cost to start, for each step, and how much bandwidth they reach."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.spec.assumptions import Assumptions

_SUCCESSORS = {"rubin": "blackwell"}
"""Architectures that no published constants are known for, and the one before them."""


@dataclass(frozen=True)
class Algorithm:
    """A ring, or a tree between domains with chains inside them; in one protocol.

    Attributes:
        tree: log2 of the domains as steps between them, instead of one for each.
        base: to start [s].
        hop, network_hop: for each step inside a domain and between domains [s].
        efficiency: share of the ring's bandwidth.
        protocol: "LL" (flags in every 8 bytes), "LL128" or "Simple" (whole chunks).
    """

    tree: bool
    base: float
    hop: float
    network_hop: float
    efficiency: float
    protocol: str

    @property
    def low_latency(self) -> bool:
        """The LL protocol, whose bandwidth has ceilings of its own."""
        return self.protocol == "LL"


@dataclass(frozen=True)
class Constants:
    """Everything about the library and the accelerator that the times of collectives rest on.

    Attributes:
        rings, trees: in the protocols LL, LL128 and simple.
        pat_base, pat_hop: logarithmic all-gather and reduce-scatter between domains [s]; pat_efficiency of the NIC.
        nvls_hop, nvls_network_hop: reduction in the scale-up switches, and a tree between domains [s].
        nvls_efficiency: share of the scale-up bandwidth; 0 where the switches cannot reduce.
        nvls_ranks: least group that does it. sharp_network_hop: reduction in the switches of the fabric too [s].
        ring_efficiency, direct_efficiency: share of the scale-up bandwidth that rings and an all-to-all reach.
        ll_efficiency, ll_ceiling, ll_network_ceiling: of the LL protocol: share of the NIC; of the scale-up bandwidth.
        nic_efficiency, congestion, all_to_all_efficiency: shares of the NIC.
        message_cost: of an all-to-all, for each further domain [s].
        sync: factor on all latencies.
    """

    rings: tuple[Algorithm, ...]
    trees: tuple[Algorithm, ...]
    pat_base: float
    pat_hop: float
    pat_efficiency: float
    nvls_hop: float
    nvls_network_hop: float
    nvls_efficiency: float
    nvls_ranks: float
    sharp_network_hop: float
    ring_efficiency: float
    direct_efficiency: float
    ll_efficiency: float
    ll_ceiling: float
    ll_network_ceiling: float
    nic_efficiency: float
    congestion: float
    all_to_all_efficiency: float
    message_cost: float
    sync: float


def constants(architecture: str, a: Assumptions) -> Constants:
    """The constants of an accelerator's architecture ("hopper"), out of the assumptions `network.*`.

    Raises:
        UsageError: the plan has set a share of a bandwidth to zero.
    """
    family = architecture.lower().split("-")[0]
    family = _SUCCESSORS.get(family, family)
    shares = (
        "pat_efficiency", "ll_efficiency", "ll_ceiling", "ll_network_ceiling", "nic_efficiency",
        "all_to_all_efficiency",
    )  # fmt: skip
    rest = ("pat_base", "nvls_hop", "nvls_network_hop", "nvls_ranks", "sharp_network_hop", "congestion", "message_cost")
    return Constants(
        rings=_protocols("ring", a),
        trees=_protocols("tree", a),
        pat_hop=a["network.pat_network_hop"],
        nvls_efficiency=a[_of(family, "nvls_efficiency", a)],
        ring_efficiency=a.positive(_of(family, "ring_efficiency", a)),
        direct_efficiency=a.positive(_of(family, "direct_efficiency", a)),
        sync=a[_of(family, "sync", a)],
        **{name: a.positive(f"network.{name}") for name in shares},
        **{name: a[f"network.{name}"] for name in rest},
    )


def _of(family: str, name: str, a: Assumptions) -> str:
    """Name of an architecture's own assumption, or of that of all others."""
    own = f"network.{name}_{family}"
    return own if own in a else f"network.{name}_other"


def _protocols(kind: str, a: Assumptions) -> tuple[Algorithm, ...]:
    share = a.positive("network.tree_efficiency") if kind == "tree" else 1.0
    return tuple(
        Algorithm(
            tree=kind == "tree",
            base=a[f"network.{kind}_{protocol}_base"],
            hop=a[f"network.{kind}_{protocol}_hop"],
            network_hop=a[f"network.{kind}_{protocol}_network_hop"],
            efficiency=share * (a.positive("network.ll128_efficiency") if protocol == "ll128" else 1.0),
            protocol=words,
        )
        for protocol, words in (("ll", "LL"), ("ll128", "LL128"), ("simple", "Simple"))
    )
