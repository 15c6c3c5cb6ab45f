"""Design -> factory: parts into racks, racks into pods, pods into halls, and what feeds and cools each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.parts import Accelerator, Host, Nic, System
from firstlight.spec.site import Site
from firstlight.twin.cabinets import compute_cabinet, require_cooling, service_cabinet, shelf
from firstlight.twin.factory import Factory, Halls, RackKind, Racks
from firstlight.twin.feeds import feeds, loops
from firstlight.twin.layout import Floor, Slot, hall_count, lay, share_out
from firstlight.twin.pods import leaf_pods, pods, upper_halls
from firstlight.twin.protocols import Floats, Ints, Topology
from firstlight.twin.racks import Filled, Kit, Pods, compute_racks, fill, service_need, shelf_racks


@dataclass(frozen=True)
class _Hung:
    """Racks with their places, feeds and loops."""

    racks: Racks
    feed_power: Floats
    loop_power: Floats


def assemble(name: str, design: Design, site: Site, catalog: Catalog, topology: Topology, a: Assumptions) -> Factory:
    """The factory of a resolved design.

    Systems that begin on the same leaf are a pod; its racks stand side by side with its leaf switches in their middle.
    Each hall holds whole pods, and in their middle a core: the switches that join pods, storage and management.

    Args:
        name: of the plan.
        design: with system, accelerators, UPS and, where there is heat to liquid, CDU resolved.
        site: what it stands on; a floor that is too small is not judged here.
        catalog: parts.
        topology: the fabric of the design.
        a: assumptions `twin.*`.

    Raises:
        InfeasibleError: the site cannot cool the system.
        UsageError: an open design, an unknown part, or a rack that is more than its strips, feed or CDU.
    """
    system, systems = _system(design, catalog)
    require_cooling(system, site)
    kit = _kit(system, systems, catalog, topology, a)
    groups = _pods(kit, topology, systems, site, a)
    filled = fill(groups, kit)
    rack_hall = np.repeat(groups.hall, np.diff(filled.offsets))
    floor = lay(np.bincount(rack_hall), Slot(*kit.footprint), site, a)
    liquid = _liquid(filled, system, site)
    hung = _hang(design, filled, floor, liquid, rack_hall, catalog)
    return Factory(
        name=name,
        system=system,
        accelerator=catalog.part(Accelerator, system.accelerator),
        host=catalog.part(Host, system.host),
        nic=catalog.part(Nic, system.nic) if system.nic else None,
        topology=topology,
        systems=systems,
        halls=_halls(floor, groups.hall),
        pods=filled.offsets,
        racks=hung.racks,
        switch_rack=filled.switch_rack,
        feed_power=hung.feed_power,
        loop_power=hung.loop_power,
        site_width=float((floor.x + floor.width).max()),
        site_depth=float((floor.y + floor.depth).max()),
    )


def _system(design: Design, catalog: Catalog) -> tuple[System, int]:
    """The system of a design and how many."""
    if design.system is None or design.accelerators is None:
        missing = "system" if design.system is None else "accelerators"
        raise UsageError(f"design.{missing} is open; write it, or let `firstlight plan` propose it")
    system = catalog.part(System, design.system)
    return system, -(-design.accelerators // system.accelerators)


def _kit(system: System, systems: int, catalog: Catalog, topology: Topology, a: Assumptions) -> Kit:
    """The racks that everything goes into."""
    count, power = service_need(system, systems, a)
    return Kit(
        system=system,
        cabinet=compute_cabinet(system, catalog, a),
        shelves=tuple(shelf(topology, tier, catalog, a) for tier in range(len(topology.tiers))),
        service=service_cabinet(catalog, a),
        service_racks=count,
        service_power=power,
        service_idle=power * a["twin.service_idle"],
        service_mass=a["twin.service_rack_mass"],
    )


def _pods(kit: Kit, topology: Topology, systems: int, site: Site, a: Assumptions) -> Pods:
    """Pods in their halls, each hall's core in the middle of them, and the pod of every switch."""
    bounds = pods(topology, kit.system, systems, kit.cabinet.holds, a)
    each, leaves = np.diff(bounds), leaf_pods(topology, bounds)
    halls = _hall_count(kit, topology, each, leaves, site, a)
    hall = share_out(len(each), halls)
    place, core = _middle(hall, halls)
    uppers = (core[at] for at in upper_halls(topology, hall[leaves]))
    switch_pod = (place[leaves], *uppers)[: len(topology.tiers)]
    service = np.bincount(np.arange(kit.service_racks) * halls // max(kit.service_racks, 1), minlength=halls)
    return _ordered(place, core, hall, each, switch_pod, service)


def _hall_count(kit: Kit, topology: Topology, systems: Ints, leaves: Ints, site: Site, a: Assumptions) -> int:
    """Halls for pods of so many systems, and with the leaf switches of these pods; an even share of the cores each."""
    count = len(systems)
    power = systems * kit.system.power + kit.service_racks * kit.service_power / count
    racks = compute_racks(systems, kit.cabinet) + kit.service_racks / count
    for own in kit.shelves[:1]:
        held = np.bincount(leaves, minlength=count)
        power, racks = power + held * own.power, racks + shelf_racks(held, own)
    for tier, above in zip(topology.tiers[1:], kit.shelves[1:], strict=True):
        power, racks = power + tier.switches / count * above.power, racks + tier.switches / count / above.cabinet.holds
    return hall_count(np.array([power, racks], np.float64), _rounding(kit), site, a)


def _rounding(kit: Kit) -> Floats:
    """Power [W] and racks of a hall beyond an even share [2]: a service rack, and of each tier two switches, each in a
    rack that it starts."""
    above = kit.shelves[1:]
    return np.array([kit.service_power + 2 * math.fsum(shelf.power for shelf in above), 1 + 2 * len(above)])


def _middle(hall: Ints, halls: int) -> tuple[Ints, Ints]:
    """Number of each pod, and of each hall's core, when the core comes after the first half of the hall's pods."""
    first = np.searchsorted(hall, np.arange(halls))
    half = np.bincount(hall, minlength=halls) // 2
    core = first + half + np.arange(halls)
    inside = np.arange(len(hall)) - first[hall]
    return np.arange(len(hall)) + hall + (inside >= half[hall]), core


def _ordered(place: Ints, core: Ints, hall: Ints, systems: Ints, switch_pod: tuple[Ints, ...], service: Ints) -> Pods:
    """Pods and cores in the order of their numbers."""
    total = len(place) + len(core)
    halls, held, serves = (np.zeros(total, np.int64) for _ in range(3))
    halls[place], halls[core] = hall, np.arange(len(core))
    held[place], serves[core] = systems, service
    return Pods(halls, held, switch_pod, serves)


def _liquid(filled: Filled, system: System, site: Site) -> Floats:
    """Heat to liquid of each rack [W]; a site without air has doors with heat exchangers on its other racks."""
    others = 0.0 if "air" in site.cooling else 1.0
    return filled.power * np.where(filled.kind == RackKind.COMPUTE, system.liquid, others)


def _hang(design: Design, filled: Filled, floor: Floor, liquid: Floats, hall: Ints, catalog: Catalog) -> _Hung:
    """Racks on their places, feeds and loops."""
    fed, cooled = feeds(design, filled.power, hall, catalog), loops(design, liquid, hall, catalog)
    racks = Racks(
        kind=filled.kind,
        x=floor.rack_x,
        y=floor.rack_y,
        row=floor.row,
        power=filled.power,
        idle_power=filled.idle,
        liquid=liquid,
        mass=filled.mass,
        systems=filled.systems,
        feed=fed.block,
        loop=cooled.block,
    )
    return _Hung(racks, fed.load, cooled.load)


def _halls(floor: Floor, pod_hall: Ints) -> Halls:
    """The halls with offsets into their pods."""
    pods_of = np.append(0, np.cumsum(np.bincount(pod_hall, minlength=len(floor.x))))
    return Halls(floor.building, floor.x, floor.y, floor.width, floor.depth, pods_of)
