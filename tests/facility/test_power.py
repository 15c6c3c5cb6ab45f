import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.facility import power
from firstlight.facility.bank import Bank
from firstlight.spec.design import PowerDesign
from firstlight.spec.parts import Battery, Transformer, Ups

from .conftest import POWER, assumed, make_factory, the_catalog


def design(**changes) -> PowerDesign:
    return PowerDesign.model_validate(POWER | changes)


def supply(load: float = 24e6, halls: int = 2, **changes) -> power.Supply:
    return power.supply(design(**changes), load, make_factory(halls=halls), the_catalog(), assumed())


def ups(count: int = 10) -> Bank[Ups]:
    return Bank(the_catalog().part(Ups, "ups-1500kw"), count, "UPS", "")


def test_ups_at_half_load_and_above_has_its_stated_efficiency():
    load = np.array([7.5e6, 10e6, 15e6])
    assert load / (load + power.ups_loss(ups(), load)) == pytest.approx(0.97)


def test_ups_below_half_load_falls_to_its_loss_without_load():
    loss = power.ups_loss(ups(), np.array([0.0, 3.75e6]))
    at_half = (1 / 0.97 - 1) * 7.5e6
    assert loss == pytest.approx([140e3, (140e3 + at_half) / 2])


@given(st.floats(0, 15e6), st.floats(0, 1e6), st.integers(1, 20))
def test_ups_loss_grows_with_load_and_with_idle_blocks(load, more, blocks):
    assert power.ups_loss(ups(), np.array(load + more)) >= power.ups_loss(ups(), np.array(load))
    below_half = min(load, 7.5e6)
    spread, tight = (power.ups_loss(ups(count), np.array(below_half)) for count in (10 + blocks, 10))
    assert spread >= tight * (1 - 1e-12)


def test_transformer_losses_by_hand():
    part = the_catalog().part(Transformer, "transformer-2500kva")
    loss = power.transformer_loss(Bank(part, 4, "", ""), np.array([0.0, 4 * 2.5e6 * 0.97]), assumed())
    assert loss == pytest.approx([4 * 1575, 4 * (1575 + 18_500)])


def test_distribution_loss_is_resistive():
    loss = power.distribution_loss(np.array([5e6, 10e6]), 10e6, assumed())
    assert loss == pytest.approx([25e3, 100e3])


def test_battery_loses_what_goes_round():
    bank = Bank(the_catalog().part(Battery, "battery-megapack-2xl"), 4, "", "")
    loss = power.battery_loss(bank, np.array([1e6, 11e6]), 1e6, assumed())
    assert loss == pytest.approx([0, 0.1 * 10e6 * (1 / 0.92 - 1)])


def test_counts_by_hand():
    # 24 MW over 80 % of 40 MVA at a power factor of 97 % is one; n+1 is two. 24 / 2.5 MW is ten; n+1 is eleven.
    chain = supply()
    assert chain.substation is not None
    assert chain.generators is not None
    assert (chain.substation.count, chain.generators.count) == (2, 11)
    assert chain.hall.part.id == "transformer-1600kva"
    assert chain.hall.count == 20 + 2
    assert chain.batteries is None


def test_a_hall_transformer_leaves_the_site_without_a_substation():
    chain = supply(transformer="transformer-3150kva")
    assert chain.substation is None
    assert chain.hall.part.id == "transformer-3150kva"


def test_none_is_none():
    chain = supply(generator="none", battery="none")
    assert (chain.generators, chain.batteries) == (None, None)
    assert power.ups_bank(design(ups="none"), make_factory(), the_catalog()) is None
    assert power.redundancy(design(ups="none", redundancy="2n")) == "n"


def test_redundancy_of_the_ups_is_hall_by_hall():
    made = make_factory(20e6, halls=4)  # 5 MW a hall: four blocks of 1.5 MW each
    counts = [power.ups_bank(design(redundancy=kind), made, the_catalog()) for kind in ("n", "n+1", "2n")]
    assert [bank.count for bank in counts if bank] == [16, 20, 32]


@given(st.floats(1e3, 1e10), st.integers(1, 20), st.booleans())
def test_more_redundancy_never_fewer_units(load, halls, high_voltage):
    transformer = "transformer-40mva" if high_voltage else "transformer-2500kva"
    rows = [
        [bank.count for bank in supply(load, halls, redundancy=kind, transformer=transformer).banks]
        for kind in ("n", "n+1", "2n")
    ]
    assert all(a < b <= c for a, b, c in zip(*rows, strict=True))


@given(st.floats(1e3, 1e9), st.floats(1.0, 3.0))
def test_more_load_never_fewer_units(load, factor):
    small, large = (supply(each, transformer="transformer-2500kva") for each in (load, load * factor))
    assert all(a.count <= b.count for a, b in zip(small.banks, large.banks, strict=True))


@pytest.mark.parametrize("name", ["ups", "transformer", "generator", "battery", "redundancy"])
def test_open_designs_are_refused(name):
    with pytest.raises(UsageError, match=f"design.power.{name} is open"):
        power.require_resolved(design(**{name: None}))
