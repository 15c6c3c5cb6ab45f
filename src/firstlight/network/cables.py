"""The cable plan: every link with both ends, length, medium and optics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.media import Medium, Port, cheapest, media, switch_port
from firstlight.network.result import CableLine
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Switch
from firstlight.twin.factory import Factory
from firstlight.twin.positions import ranks, switch_units, system_units
from firstlight.twin.protocols import Bundle, Floats, Ints

STOCK_LENGTHS = np.concatenate([
    (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 125, 150, 200, 250, 300),
    (400, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000),
])  # fmt: skip
"""Lengths that cables are sold in [m]."""

CHUNK = 1 << 20
"""Links worked on at a time, so that a plan takes little more memory than its arrays."""


@dataclass(frozen=True)
class CablePlan:
    """Every link of the fabric. Arrays [links], bundle by bundle.

    Attributes:
        bundle_names: names of the bundles; bundle indexes them.
        lower, upper: index of the device at either end (endpoint or switch of its tier; see `Topology.ends`).
        lower_rack, upper_rack: where they stand.
        pulled: bundle of cables between the same two racks that are pulled together, from 0; -1 inside a rack.
        length: stock length [m].
        line: index into `lines`, which names part and transceiver.
        units: lowest unit of each device in its rack, from 1 [U], by the index of its tier; -1 are the endpoints, of
            rack-scale systems their tray.
    """

    bundle_names: tuple[str, ...]
    bundle: NDArray[np.int8]
    lower: Ints
    upper: Ints
    lower_rack: NDArray[np.int32]
    upper_rack: NDArray[np.int32]
    pulled: NDArray[np.int32]
    length: Floats
    line: NDArray[np.int16]
    lines: tuple[CableLine, ...]
    units: Mapping[int, NDArray[np.int16]]

    def __len__(self) -> int:
        return len(self.length)


def plan(factory: Factory, catalog: Catalog, a: Mapping[str, float]) -> CablePlan:
    """Lay every link: from rack to rack along rows and cross aisles, rounded up to a stock length, at the least cost.

    Args:
        factory: assembled, with the racks of its switches.
        catalog: cables, transceivers and the fabric's switches.
        a: assumptions `network.cable_*`.

    Raises:
        UsageError: a link is longer, or faster, than any cable of the catalogue.
    """
    bundles = factory.topology.bundles
    result = _empty(tuple(bundle.name for bundle in bundles), sum(bundle.count for bundle in bundles))
    lines, start = list[CableLine](), 0
    for index, bundle in enumerate(bundles):
        part = slice(start, start + bundle.count)
        stock = _lay(factory, index, result, part, a)
        used = np.bincount(stock, minlength=len(STOCK_LENGTHS))
        numbers = np.full(len(STOCK_LENGTHS), -1, np.int16)
        numbers[used > 0] = len(lines) + np.arange(np.count_nonzero(used))
        result.line[part], result.length[part] = numbers[stock], STOCK_LENGTHS[stock]
        lines += _lines(bundle, used, media(catalog, bundle.bandwidth, *_ports(factory, catalog, bundle)))
        start = part.stop
    result.pulled[:] = _pulled(result.lower_rack, result.upper_rack, len(factory.racks), a)
    return CablePlan(**{**vars(result), "lines": tuple(lines), "units": _units(factory, catalog)})


def _empty(names: tuple[str, ...], links: int) -> CablePlan:
    def array(kind: type[np.generic]) -> NDArray:
        return np.empty(links, kind)

    return CablePlan(
        bundle_names=names,
        bundle=array(np.int8),
        lower=array(np.int64),
        upper=array(np.int64),
        lower_rack=array(np.int32),
        upper_rack=array(np.int32),
        pulled=array(np.int32),
        length=array(np.float64),
        line=array(np.int16),
        lines=(),
        units={},
    )


def _lay(factory: Factory, index: int, result: CablePlan, part: slice, a: Mapping[str, float]) -> NDArray[np.uint8]:
    """Fill in the ends and racks of one bundle; index of the stock length of each of its links."""
    bundle = factory.topology.bundles[index]
    stock = np.empty(bundle.count, np.uint8)
    result.bundle[part] = index
    for links in _chunks(bundle.count):
        here = slice(part.start + links.start, part.start + links.stop)
        lower, upper = factory.topology.ends(index, np.arange(links.start, links.stop))
        lower_rack, upper_rack = _racks(factory, bundle.lower, lower), _racks(factory, bundle.upper, upper)
        result.lower[here], result.upper[here] = lower, upper
        result.lower_rack[here], result.upper_rack[here] = lower_rack, upper_rack
        stock[links] = _stock(_length(factory, lower_rack, upper_rack, a), bundle)
    return stock


def _chunks(count: int) -> Iterator[slice]:
    return (slice(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK))


def _racks(factory: Factory, tier: int, devices: Ints) -> NDArray[np.integer]:
    """Rack of each device of a tier; -1 are the endpoints: NICs numbered system by system, or accelerators."""
    if tier >= 0:
        return factory.switch_rack[tier][devices]
    each = factory.system.nics if factory.nic else factory.system.accelerators
    return factory.system_rack(devices // each)


def _units(factory: Factory, catalog: Catalog) -> dict[int, NDArray[np.int16]]:
    """Lowest unit of each device of a tier, by the tier's index; -1 are the endpoints."""
    each = (factory.system.nics if factory.nic else factory.system.accelerators) // factory.system.nodes
    found = {-1: np.repeat(system_units(factory), each)}
    for index, tier in enumerate(factory.topology.tiers):
        found[index] = switch_units(factory, index, catalog.part(Switch, tier.switch).rack_units)
    return {tier: units_of.astype(np.int16) for tier, units_of in found.items()}


def _pulled(one: NDArray[np.int32], other: NDArray[np.int32], racks: int, a: Mapping[str, float]) -> NDArray[np.int64]:
    """Bundle that each cable is pulled in: those between the same two racks, so many at a time [links]."""
    away = one != other
    pair = np.minimum(one, other)[away].astype(np.int64) * racks + np.maximum(one, other)[away]
    place = ranks(pair) // max(int(a["network.cable_bundle"]), 1)
    most = int(place.max(initial=0)) + 1
    _, bundle = np.unique(pair * most + place, return_inverse=True)
    pulled = np.full(len(one), -1, np.int64)
    pulled[away] = bundle
    return pulled


def _length(factory: Factory, one: NDArray[np.integer], other: NDArray[np.integer], a: Mapping[str, float]) -> Floats:
    """Length that a cable needs between two racks [m]: along rows and aisles, up to the tray and down again."""
    x, y = factory.racks.x, factory.racks.y
    away = np.abs(x[one] - x[other]) + np.abs(y[one] - y[other]) + 2 * a["network.cable_rise"]
    return np.where(one == other, a["network.cable_in_rack"], away) + a["network.cable_slack"]


def _stock(length: Floats, bundle: Bundle) -> Ints:
    stock = np.searchsorted(STOCK_LENGTHS, length)
    if np.any(stock == len(STOCK_LENGTHS)):
        longest, most = (units.show(float(m), "length") for m in (length.max(), STOCK_LENGTHS[-1]))
        raise UsageError(
            f"{bundle.name} has a link of {longest}, and cables are sold up to {most}; move the halls together"
        )
    return stock


def _ports(factory: Factory, catalog: Catalog, bundle: Bundle) -> tuple[Port, Port]:
    """The ports at both ends of a bundle's links."""
    topology = factory.topology
    nic = Port(max(1, topology.bundles[0].count // topology.endpoints) if topology.tiers else 1, pluggable=True)
    lower, upper = (
        nic if tier < 0 else switch_port(catalog.part(Switch, topology.tiers[tier].switch), bundle.bandwidth)
        for tier in (bundle.lower, bundle.upper)
    )
    return lower, upper


def _lines(bundle: Bundle, used: NDArray[np.intp], ways: list[Medium]) -> list[CableLine]:
    """One line of the bill for each stock length that is used."""
    return [
        _line(bundle, float(length), int(count), cheapest(ways, float(length), bundle.bandwidth))
        for length, count in zip(STOCK_LENGTHS, used, strict=True)
        if count
    ]


def _line(bundle: Bundle, length: float, count: int, way: Medium) -> CableLine:
    ends = [(end.part, math.ceil(end.each * count - 1e-6)) for end in way.modules if end]
    near, far = ends[0] if ends else None, ends[-1] if ends and ends[-1][0] != ends[0][0] else None
    cable = (way.cable.price or 0.0) + way.cable.price_per_metre * length
    return CableLine(
        bundle=bundle.name,
        part=way.cable.id,
        length=length,
        count=count,
        transceiver=near[0].id if near else "",
        transceivers=sum(number for _, number in ends),
        power=(way.cable.power or 0.0) * count + math.fsum(part.power * number for part, number in ends),
        cost=cable * count + math.fsum((part.price or 0.0) * number for part, number in ends),
        far_transceiver=far[0].id if far else "",
        far_transceivers=far[1] if far else 0,
        medium=way.cable.medium,
    )
