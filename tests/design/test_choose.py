"""Small choices among catalogue parts, each with its rule."""

from __future__ import annotations

import pytest

from firstlight.design import choose
from firstlight.errors import UsageError
from firstlight.evaluate.build import parts
from firstlight.network import topology
from firstlight.spec import assumptions, catalog
from firstlight.spec.design import CoolingDesign, Design, FabricDesign, PowerDesign
from firstlight.spec.parts import Cdu, Switch, Transformer, Ups

MW = 1e6
SHIPPED = catalog.shipped()
ASSUMED = assumptions.with_overrides(assumptions.shipped(), {})


def made_of(system: str):
    return parts(Design(system=system), SHIPPED)


def test_block_is_the_largest_of_which_eight_carry_the_load():
    blocks = SHIPPED.parts(Ups)
    ratings = sorted(ups.rating for ups in blocks)
    assert choose.block(blocks, 1000 * MW, "rating").rating == ratings[-1]
    assert choose.block(blocks, 8 * ratings[1], "rating").rating == ratings[1]
    assert choose.block(blocks, 1.0, "rating").rating == ratings[0]


def test_no_rack_is_more_than_one_block():
    blocks = SHIPPED.parts(Ups)
    ratings = sorted(ups.rating for ups in blocks)
    assert choose.block(blocks, 1.0, "rating", piece=ratings[0] * 1.01).rating == ratings[1]
    assert choose.block(blocks, 1.0, "rating", piece=1e12).rating == ratings[-1]


def test_fabric_follows_the_system():
    nodes, _ = choose.fabric(FabricDesign(), made_of("hgx-h100"), 1024, SHIPPED)
    assert (nodes.kind, nodes.link, nodes.planes, nodes.taper) == ("rail-optimised", 50e9, 1, 1.0)
    cube, reasons = choose.fabric(FabricDesign(), made_of("tpu-v5p-cube"), 1024, SHIPPED)
    assert (cube.kind, cube.switch) == ("torus", None)
    assert set(reasons) == {"design.fabric.kind", "design.fabric.link"}
    assert cube.link == pytest.approx(100e9)


@pytest.mark.parametrize("count", [64, 1024, 16_384])
def test_switch_has_the_lowest_price_for_all_of_them(count):
    system = made_of("hgx-h100")
    chosen, _ = choose.fabric(FabricDesign(), system, count, SHIPPED)

    def cost(switch: Switch) -> float:
        try:
            net = topology.build(chosen, system.endpoints(count), 8, switch)
        except UsageError:
            return float("inf")
        if switch.port_bandwidth > choose.MOST_LINKS * chosen.link:
            return float("inf")  # no module plugs so many links into a port
        return (switch.price or float("inf")) * sum(tier.switches for tier in net.tiers)

    assert cost(SHIPPED.part(Switch, chosen.switch)) == min(cost(switch) for switch in SHIPPED.parts(Switch))


def test_no_switch_at_all_is_said():
    with pytest.raises(UsageError, match="no switch of the catalogue"):
        choose.fabric(FabricDesign(link="10 Tb/s"), made_of("hgx-h100"), 1024, SHIPPED)


def test_a_battery_smooths_large_runs_only():
    def battery(load: float, training: bool) -> str | None:
        return choose.power(PowerDesign(), load, 40e3, training, SHIPPED, ASSUMED)[0].battery

    assert battery(100 * MW, True) != "none"
    assert battery(100 * MW, False) == "none"
    assert battery(10 * MW, True) == "none"


def test_only_large_sites_have_a_substation_of_their_own():
    def transformer(load: float) -> Transformer:
        chosen, _ = choose.power(PowerDesign(), load, 40e3, False, SHIPPED, ASSUMED)
        return SHIPPED.part(Transformer, chosen.transformer)

    assert not transformer(5 * MW).high_voltage
    assert transformer(500 * MW).high_voltage
    assert transformer(500 * MW).rating <= 250 * MW


def test_coolant_units_only_where_racks_give_heat_to_liquid():
    assert choose.cooling(CoolingDesign(), 0.0, 0.0, SHIPPED)[0].cdu is None
    dry, reasons = choose.cooling(CoolingDesign(), 10 * MW, 100e3, SHIPPED)
    assert SHIPPED.part(Cdu, dry.cdu).capacity <= 10 * MW / 8
    assert set(reasons) == {"design.cooling.cdu", "design.cooling.rejection"}
