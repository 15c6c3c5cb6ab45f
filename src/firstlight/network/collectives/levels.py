"""Collectives over two levels: scale-up domains, joined by NICs and switches.

Latency and bandwidth (Hockney's alpha-beta model) of each algorithm, as NCCL's own tuner reckons them; the fastest
algorithm is taken. Over both levels a collective is hierarchical (reduce-scatter inside, the operation between
domains with each member on its own rail, all-gather inside), so that a group uses the NICs of all its members. The
library pipelines the levels chunk by chunk: their latencies add up, of their transfers the slower one counts.
Volumes: Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in MPICH", IJHPCA 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstlight.network.collectives.algorithms import Algorithm, Constants
from firstlight.twin.protocols import Floats, Operation


@dataclass(frozen=True)
class TwoLevels:
    """Time of collectives over (members of a domain, domains).

    Attributes:
        scale_up: of one accelerator inside its domain, one direction [B/s]; infinite where the domain is one.
        nic: of one accelerator's share of the NICs, one direction [B/s].
        taper: downlinks over uplinks of a leaf.
        leaf_domains: domains that hang on the same leaves.
        forwards: traffic between rails goes through the scale-up domain first (rail-only).
        constants: of library and accelerator.
    """

    scale_up: float
    nic: float
    taper: float
    leaf_domains: float
    forwards: bool
    constants: Constants

    def seconds(self, operation: Operation, size: Floats, inner: Floats, outer: Floats) -> Floats:
        """Time [s]; size [B], members inside a domain and domains broadcast."""
        if operation == "all_to_all":
            return self._all_to_all(size, inner, outer)
        if operation == "send_receive":
            return self._send_receive(size, outer)
        return _least(self._candidates(operation, size, inner, outer))

    def _candidates(self, operation: Operation, size: Floats, n: Floats, m: Floats) -> list[Floats]:
        c = self.constants
        if operation == "all_reduce":
            times = [self._ring(algorithm, 2, size, n, m) for algorithm in (*c.rings, *c.trees)]
            return [*times, self._in_network(size, n, m)] if c.nvls_efficiency else times
        if operation == "broadcast":
            return [self._chain(algorithm, size, n, m) for algorithm in c.rings]
        return [*(self._ring(algorithm, 1, size, n, m) for algorithm in c.rings), self._logarithmic(size, n, m)]

    def _ring(self, algorithm: Algorithm, phases: int, size: Floats, n: Floats, m: Floats) -> Floats:
        """Reduce-scatter and all-gather (2 phases) or one of them; a tree moves a little more in fewer steps."""
        inside = size * (1 if algorithm.tree else (n - 1) / n) * (n > 1)
        across = size / n * (m - 1) / m
        return self._pipelined(algorithm, phases, inside, across, n, m)

    def _chain(self, algorithm: Algorithm, size: Floats, n: Floats, m: Floats) -> Floats:
        """Broadcast along a chain; each member's NIC carries its part."""
        return self._pipelined(algorithm, 1, size * (n > 1), size / n * (m > 1), n, m)

    def _pipelined(
        self, algorithm: Algorithm, phases: int, inside: Floats, across: Floats, n: Floats, m: Floats
    ) -> Floats:
        steps = np.ceil(np.log2(m)) if algorithm.tree else m - 1
        latency = algorithm.base + phases * ((n - 1) * algorithm.hop + steps * algorithm.network_hop)
        domain, network = self._bandwidths(algorithm, n, m)
        return self.constants.sync * latency + phases * np.maximum(inside / domain, across / network)

    def _bandwidths(self, algorithm: Algorithm, n: Floats, m: Floats) -> tuple[float, Floats]:
        """Of one accelerator inside its domain and over its NIC [B/s]."""
        c = self.constants
        domain, network = self._domain(algorithm, c.ring_efficiency), self._ring_nic(m) * algorithm.efficiency
        if not algorithm.low_latency:
            return domain, network
        return domain, np.minimum(c.ll_efficiency * network, c.ll_network_ceiling * self.scale_up / n)

    def _domain(self, algorithm: Algorithm, efficiency: float) -> float:
        """Of one accelerator inside its domain [B/s], at this share of it where LL does not set a ceiling."""
        share = self.constants.ll_ceiling if algorithm.low_latency else efficiency
        return self.scale_up * share * algorithm.efficiency

    def _ring_nic(self, m: Floats) -> Floats:
        """NIC bandwidth of rings and trees: one hop in `leaf_domains` leaves its leaf, and may find a taper there."""
        c = self.constants
        crossing = np.where(m > self.leaf_domains, 1 / self.leaf_domains, 0.0)
        slowed = (1 + c.congestion * np.log2(m)) * np.maximum(1.0, crossing * self.taper)
        return self.nic * c.nic_efficiency / slowed

    def _in_network(self, size: Floats, n: Floats, m: Floats) -> Floats:
        """All-reduce in the scale-up switches (each member sends its buffer and the sum of its part), trees between."""
        c = self.constants
        latency = c.sync * (c.nvls_hop + 2 * np.ceil(np.log2(m)) * c.nvls_network_hop)
        inside = size * (n + 1) / n / (self.scale_up * c.nvls_efficiency)
        across = 2 * size / n * (m - 1) / m / self._ring_nic(m)
        return np.where(n >= c.nvls_ranks, latency + np.maximum(inside, across), np.inf)

    def _logarithmic(self, size: Floats, n: Floats, m: Floats) -> Floats:
        """All-gather or reduce-scatter in log2 steps, of one member in each domain (NCCL's PAT)."""
        c = self.constants
        latency = c.sync * (c.pat_base + np.ceil(np.log2(m)) * c.pat_hop)
        transfer = size * (m - 1) / m / (self._ring_nic(m) * c.pat_efficiency)
        return np.where((n == 1) & (m > 1), latency + transfer, np.inf)

    def _all_to_all(self, size: Floats, n: Floats, m: Floats) -> Floats:
        """Each byte goes straight to its target: over the domain to its members, over the NIC to all others."""
        across = size * (m - 1) / m
        inside = size * (n - 1) / (n * m) + (across * (n - 1) / n if self.forwards else 0.0)
        return _least([self._direct(algorithm, inside, across, n, m) for algorithm in self.constants.rings])

    def _direct(self, algorithm: Algorithm, inside: Floats, across: Floats, n: Floats, m: Floats) -> Floats:
        """One message to each other member; those to other leaves share the tapered uplinks."""
        c = self.constants
        domain = self._domain(algorithm, c.direct_efficiency)
        leaving = np.maximum(m - self.leaf_domains, 0.0) / np.maximum(m - 1, 1.0)
        share = c.all_to_all_efficiency * (c.ll_efficiency if algorithm.low_latency else algorithm.efficiency)
        network = self.nic * share / np.maximum(1.0, leaving * self.taper)
        steps = algorithm.hop * (n > 1) + algorithm.network_hop * (m > 1) + c.message_cost * (m - 1)
        return c.sync * (algorithm.base + steps) + np.maximum(inside / domain, across / network)

    def _send_receive(self, size: Floats, m: Floats) -> Floats:
        """One message: inside the domain, or over one NIC where the group spans domains."""
        one, two = np.asarray(1.0), np.asarray(2.0)
        inside = _least([self._chain(algorithm, size, two, one) for algorithm in self.constants.rings])
        across = _least([self._chain(algorithm, size, one, two) for algorithm in self.constants.rings])
        return np.where(m > 1, across, inside)


def _least(times: Sequence[Floats]) -> Floats:
    least = times[0]
    for other in times[1:]:
        least = np.minimum(least, other)
    return least
