"""What stands in each rack: systems, switches of the pod or of the hall's core, storage and management."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import System
from firstlight.twin.cabinets import Cabinet, Shelf
from firstlight.twin.factory import RackKind
from firstlight.twin.positions import ranks
from firstlight.twin.protocols import Floats, Ints

_EDGE = 1e-9


@dataclass(frozen=True)
class Kit:
    """What all racks of a factory are made of.

    Attributes:
        system: part. cabinet: its rack.
        shelves: of each tier of the fabric.
        service: rack of storage and management.
        service_racks: how many.
        service_power, service_idle, service_mass: of each, greatest and idle [W], loaded [kg].
    """

    system: System
    cabinet: Cabinet
    shelves: tuple[Shelf, ...]
    service: Cabinet
    service_racks: int
    service_power: float
    service_idle: float
    service_mass: float

    @property
    def footprint(self) -> tuple[float, float]:
        """Width and depth that hold every one of the racks [m]."""
        cabinets = (self.cabinet, self.service, *(shelf.cabinet for shelf in self.shelves))
        return max(cabinet.width for cabinet in cabinets), max(cabinet.depth for cabinet in cabinets)


@dataclass(frozen=True)
class Pods:
    """What each pod holds; a hall's core is a pod without systems. Hall by hall.

    Attributes:
        hall: of each pod, ascending [pods].
        systems: in each [pods].
        switch_pod: for each tier, pod of each switch [switches].
        service: service racks in each [pods].
    """

    hall: Ints
    systems: Ints
    switch_pod: tuple[Ints, ...]
    service: Ints


@dataclass(frozen=True)
class Filled:
    """Racks and what is in them, without places.

    Attributes:
        offsets: of each pod into the racks [pods + 1].
        kind, power, idle, mass: of each rack [racks]; power in [W], mass in [kg].
        systems: offsets into the systems [racks + 1].
        switch_rack: for each tier, rack of each switch [switches].
    """

    offsets: Ints
    kind: NDArray[np.uint8]
    power: Floats
    idle: Floats
    mass: Floats
    systems: Ints
    switch_rack: tuple[NDArray[np.int32], ...]


def service_need(system: System, systems: int, a: Assumptions) -> tuple[int, float]:
    """Racks for storage and management, and the greatest power of each [W]: a share of the systems' power."""
    power = a["twin.service_power"] * systems * system.power
    racks = math.ceil(power / a.positive("twin.service_rack_power") - _EDGE)
    return racks, power / max(racks, 1)


def compute_racks(systems: Ints, cabinet: Cabinet) -> Ints:
    """Racks for the systems of each pod, like `systems`."""
    return -(-systems // cabinet.holds) * cabinet.racks_each


def shelf_racks(switches: Ints, shelf: Shelf) -> Ints:
    """Racks for so many switches of one tier, like `switches`."""
    return -(-switches // shelf.cabinet.holds)


def fill(pods: Pods, kit: Kit) -> Filled:
    """Fill the racks of every pod: half of its systems, its switches, the other half, and service racks at the end."""
    compute = compute_racks(pods.systems, kit.cabinet)
    tiers = _network_racks(pods, kit)
    network = tiers.sum(axis=0)
    offsets = np.append(0, np.cumsum(compute + network + pods.service))
    before = compute // kit.cabinet.racks_each // 2 * kit.cabinet.racks_each
    kind = _kinds(offsets, compute, before, network)
    first = offsets[:-1] + before + np.cumsum(tiers, axis=0) - tiers
    homes = tuple(
        _stand(pod, start, shelf.cabinet.holds)
        for pod, start, shelf in zip(pods.switch_pod, first, kit.shelves, strict=True)
    )
    systems, borne = _systems(kind, np.append(0, np.cumsum(compute)), pods.systems, kit.cabinet)
    power, idle, mass = _loads(kind, borne, homes, kit)
    return Filled(offsets, kind, power, idle, mass, np.append(0, np.cumsum(systems)), homes)


def _network_racks(pods: Pods, kit: Kit) -> Ints:
    """Racks of each tier's switches in each pod [tiers, pods]."""
    racks = np.zeros((len(kit.shelves), len(pods.systems)), np.int64)
    for tier, (pod, shelf) in enumerate(zip(pods.switch_pod, kit.shelves, strict=True)):
        racks[tier] = shelf_racks(np.bincount(pod, minlength=len(pods.systems)), shelf)
    return racks


def _kinds(offsets: Ints, compute: Ints, before: Ints, network: Ints) -> NDArray[np.uint8]:
    """Kind of each rack [racks]."""
    pod = np.repeat(np.arange(len(compute)), np.diff(offsets))
    place = np.arange(len(pod)) - offsets[pod]
    kind = np.full(len(pod), RackKind.COMPUTE, np.uint8)
    kind[(place >= before[pod]) & (place < (before + network)[pod])] = RackKind.NETWORK
    kind[place >= (compute + network)[pod]] = RackKind.SERVICE
    return kind


def _stand(pod: Ints, start: Ints, holds: int) -> NDArray[np.int32]:
    """Rack of each switch: those of a pod fill its network racks from `start` in their order [switches]."""
    return (start[pod] + ranks(pod) // holds).astype(np.int32)


def _systems(kind: NDArray[np.uint8], first: Ints, systems: Ints, cabinet: Cabinet) -> tuple[Ints, Floats]:
    """Systems that begin in each rack, and how many each bears, a share of them where they take several [racks].

    Args:
        kind: of each rack [racks].
        first: offsets of each pod into the compute racks [pods + 1].
        systems: of each pod [pods].
        cabinet: of the systems.
    """
    pod = np.repeat(np.arange(len(systems)), np.diff(first))
    place, part = np.divmod(np.arange(len(pod)) - first[pod], cabinet.racks_each)
    held = np.clip(systems[pod] - place * cabinet.holds, 0, cabinet.holds)
    begin, borne = np.zeros(len(kind), np.int64), np.zeros(len(kind))
    begin[kind == RackKind.COMPUTE] = np.where(part == 0, held, 0)
    borne[kind == RackKind.COMPUTE] = held / cabinet.racks_each
    return begin, borne


def _loads(
    kind: NDArray[np.uint8], held: Floats, homes: tuple[NDArray[np.int32], ...], kit: Kit
) -> tuple[Floats, Floats, Floats]:
    """Greatest power, idle power [W] and mass [kg] of each rack [racks], from the systems that it bears."""
    system, cabinet = kit.system, kit.cabinet
    racks = len(kind)
    own = kind == RackKind.COMPUTE
    power, idle = held * system.power, held * system.idle_power
    mass = held * system.mass + own * cabinet.mass
    for home, shelf in zip(homes, kit.shelves, strict=True):
        count = np.bincount(home, minlength=racks)
        power, idle = power + count * shelf.power, idle + count * shelf.idle
        mass = mass + count * shelf.mass + (count > 0) * shelf.cabinet.mass
    serves = kind == RackKind.SERVICE
    power[serves] = kit.service_power
    mass[serves] = kit.service_mass
    idle[serves] = kit.service_idle
    return power, idle, mass
