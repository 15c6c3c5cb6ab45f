"""Real parts on real fabrics, and what must hold of every factory that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from firstlight.network import topology
from firstlight.spec import catalog as shelf
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.parts import Cdu, Switch, System, Ups
from firstlight.spec.site import Site
from firstlight.twin import cabinets
from firstlight.twin.assemble import assemble
from firstlight.twin.cabinets import Cabinet, Shelf
from firstlight.twin.factory import Factory, RackKind
from firstlight.twin.racks import service_need

NEAR = 1e-6


@dataclass(frozen=True)
class Case:
    """A factory and all that it was made from."""

    factory: Factory
    design: Design
    site: Site
    catalog: Catalog
    a: Assumptions

    @property
    def pod(self) -> np.ndarray:
        """Pod of each rack [racks]."""
        return np.searchsorted(self.factory.pods, np.arange(len(self.factory.racks)), side="right") - 1

    @property
    def hall(self) -> np.ndarray:
        """Hall of each rack [racks]."""
        return np.searchsorted(self.factory.halls.pods, self.pod, side="right") - 1

    @property
    def racks(self) -> np.ndarray:
        """Compute, network and service racks."""
        return np.bincount(self.factory.racks.kind, minlength=len(RackKind))

    @property
    def cabinet(self) -> Cabinet:
        """Rack of the systems."""
        return cabinets.compute_cabinet(self.factory.system, self.catalog, self.a)

    @property
    def shelves(self) -> list[Shelf]:
        """Racks of each tier's switches."""
        net = self.factory.topology
        return [cabinets.shelf(net, tier, self.catalog, self.a) for tier in range(len(net.tiers))]


Make = Callable[..., Case]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return shelf.shipped()


@pytest.fixture
def a() -> Assumptions:
    return with_overrides(shipped(), {})


@pytest.fixture(scope="session")
def make(catalog: Catalog) -> Make:
    """`make("hgx-h100", 1016, fabric={...}, site={...}, ups="none", cdu=..., assumptions={...}, catalog=...)`.

    Left out: a torus where there are no NICs, else rails of a node (a Clos where it has one) of 400 Gb/s Spectrum; UPS
    and CDU of the largest kind.
    """

    def build(name: str, accelerators: int, **given: Any) -> Case:
        parts, a = given.get("catalog", catalog), with_overrides(shipped(), given.get("assumptions", {}))
        site = _site(given.get("site", {}))
        system = parts.part(System, name)
        design = _design(system, accelerators, site, given)
        factory = assemble("made", design, site, parts, _fabric(system, design, parts), a)
        return Case(factory, design, site, parts, a)

    return build


def _site(given: dict[str, Any]) -> Site:
    return Site.model_validate({"place": "Memphis, Tennessee", "power": "5 GW", "floor": "1000000 m2", **given})


def _design(system: System, accelerators: int, site: Site, given: dict[str, Any]) -> Design:
    rails = system.nics // system.nodes
    joined = {"kind": "rail-optimised" if rails > 1 else "clos", "link": "400 Gb/s", "switch": "nvidia-sn5600"}
    wet = system.liquid or "air" not in site.cooling
    return Design.model_validate(
        {
            "system": system.id,
            "accelerators": accelerators,
            "fabric": given.get("fabric", joined if system.nic else {"kind": "torus", "link": "800 Gb/s"}),
            "power": {"ups": given.get("ups", "ups-2500kw")},
            "cooling": {"cdu": given.get("cdu", "cdu-row-2000kw" if wet else None)},
        }
    )


def _fabric(system: System, design: Design, catalog: Catalog) -> topology.Switched | topology.Torus:
    each = system.nics if system.nic else system.accelerators
    switch = catalog.part(Switch, design.fabric.switch) if design.fabric.switch else None
    systems = -(-(design.accelerators or 0) // system.accelerators)
    return topology.build(design.fabric, systems * each, each // system.nodes, switch)


@pytest.fixture(scope="session")
def sound() -> Callable[[Case], None]:
    """Check all that must hold of any factory."""

    def check(case: Case) -> None:
        for holds in (_hierarchy, _switches, _leaves, _power, _mass, _limits, _shared, _halls, _racks_apart):
            holds(case)

    return check


def _hierarchy(case: Case) -> None:
    """Offsets start at 0, never fall and are complete; every system begins in exactly one compute rack."""
    made, racks = case.factory, case.factory.racks
    for offsets, parents, children in (
        (racks.systems, len(racks), made.systems),
        (made.pods, len(made.pods) - 1, len(racks)),
        (made.halls.pods, len(made.halls), len(made.pods) - 1),
    ):
        assert len(offsets) == parents + 1
        assert (offsets[0], offsets[-1]) == (0, children)
        assert np.all(np.diff(offsets) >= 0)
    home = made.system_rack(np.arange(made.systems))
    assert np.array_equal(np.bincount(home, minlength=len(racks)), np.diff(racks.systems))
    assert np.all(racks.kind[home] == RackKind.COMPUTE)
    assert made.accelerators - made.system.accelerators < case.design.accelerators <= made.accelerators
    assert {len(values) for values in vars(racks).values()} == {len(racks), len(racks) + 1}
    assert len(np.unique(case.pod[home])) == len(made.pods) - 1 - len(made.halls)  # a core in each hall
    assert np.ptp(np.diff(made.halls.pods)) <= 1


def _switches(case: Case) -> None:
    """Every switch stands in a network rack of its tier, in the halls that it joins or between them."""
    made, net = case.factory, case.factory.topology
    tiers_in = np.zeros(len(made.racks), int)
    for home, tier, own in zip(made.switch_rack, net.tiers, case.shelves, strict=True):
        held = np.bincount(home, minlength=len(made.racks))
        assert (len(home), held.max() <= own.cabinet.holds) == (tier.switches, True)
        tiers_in += held > 0
    assert np.array_equal(tiers_in, made.racks.kind == RackKind.NETWORK)
    for index, bundle in enumerate(net.bundles):
        if bundle.lower >= 0:
            lower, upper = net.ends(index, np.arange(bundle.count))
            below, home = (case.hall[made.switch_rack[t]] for t in (bundle.lower, bundle.upper))
            low, high = np.full(len(home), len(made.halls)), np.zeros(len(home), int)
            np.minimum.at(low, upper, below[lower])
            np.maximum.at(high, upper, below[lower])
            assert np.all((low <= home) & (home <= high))


def _leaves(case: Case) -> None:
    """Every leaf stands in the pod of the first endpoint that is on it."""
    made, net = case.factory, case.factory.topology
    if net.tiers:
        endpoint, leaf = net.ends(0, np.arange(net.bundles[0].count))
        order = np.lexsort((endpoint, leaf))
        leaves, first = np.unique(leaf[order], return_index=True)
        systems = endpoint[order][first] // (net.endpoints // made.systems)
        assert np.array_equal(case.pod[made.switch_rack[0][leaves]], case.pod[made.system_rack(systems)])


def _power(case: Case) -> None:
    """Power is what the parts say."""
    made, system = case.factory, case.factory.system
    count, each = service_need(system, made.systems, case.a)
    tiers = [(tier.switches, own) for tier, own in zip(made.topology.tiers, case.shelves, strict=True)]
    assert case.racks[RackKind.SERVICE] == count
    assert made.it_power == pytest.approx(
        made.systems * system.power + sum(n * own.power for n, own in tiers) + count * each
    )
    assert made.idle_power == pytest.approx(
        made.systems * system.idle_power
        + sum(n * own.idle for n, own in tiers)
        + count * each * case.a["twin.service_idle"]
    )
    wet = made.systems * system.power * system.liquid if "air" in case.site.cooling else made.it_power
    assert made.racks.liquid.sum() == pytest.approx(wet)


def _mass(case: Case) -> None:
    """Mass is what the parts say."""
    made = case.factory
    compute, _, service = case.racks
    network = sum(
        tier.switches * own.mass + len(np.unique(home)) * own.cabinet.mass
        for tier, own, home in zip(made.topology.tiers, case.shelves, made.switch_rack, strict=True)
    )
    assert made.racks.mass.sum() == pytest.approx(
        made.systems * made.system.mass
        + compute * case.cabinet.mass
        + network
        + service * case.a["twin.service_rack_mass"]
    )


def _limits(case: Case) -> None:
    """No rack is over what its strips deliver or what air takes from it."""
    made, racks, air = case.factory, case.factory.racks, case.a["twin.air_rack_power"] * (1 + NEAR)
    own = racks.kind == RackKind.COMPUTE
    assert np.all(racks.idle_power <= racks.power)
    assert np.all(racks.liquid <= racks.power)
    assert np.all(racks.power[own] * (1 - made.system.liquid) <= air)
    assert np.all(racks.power[~own] <= air)
    if case.cabinet.rack:
        assert racks.power[own].max() <= case.cabinet.rack.power * (1 + NEAR)
    for home, tier in zip(made.switch_rack, case.shelves, strict=True):
        assert racks.power[home].max() <= tier.cabinet.rack.power * (1 + NEAR)


def _shared(case: Case) -> None:
    """Feeds and loops carry everything, none over its rating; each serves neighbours in one hall."""
    made, racks, design = case.factory, case.factory.racks, case.design
    rating = np.inf if design.power.ups == "none" else case.catalog.part(Ups, design.power.ups).rating
    capacity = case.catalog.part(Cdu, design.cooling.cdu).capacity if design.cooling.cdu else 0.0
    for block, load, carried, limit in (
        (racks.feed, racks.power, made.feed_power, rating),
        (racks.loop, racks.liquid, made.loop_power, capacity),
    ):
        on = block >= 0
        assert np.array_equal(on, load > 0)
        assert np.array_equal(np.unique(block[on]), np.arange(len(carried)))
        assert np.bincount(block[on], load[on], minlength=len(carried)) == pytest.approx(carried)
        assert np.all(carried <= limit * (1 + NEAR))
        assert np.all(np.diff(block[on]) >= 0)
        assert np.unique(np.stack([block[on], case.hall[on]]), axis=1).shape[1] == len(carried)


def _halls(case: Case) -> None:
    """Halls and buildings keep their distances, and the site holds them all; every building has its halls."""
    made, halls = case.factory, case.factory.halls
    for low, size, most in ((halls.x, halls.width, made.site_width), (halls.y, halls.depth, made.site_depth)):
        assert (low.min(), (low + size).max()) == (0, most)
    apart = np.maximum(_gaps(halls.x, halls.width), _gaps(halls.y, halls.depth))
    together = halls.building[:, None] == halls.building
    assert np.all(apart[~together] >= case.a["twin.building_gap"] - NEAR)
    assert np.all(apart[together & ~np.eye(len(halls), dtype=bool)] >= case.a["twin.hall_gap"] - NEAR)
    assert np.array_equal(np.unique(halls.building), np.arange(min(case.site.buildings, len(halls))))


def _gaps(low: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Gap between each two intervals; negative where they overlap."""
    return np.maximum(low[:, None], low) - np.minimum((low + size)[:, None], low + size)


def _racks_apart(case: Case) -> None:
    """Racks stand inside their halls with an aisle about their rows, and no two on the same floor."""
    racks, halls, a = case.factory.racks, case.factory.halls, case.a
    kinds = [case.cabinet, cabinets.service_cabinet(case.catalog, a), *(own.cabinet for own in case.shelves)]
    width, depth = max(c.width for c in kinds), max(c.depth for c in kinds)
    aisle = min(a["twin.cold_aisle"], a["twin.hot_aisle"])
    for at, half, low, size, free in (
        (racks.x, width / 2, halls.x, halls.width, a["twin.cross_aisle"]),
        (racks.y, depth / 2, halls.y, halls.depth, aisle),
    ):
        assert np.all(at - half >= low[case.hall] + free - NEAR)
        assert np.all(at + half <= (low + size)[case.hall] - free + NEAR)
    order = np.lexsort((racks.x, np.round(racks.y, 6)))  # of one line of rows after the other
    along, across = np.diff(racks.x[order]), np.diff(racks.y[order])
    assert np.all((along >= width - NEAR) | (np.abs(across) >= depth + aisle - NEAR) | (np.diff(case.hall[order]) != 0))
