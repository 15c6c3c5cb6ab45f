"""The tables of a fabric as Arrow record batches: cables, port maps, switches, what to buy and what to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from firstlight.export import names
from firstlight.export.tables import columns, numbers, schema
from firstlight.network.cables import CablePlan
from firstlight.network.result import CableLine
from firstlight.reliability.result import Spares
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Ints

CHUNK = 500_000
"""Rows in one batch, so that millions of cables take little memory."""


def cables(factory: Factory, plan: CablePlan) -> Iterator[pa.Table]:
    """Every cable with both ends down to rack, unit and port, bundle by bundle, some rows at a time."""
    rack_names = names.racks(factory)
    devices = names.devices(factory, rack_names)
    ports = names.ports(factory.topology, plan.bundle, plan.lower, plan.upper)
    edges = np.searchsorted(plan.bundle, np.arange(len(plan.bundle_names) + 1))
    lines = plan.lines
    parts, media = (pa.array([getattr(line, name) for line in lines], pa.string()) for name in ("part", "medium"))
    modules = pa.array([" / ".join(module for module, _ in line.modules) for line in lines], pa.string())
    power, cost = (np.array([getattr(line, name) / max(line.count, 1) for line in lines]) for name in ("power", "cost"))

    def batch(index: int, rows: Ints) -> pa.Table:
        bundle = factory.topology.bundles[index]
        ends = (devices[bundle.lower].take(pa.array(plan.lower[rows])),
                devices[bundle.upper].take(pa.array(plan.upper[rows])))  # fmt: skip
        at = tuple(pa.array(port[rows]) for port in ports)
        labels = [names.joined([end, port.cast(pa.string())], ":") for end, port in zip(ends, at, strict=True)]
        line = pa.array(plan.line[rows])
        units_of = (plan.units[bundle.lower][plan.lower[rows]], plan.units[bundle.upper][plan.upper[rows]])
        return pa.table(
            {
                "cable": names.numbered("C", rows, len(plan), 5),
                "bundle": pa.repeat(plan.bundle_names[index], len(rows)),
                "from_device": ends[0],
                "from_port": at[0],
                "from_rack": rack_names.take(pa.array(plan.lower_rack[rows])),
                "from_unit": units_of[0].astype(np.int64),
                "to_device": ends[1],
                "to_port": at[1],
                "to_rack": rack_names.take(pa.array(plan.upper_rack[rows])),
                "to_unit": units_of[1].astype(np.int64),
                "length_m": plan.length[rows],
                "medium": media.take(line),
                "part": parts.take(line),
                "transceiver": modules.take(line),
                "power_w": power[plan.line[rows]],
                "cost_usd": cost[plan.line[rows]],
                "pulled_with": _pulled(plan, rows),
                "label": names.joined(labels, " / "),
            }
        )

    if not len(plan):
        yield pa.table({name: pa.array([], kind) for name, kind in _CABLES.items()})
    for index in range(len(plan.bundle_names)):
        for first in range(edges[index], edges[index + 1], CHUNK):
            yield batch(index, np.arange(first, min(first + CHUNK, edges[index + 1])))


_CABLES = columns("cable bundle from_device from_port=i from_rack from_unit=i to_device to_port=i to_rack to_unit=i "
                  "length_m=f medium part transceiver power_w=f cost_usd=f pulled_with label")  # fmt: skip


def _pulled(plan: CablePlan, rows: Ints) -> pa.Array:
    """Name of the bundle that each cable is pulled in; empty inside a rack."""
    pulled = plan.pulled[rows]
    named = names.numbered("B", pulled, int(plan.pulled.max(initial=0)) + 1, 5)
    return names.compute.if_else(pa.array(pulled < 0), "", named)


def ports(factory: Factory, plan: CablePlan) -> Iterator[pa.Table]:
    """The port map of every switch, free ports too: which cable is in it and what is at its other end."""
    rack_names = names.racks(factory)
    devices = names.devices(factory, rack_names)
    at = names.ports(factory.topology, plan.bundle, plan.lower, plan.upper)
    yield pa.table({name: pa.array([], kind) for name, kind in _PORTS.items()})
    for tier, kind in enumerate(factory.topology.tiers):
        slots, upward = _slots(factory, plan, tier, at)
        for first in range(0, len(slots), CHUNK):
            part = slice(first, min(first + CHUNK, len(slots)))
            switch, port = np.divmod(np.arange(part.start, part.stop), kind.links_each)
            yield pa.table(
                {
                    "tier": pa.repeat(kind.name, len(switch)),
                    "switch": devices[tier].take(pa.array(switch)),
                    "rack": rack_names.take(pa.array(factory.switch_rack[tier][switch])),
                    "port": port + 1,
                    **_peers(factory, plan, slots[part], upward[part], devices, at),
                }
            )


_PORTS = columns("tier switch rack port=i direction cable peer peer_port=i")


def _slots(factory: Factory, plan: CablePlan, tier: int, at: tuple[Ints, Ints]) -> tuple[Ints, NDArray[np.bool_]]:
    """Cable in each port of a tier's switches, -1 where it is free, and whether it goes up [switches x ports]."""
    kind = factory.topology.tiers[tier]
    slots = np.full(kind.switches * kind.links_each, -1, np.int64)
    upward = np.zeros(len(slots), np.bool_)
    for index, bundle in enumerate(factory.topology.bundles):
        links = np.flatnonzero(plan.bundle == index)
        for end, device, port in ((bundle.lower, plan.lower, at[0]), (bundle.upper, plan.upper, at[1])):
            if end == tier:
                where = device[links] * kind.links_each + port[links] - 1
                slots[where], upward[where] = links, device is plan.lower
    return slots, upward


def _peers(
    factory: Factory,
    plan: CablePlan,
    cable: Ints,
    upward: NDArray[np.bool_],
    devices: dict[int, pa.Array],
    at: tuple[Ints, Ints],
) -> dict[str, pa.Array]:
    """Cable, direction and far end of each port; empty cells where it is free."""
    taken, held = cable >= 0, np.maximum(cable, 0)
    peer = pa.array(np.full(len(cable), ""), pa.string())
    for index, bundle in enumerate(factory.topology.bundles):
        own = taken & (plan.bundle[held] == index)
        for there, tier, device in (
            (own & upward, bundle.upper, plan.upper),
            (own & ~upward, bundle.lower, plan.lower),
        ):
            if there.any():
                found = devices[tier].take(pa.array(device[held[there]]))
                peer = names.compute.replace_with_mask(peer, pa.array(there), found)
    far = np.where(upward, at[1][held], at[0][held])
    direction = np.where(taken, np.where(upward, "up", "down"), "free")
    named = names.numbered("C", held, len(plan), 5)
    return {
        "direction": pa.array(direction, pa.string()),
        "cable": names.compute.if_else(pa.array(taken), named, ""),
        "peer": peer,
        "peer_port": pa.array(far, mask=~taken),
    }


def switches(factory: Factory, plan: CablePlan) -> pa.Table:
    """Every switch with its place."""
    rack_names, found = names.racks(factory), list[pa.Table]()
    devices = names.devices(factory, rack_names)
    for tier, kind in enumerate(factory.topology.tiers):
        home = factory.switch_rack[tier]
        found.append(pa.table({
            "switch": devices[tier], "tier": pa.repeat(kind.name, kind.switches),
            "part": pa.repeat(kind.switch, kind.switches), "rack": rack_names.take(pa.array(home)),
            "unit": plan.units[tier].astype(np.int64), "x_m": np.round(factory.racks.x[home], 3),
            "y_m": np.round(factory.racks.y[home], 3),
        }))  # fmt: skip
    empty = schema("switch tier part rack unit=i x_m=f y_m=f").empty_table()
    return pa.concat_tables([empty, *found])


def cable_bill(lines: Sequence[CableLine]) -> pa.Table:
    """Cables and modules to buy, a line for each stock length of each part."""
    return pa.table(
        {
            "bundle": [line.bundle for line in lines],
            "medium": [line.medium for line in lines],
            "part": [line.part for line in lines],
            "length_m": numbers(line.length for line in lines),
            "count": [line.count for line in lines],
            "transceiver": [" / ".join(module for module, _ in line.modules) for line in lines],
            "transceivers": [line.transceivers for line in lines],
            "power_w": numbers(line.power for line in lines),
            "cost_usd": numbers(line.cost for line in lines),
        },
        schema=schema("bundle medium part length_m=f count=i transceiver transceivers=i power_w=f cost_usd=f"),
    )


def spares(kept: Sequence[Spares]) -> pa.Table:
    """Parts to keep on the shelf."""
    return pa.table(
        {
            "part": [line.part for line in kept],
            "installed": [line.installed for line in kept],
            "failures_a_year": numbers(line.failures_a_year for line in kept),
            "spares": [line.keep for line in kept],
        },
        schema=schema("part installed=i failures_a_year=f spares=i"),
    )
