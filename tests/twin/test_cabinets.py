"""Racks: how many systems or switches go into one, by hand and by what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.network import topology
from firstlight.spec import catalog as shelves
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Part, Rack, Switch, System, Transceiver
from firstlight.spec.site import Site
from firstlight.twin.cabinets import compute_cabinet, optics_power, require_cooling, service_cabinet, shelf

CATALOG = shelves.shipped()
OTHERS = [part for part in CATALOG.parts(Part) if not isinstance(part, Rack)]


def rack(ident: str, units: float, power: float, price: float | None) -> Rack:
    changes = {"id": ident, "name": ident, "aliases": (), "rack_units": units, "power": power, "price": price}
    return CATALOG.part(Rack, "rack-42u").model_copy(update=changes)


def system(name: str = "hgx-h100", **changes: object) -> System:
    return CATALOG.part(System, name).model_copy(update=changes)


def site(*cooling: str) -> Site:
    return Site.model_validate({"place": "Oslo", "power": "1 MW", "floor": "100 m2", "cooling": cooling})


def over(**changes: str) -> object:
    return with_overrides(shipped(), {f"twin.{name}": value for name, value in changes.items()})


def test_four_h100_servers_take_the_cheapest_rack_that_takes_four(catalog, a):
    """Four of 10.2 kW are more than the 34 kW of the cheaper rack."""
    found = compute_cabinet(system(), catalog, a)
    assert (found.rack.id, found.holds, found.racks_each) == ("rack-48u", 4, 1)
    assert (found.width, found.depth, found.mass) == (found.rack.width, found.rack.depth, found.rack.mass)


def test_each_limit_of_a_rack_binds(a):
    """per_rack, strips, height and heat to air."""
    one = Catalog([rack("r", 42, 34e3, 1.0)])
    assert compute_cabinet(system(per_rack=2), one, a).holds == 2
    assert compute_cabinet(system(), one, a).holds == 3
    assert compute_cabinet(system(rack_units=21), one, a).holds == 2
    assert compute_cabinet(system(), one, over(air_rack_power="20 kW")).holds == 1
    assert compute_cabinet(system(liquid=0.9), one, over(air_rack_power="2100 W")).holds == 2


def test_a_rack_that_takes_more_is_worth_its_price(a):
    racks = [rack("a", 42, 45e3, None), rack("b", 42, 45e3, 9e3), rack("c", 42, 45e3, 8e3), rack("d", 42, 34e3, 1.0)]
    assert compute_cabinet(system(), Catalog(racks), a).rack.id == "c"


@pytest.mark.parametrize(
    ("name", "holds", "each"),
    [("gb200-nvl72", 1, 1), ("rubin-ultra-nvl576", 1, 2), ("cloudmatrix-384", 1, 16), ("frontier-node", 128, 1)],
)
def test_rack_scale_and_wide_systems_bring_their_own(catalog, a, name, holds, each):
    part, found = catalog.part(System, name), compute_cabinet(catalog.part(System, name), catalog, a)
    assert (found.rack, found.holds, found.racks_each, found.mass) == (None, holds, each, 0)
    assert (found.width, found.depth) == (part.rack_width, part.rack_depth)


def test_more_heat_than_air_takes_is_refused(catalog):
    little = over(air_rack_power="10 kW")
    message = "gives 10.2 kW to air, and air takes 10 kW from a rack; choose one that gives less, or raise assum"
    with pytest.raises(UsageError, match=f"a rack of hgx-h100 {message}"):
        compute_cabinet(system(), catalog, little)
    with pytest.raises(UsageError, match=r"a rack of gb200-nvl72 gives 17\.2 kW to air"):
        compute_cabinet(system("gb200-nvl72"), catalog, little)
    with pytest.raises(UsageError, match="a rack of storage gives 15 kW to air"):
        service_cabinet(catalog, little)
    with pytest.raises(UsageError, match="air_rack_power is 0 kW; it must be more than zero"):
        compute_cabinet(system(), catalog, over(air_rack_power="0 kW"))


def test_a_system_that_no_rack_takes(catalog, a):
    with pytest.raises(UsageError, match="no rack of the catalogue takes one hgx-h100: 200 kW, 8 U; add a rack"):
        compute_cabinet(system(power=200e3, liquid=0.9), catalog, a)
    with pytest.raises(UsageError, match="no rack of the catalogue takes one storage rack: 15 kW, 1 U; add"):
        service_cabinet(Catalog([rack("r", 42, 10e3, 1.0)]), a)


racks = st.builds(
    rack, st.sampled_from("abcdef"), st.sampled_from([24, 42, 48]), st.floats(5e3, 200e3), st.none() | st.floats(1, 1e5)
)


@given(
    st.lists(racks, min_size=1, max_size=5),
    st.floats(1e3, 60e3),
    st.floats(0, 1),
    st.sampled_from([1, 4, 8, 20]),
    st.integers(1, 12),
)
def test_the_fullest_rack_within_every_limit(kinds, power, liquid, height, most):
    server, a, parts = system(power=power, liquid=liquid, rack_units=height, per_rack=most), over(), Catalog(kinds)
    air = power * (1 - liquid)

    def fits(kind: Rack, count: int) -> bool:
        loads = (count * power / kind.power, count * height / kind.rack_units, count * air / a["twin.air_rack_power"])
        return count <= most and max(loads) <= 1 + 1e-9

    best = max(count for kind in parts.parts(Rack) for count in range(most + 1) if fits(kind, count))
    if not best:
        with pytest.raises(UsageError):
            compute_cabinet(server, parts, a)
        return
    found = compute_cabinet(server, parts, a)
    assert found.holds == best
    assert fits(found.rack, best)
    prices = [kind.price for kind in parts.parts(Rack) if fits(kind, best) and kind.price is not None]
    assert found.rack.price == min(prices, default=None)


def net(switch: str, endpoints: int, **fabric: object) -> topology.Switched:
    design = FabricDesign.model_validate({"kind": "clos", "link": "400 Gb/s", **fabric})
    return topology.build(design, endpoints, 8, CATALOG.part(Switch, switch))


def test_a_shelf_of_switches(catalog, a):
    """A 42U rack at 60 % takes 12 of 2U; each 940 W and, with 128 links at 400G, 64 modules of 15 W (800G 2xSR4)."""
    fabric = net("nvidia-sn5600", 128)
    found = shelf(fabric, 0, catalog, a)
    assert (found.cabinet.rack.id, found.cabinet.holds, found.mass) == ("rack-42u", 12, 24)
    assert found.power == pytest.approx(940 + 64 * 15)
    assert found.idle == pytest.approx(0.85 * 940 + 64 * 15)


def test_strips_height_and_air_limit_a_shelf(catalog, a):
    hot = net("nvidia-sn6800-ld", 512, link="800 Gb/s")
    assert shelf(hot, 0, catalog, a).cabinet.holds == 2  # 13 kW each, of 34 kW
    assert shelf(hot, 0, catalog, over(air_rack_power="14 kW")).cabinet.holds == 1
    assert shelf(net("nvidia-sn5600", 8), 0, catalog, over(network_rack_fill="1 %")).cabinet.holds == 1
    with pytest.raises(UsageError, match="a rack of nvidia-sn6800-ld gives 13 kW to air, and air takes 5 kW"):
        shelf(hot, 0, catalog, over(air_rack_power="5 kW"))
    with pytest.raises(UsageError, match="no rack of the catalogue takes one nvidia-sn6800-ld: 13 kW, 5 U"):
        shelf(hot, 0, Catalog([*OTHERS, rack("r", 42, 10e3, 1.0)]), a)


def test_optics_of_all_tiers_carry_all_traffic(catalog):
    """The watts of all switches' optics are those of the fabric's bandwidth, an end at a NIC not counted."""
    fabric = net("nvidia-sn5600", 5000)
    best = min(t.power / t.bandwidth for t in catalog.parts(Transceiver) if t.bandwidth <= 100e9)
    total = sum(
        tier.switches * optics_power(fabric, index, catalog.part(Switch, tier.switch), catalog)
        for index, tier in enumerate(fabric.tiers)
    )
    ends = [bundle.count * bundle.bandwidth * (1 if bundle.lower < 0 else 2) for bundle in fabric.bundles]
    assert len(fabric.tiers) == 2
    assert total == pytest.approx(math.fsum(ends) * best)


def test_built_in_optics_are_in_the_switch(catalog):
    fabric = net("nvidia-q3450-ld", 500, link="800 Gb/s")
    assert optics_power(fabric, 0, catalog.part(Switch, "nvidia-q3450-ld"), catalog) == 0
    assert shelf(fabric, 0, catalog, over()).power == catalog.part(Switch, "nvidia-q3450-ld").power


def test_the_site_takes_the_heat(catalog):
    mixed, wet, dry = system("gb200-nvl72"), system("vera-rubin-nvl72"), system("hgx-h100")
    for part, cooling in ((mixed, ("liquid", "air")), (wet, ("liquid",)), (dry, ("air",))):
        require_cooling(part, site(*cooling))
    with pytest.raises(InfeasibleError, match=r"liquid for 87 % of the heat of gb200-nvl72, has air\. Add liquid to"):
        require_cooling(mixed, site("air"))
    with pytest.raises(InfeasibleError, match=r"air for 13 % .*has liquid\. Add air to site\.cooling, or choose"):
        require_cooling(mixed, site("liquid"))
    with pytest.raises(InfeasibleError, match="the site cannot cool"):
        require_cooling(dry, site("liquid"))


def test_all_systems_find_a_rack(catalog, a):
    holds = [compute_cabinet(part, catalog, a).holds for part in catalog.parts(System)]
    assert np.all(np.array(holds) >= 1)
