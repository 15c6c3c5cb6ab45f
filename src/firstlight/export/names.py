"""Names of racks, devices and ports, by arithmetic over whole arrays.

A rack is "H03-P012-R0457": its hall, its pod and its own number, each counted from 1 over the whole factory. A node is
"H03-P012-R0457-N05" (counted inside its rack), its NIC "...-NIC2", a switch "leaf-0012" (counted inside its tier).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from firstlight.twin.factory import Factory
from firstlight.twin.positions import ranks
from firstlight.twin.protocols import Ints, Topology

Whole = NDArray[np.signedinteger[Any]]
"""Integers of any width."""

compute: Any = pc  # pyarrow makes its functions at run time


def numbered(prefix: str, index: Whole, count: int, least: int = 2) -> pa.Array:
    """Prefix and number from 1, padded with zeros to the width of `count` (at least `least` digits)."""
    digits = compute.utf8_lpad(pa.array(index + 1).cast(pa.string()), max(least, len(str(count))), "0")
    return joined([pa.scalar(prefix), digits], "")


def joined(parts: list[Any], separator: str) -> pa.Array:
    """Texts joined element by element."""
    return compute.binary_join_element_wise(*parts, separator)


def rack_pods(factory: Factory) -> Ints:
    """Pod of each rack [racks]."""
    return np.searchsorted(factory.pods, np.arange(len(factory.racks)), side="right") - 1


def rack_halls(factory: Factory) -> Ints:
    """Hall of each rack [racks]."""
    return np.searchsorted(factory.halls.pods, rack_pods(factory), side="right") - 1


def racks(factory: Factory) -> pa.Array:
    """Name of each rack [racks]."""
    halls = numbered("H", rack_halls(factory), len(factory.halls))
    pods = numbered("P", rack_pods(factory), len(factory.pods) - 1, 3)
    return joined([halls, pods, numbered("R", np.arange(len(factory.racks)), len(factory.racks), 4)], "-")


def endpoints(factory: Factory, rack_names: pa.Array) -> pa.Array:
    """Name of each endpoint of the fabric: a node's NIC, or an accelerator where a torus joins them."""
    system = factory.system
    each, port = (system.nics, "NIC") if factory.nic else (system.accelerators, "ACC")
    per_node = each // system.nodes
    index = np.arange(factory.systems * each)
    rack = factory.system_rack(index // each)
    node = index // per_node - factory.racks.systems[rack] * system.nodes
    place = rack_names.take(pa.array(rack))
    return joined([place, numbered("N", node, 1), joined([port, _text(index % per_node + 1)], "")], "-")


def _text(values: Whole) -> pa.Array:
    return pa.array(values).cast(pa.string())


def devices(factory: Factory, rack_names: pa.Array) -> dict[int, pa.Array]:
    """Names of the devices of each tier, by the tier's index; -1 is the endpoints."""
    names = {-1: endpoints(factory, rack_names)}
    for index, tier in enumerate(factory.topology.tiers):
        names[index] = numbered(f"{tier.name}-", np.arange(tier.switches), tier.switches, 3)
    return names


def ports(topology: Topology, bundle: Whole, lower: Whole, upper: Whole) -> tuple[Ints, Ints]:
    """Port of each link at its lower and at its upper end, counted from 1: links down come before links up.

    Args:
        topology: whose tiers the bundles join.
        bundle: of each link, ascending [links].
        lower, upper: device at either end [links].
    """
    sizes = {-1: topology.endpoints} | {i: tier.switches for i, tier in enumerate(topology.tiers)}
    used = {tier: np.zeros(size, np.int64) for tier, size in sizes.items()}
    at = (np.zeros(len(bundle), np.int64), np.zeros(len(bundle), np.int64))
    edges = np.searchsorted(bundle, np.arange(len(topology.bundles) + 1))
    for index, kind in enumerate(topology.bundles):
        links = slice(edges[index], edges[index + 1])
        for tier, device, port in ((kind.upper, upper[links], at[1]), (kind.lower, lower[links], at[0])):
            port[links] = used[tier][device] + ranks(device) + 1
            used[tier] += np.bincount(device, minlength=len(used[tier]))
    return at
