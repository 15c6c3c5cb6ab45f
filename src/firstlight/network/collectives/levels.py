"""Collectives over any levels: scale-up domains, joined by NICs and the tiers of a fabric.

Latency and bandwidth (Hockney's alpha-beta model) of each algorithm, as NCCL's own tuner reckons them; the fastest
algorithm is taken. Between domains each member works on its own rail, so that a group uses the NICs of all its members.
The library pipelines the levels chunk by chunk: their latencies add up, of their transfers the slower one counts.
Volumes: Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH", IJHPCA 2005; two
trees that share the bandwidth: Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth", 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from firstlight.network.collectives.algorithms import Algorithm, Constants
from firstlight.network.collectives.congestion import Congestion, lottery
from firstlight.network.collectives.tiers import Group, Tier
from firstlight.twin.protocols import Floats, Operation

HALF_TREE = 0.5
"""Share of the bandwidth of one tree: its inner nodes receive from two children."""
Candidate = Callable[[Floats, Group], Floats]
"""(size [B], group) -> time [s]; infinite where the algorithm cannot."""


@dataclass(frozen=True)
class Levels:
    """Time of collectives over the levels of a switched fabric.

    Attributes:
        scale_up: of one accelerator inside its domain, one direction [B/s]; infinite where the domain is one.
        nic: of one accelerator's share of the NICs, one direction [B/s].
        tiers: that join domains, from the leaf outwards.
        forwards: traffic between rails goes through the scale-up domain first (rail-only).
        constants: of library and accelerator.
        reduces: switches between domains add up (SHARP), and it is in use.
        congestion: of patterns on this fabric, as simulated; None takes the constant of all fabrics.
        queue_pairs: of each connection where switches hash paths; None where traffic is spread evenly.
    """

    scale_up: float
    nic: float
    tiers: tuple[Tier, ...]
    forwards: bool
    constants: Constants
    reduces: bool = False
    congestion: Congestion | None = None
    queue_pairs: int | None = None

    def seconds(self, operation: Operation, size: Floats, group: Group) -> Floats:
        """Time of the fastest algorithm [s]; size [B] and group broadcast."""
        return least(one(size, group) for one in self.candidates(operation, group).values())

    def candidates(self, operation: Operation, group: Group) -> Mapping[str, Candidate]:
        """Algorithms of an operation by name and protocol, those that may be the fastest."""
        c, found = self.constants, dict[str, Candidate]()
        if operation == "send_receive":
            return {f"direct {a.protocol}": self._message(a) for a in c.rings}
        if operation == "all_to_all":
            kind = "rail" if self.forwards else "pairwise"
            return {f"{kind} {a.protocol}": self._exchange(a, forwards=self.forwards) for a in c.rings}
        if operation == "broadcast":
            found |= {f"chain {a.protocol}": self._chain(a) for a in c.rings}
            return found | {f"double tree {a.protocol}": self._chain(a) for a in c.trees}
        phases = 2 if operation == "all_reduce" else 1
        found |= {f"rail ring {a.protocol}": self._ring(a, phases) for a in c.rings}
        if len(group.outer) > 1:
            found |= {f"hierarchical {a.protocol}": self._hierarchical(a, phases) for a in c.rings}
        if phases == 1:
            return found | {"PAT Simple": self._logarithmic}
        found |= {f"double tree {a.protocol}": self._ring(a, 2) for a in c.trees}
        if c.nvls_efficiency:
            found["NVLS tree"] = self._in_domain_switches
        if self.reduces:
            found["SHARP"] = self._in_fabric_switches
        return found

    def others(self, operation: Operation) -> Mapping[str, Candidate]:
        """Algorithms that are never faster than one of the candidates, to compare with."""
        c = self.constants
        if operation == "all_to_all" and not self.forwards:
            return {f"rail {a.protocol}": self._exchange(a, forwards=True) for a in c.rings}
        if operation not in ("all_reduce", "all_gather", "reduce_scatter"):
            return {}
        phases = 2 if operation == "all_reduce" else 1
        found = {f"ring {a.protocol}": self._ring(a, phases, flat=True) for a in c.rings}
        if phases == 2:
            found |= {f"tree {a.protocol}": self._ring(a, 2, share=HALF_TREE) for a in c.trees}
        return found

    def routed(self, inside: Floats, across: Floats, group: Group) -> Floats:
        """Exchange of routed tokens: bytes that a rank sends inside its domain and to other domains [B] -> time [s]."""
        return least(self._direct(a, inside, across, group) for a in self.constants.rings)

    def _ring(self, a: Algorithm, phases: int, flat: bool = False, share: float = 1.0) -> Candidate:
        """Reduce-scatter and all-gather (2 phases) or one of them; a tree moves a little more in fewer steps.

        By rail: members of a domain pass the data on among each other, then each along its own rail. A flat ring goes
        through all members of every domain in turn: more steps for the same bytes.
        """

        def time(size: Floats, g: Group) -> Floats:
            n, m = g.inner, g.domains
            inside = size * (1 if a.tree else (n - 1) / n) * (n > 1)
            across = size / n * (m - 1) / m
            steps = m * (n - 1) if flat else n - 1
            return self._pipelined(a, phases, inside / share, across / share, steps, g)

        return time

    def _chain(self, a: Algorithm) -> Candidate:
        """Broadcast along a chain or two trees; each member's NIC carries its part."""

        def time(size: Floats, g: Group) -> Floats:
            inside, across = size * (g.inner > 1), size / g.inner * (g.domains > 1)
            return self._pipelined(a, 1, inside, across, g.inner - 1, g)

        return time

    def _pipelined(self, a: Algorithm, phases: int, inside: Floats, across: Floats, steps: Floats, g: Group) -> Floats:
        """Bytes inside and across [B] with so many steps inside domains, phase by phase [s]."""
        between = self._steps(a, g) * a.network_hop
        latency = a.base + phases * (steps * a.hop + between)
        domain, network = self._bandwidths(a, across, g)
        far = phases * self._far(a, g)
        return self.constants.sync * latency + far + phases * np.maximum(inside / domain, across / network)

    def _hierarchical(self, a: Algorithm, phases: int) -> Candidate:
        """Level by level: a ring among the members of each unit, with what is left of the data; no flow crosses more.

        Its transfers between domains follow each other, each with the taper that it meets.
        """

        def time(size: Floats, g: Group) -> Floats:
            c, n = self.constants, g.inner
            domain, network = self._bandwidths(a, size / n, g, taper=False)
            steps, across, far, below = np.zeros(()), np.zeros(()), np.zeros(()), np.ones(())
            for level, m in enumerate(g.outer):
                tier = self.tiers[level - 1] if level else Tier("domain", 1.0)
                steps, far = steps + (m - 1), far + (m - 1) * self._beyond(level)
                across = across + size / n / below * (m - 1) / m * max(1.0, tier.taper)
                below = below * m
            latency = c.sync * (a.base + phases * ((n - 1) * a.hop + steps * a.network_hop)) + phases * far
            inside = size * (n - 1) / n / domain
            return latency + phases * np.maximum(inside, across / network)

        return time

    def _beyond(self, level: int) -> float:
        """Latency of a hop on this level above the domain, beyond the constants [s]: it leaves all tiers below."""
        return sum(tier.latency for tier in self.tiers[:level])

    def _steps(self, a: Algorithm, g: Group) -> Floats:
        return np.ceil(np.log2(g.domains)) if a.tree else g.domains - 1

    def _far(self, a: Algorithm, g: Group) -> Floats:
        """Latency of the hops that leave units, beyond the constants, in one phase [s]."""
        total = np.zeros(())
        for tier, within in zip(self.tiers, g.within, strict=True):
            if tier.latency:
                units = g.domains / within
                total = total + tier.latency * (np.ceil(np.log2(units)) if a.tree else units - 1)
        return total

    def _bandwidths(self, a: Algorithm, across: Floats, g: Group, taper: bool = True) -> tuple[float, Floats]:
        """Of one accelerator inside its domain and over its NIC [B/s]."""
        c = self.constants
        pattern = "tree" if a.tree else "ring"
        domain = self._domain(a, c.ring_efficiency)
        network = self._ring_nic(g, across, pattern, taper) * a.efficiency
        if not a.low_latency:
            return domain, network
        return domain, np.minimum(c.ll_efficiency * network, c.ll_network_ceiling * self.scale_up / g.inner)

    def _domain(self, a: Algorithm, efficiency: float) -> float:
        """Of one accelerator inside its domain [B/s], at this share of it where LL does not set a ceiling."""
        share = self.constants.ll_ceiling if a.low_latency else efficiency
        return self.scale_up * share * a.efficiency

    def _ring_nic(self, g: Group, across: Floats, pattern: str = "ring", taper: bool = True) -> Floats:
        """NIC bandwidth of rings and trees: one hop of those in a unit leaves it, and may find a taper there."""
        nic = self.nic * self.constants.nic_efficiency
        if self.congestion:
            return nic / self.congestion.slowdown(pattern, g.domains, across)
        if self.queue_pairs is not None:
            nic = nic * self._lottery(g)
        else:
            nic = nic / (1 + self.constants.congestion * np.log2(g.domains))
        slowed = np.ones(())
        for tier, within in zip(self.tiers if taper else (), g.within, strict=False):
            crossed = np.maximum(tier.taper / within, tier.crossing)
            slowed = np.maximum(slowed, np.where(g.domains > within, crossed, 0.0))
        return np.asarray(nic / slowed)

    def _lottery(self, g: Group) -> Floats:
        """Share that hashed paths leave; all of it where the group stays below one leaf."""
        if not self.tiers or self.queue_pairs is None:
            return np.ones(())
        return np.where(g.domains > g.within[0], lottery(len(self.tiers) + 1, self.queue_pairs, g.ranks), 1.0)

    def _in_domain_switches(self, size: Floats, g: Group) -> Floats:
        """All-reduce in the scale-up switches (each member sends its buffer and the sum of its part), trees between."""
        c, n, m = self.constants, g.inner, g.domains
        latency = c.sync * (c.nvls_hop + 2 * np.ceil(np.log2(m)) * c.nvls_network_hop)
        across = size / n * (m - 1) / m
        between = 2 * across / self._ring_nic(g, across, "tree")
        return self._reduced(size, g, latency + 2 * self._far(c.trees[0], g), between)

    def _in_fabric_switches(self, size: Floats, g: Group) -> Floats:
        """All-reduce in the switches of the fabric too: every NIC sends its part up once and gets the sum once."""
        c = self.constants
        latency = c.sync * (c.nvls_hop + c.sharp_network_hop) + 2 * self._far(c.trees[0], g)
        between = size / g.inner / (self.nic * c.nic_efficiency)
        alone = np.where(g.inner == 1, latency + between, np.inf)
        return np.where(g.domains > 1, np.minimum(self._reduced(size, g, latency, between), alone), np.inf)

    def _reduced(self, size: Floats, g: Group, latency: Floats, between: Floats) -> Floats:
        """Reduced in the switches of the domain; infinite where these cannot, or the library does not for so few."""
        c, n = self.constants, g.inner
        switched = c.nvls_efficiency * (n >= c.nvls_ranks)
        inside = size * (n + 1) / n / (self.scale_up * np.where(switched > 0, switched, np.nan))
        return np.where(switched > 0, latency + np.fmax(inside, between), np.inf)

    def _logarithmic(self, size: Floats, g: Group) -> Floats:
        """All-gather or reduce-scatter in log2 steps, of one member in each domain (NCCL's PAT)."""
        c, m = self.constants, g.domains
        across = size * (m - 1) / m
        latency = c.sync * (c.pat_base + np.ceil(np.log2(m)) * c.pat_hop) + self._far(c.trees[0], g)
        transfer = across / (self._ring_nic(g, across) * c.pat_efficiency)
        return np.where((g.inner == 1) & (m > 1), latency + transfer, np.inf)

    def _exchange(self, a: Algorithm, *, forwards: bool) -> Candidate:
        """Each byte goes straight to its target, or first to the member of its domain that is on the target's rail."""

        def time(size: Floats, g: Group) -> Floats:
            n, m = g.inner, g.domains
            across = size * (m - 1) / m
            inside = size * (n - 1) / (n * m) + (across * (n - 1) / n if forwards else 0.0)
            return self._direct(a, inside, across, g)

        return time

    def _direct(self, a: Algorithm, inside: Floats, across: Floats, g: Group) -> Floats:
        """One message to each other member; those to other units share the tapered uplinks."""
        c, m = self.constants, g.domains
        share = c.all_to_all_efficiency * (c.ll_efficiency if a.low_latency else a.efficiency)
        network = self.nic * share / self._crowded(across, g)
        steps = a.hop * (g.inner > 1) + a.network_hop * (m > 1) + c.message_cost * (m - 1)
        far = np.zeros(())
        for tier, within in zip(self.tiers, g.within, strict=True):
            if tier.latency:
                far = far + tier.latency * (m > within)
        inside_time = inside / self._domain(a, c.direct_efficiency)
        return c.sync * (a.base + steps) + far + np.maximum(inside_time, across / network)

    def _crowded(self, across: Floats, g: Group) -> Floats:
        """Factor on the time of NICs in an all-to-all."""
        if self.congestion:
            return self.congestion.slowdown("all_to_all", g.domains, across)
        m, slowed = g.domains, np.ones(())
        for tier, within in zip(self.tiers, g.within, strict=True):
            if tier.taper > 1:
                slowed = np.maximum(slowed, (m - within) / np.maximum(m - 1, 1.0) * tier.taper)
        return slowed / self._lottery(g)

    def _message(self, a: Algorithm) -> Candidate:
        """One message: inside the domain, or over one NIC where the group spans domains."""

        def time(size: Floats, g: Group) -> Floats:
            one, two = np.ones(()), 2 * np.ones(())
            inside = self._chain(a)(size, Group(two, one, (one,), tuple(one for _ in self.tiers)))
            reached = tuple(np.where(g.domains > within, 1.0, 2.0) for within in g.within)
            across = self._chain(a)(size, Group(one, two, (two,), reached))
            return np.where(g.domains > 1, across, inside)

        return time


def least(times: Iterable[Floats]) -> Floats:
    """The smallest of some times, element by element."""
    found: Floats | None = None
    for one in times:
        found = one if found is None else np.minimum(found, one)
    if found is None:
        raise ValueError("no times")
    return found
