"""Proposals of any size: tori that stay compact, floors that grow by whole rows, spares that leave enough to work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import DocumentError, InfeasibleError
from firstlight.evaluate import hand
from firstlight.evaluate.build import build
from firstlight.network.topology import Torus
from firstlight.spec import assumptions, catalog

RUN = "[{train: llama-3.1-8b, tokens: 10B}, {serve: llama-3.1-8b, requests: 3 /s, prompt: 1000, answer: 300}]"


@pytest.mark.parametrize("system", ["tpu-v3-host", "tpu-v5e-8", "tpu-v7x-cube"])
@pytest.mark.parametrize("power", ["1 MW", "2.3 MW", "7 MW"])
def test_an_open_torus_is_compact_and_fills_its_site(proposed, system, power):
    found = proposed(demand=RUN, **{"design.system": system, "site.power": power})
    factory = build(found.plan, catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), {}))
    assert isinstance(factory.factory.topology, Torus)
    assert factory.factory.accelerators == found.plan.design.accelerators
    assert "site.power holds" in found.reasons["design.accelerators"]


def test_placements_on_a_torus_take_the_next_compact_one(proposed):
    placed = "[{accelerators: 2216, training: {tensor: 1}}]"
    found = proposed(demand="[{train: llama-3.1-8b, tokens: 10B}]",
                     **{"design.system": "tpu-v5e-8", "design.placements": placed})  # fmt: skip
    assert found.plan.design.accelerators == 2232
    assert found.reasons["design.accelerators"].startswith("2,232: ")


@pytest.mark.parametrize(("system", "kind"), [("hgx-h100", "torus"), ("tpu-v5e-8", "clos")])
def test_a_fabric_that_a_system_cannot_have_is_refused(proposed, system, kind):
    with pytest.raises(DocumentError, match=r"design\.fabric\.kind"):
        proposed(**{"design.system": system, "design.fabric.kind": kind})


def test_a_site_of_many_small_halls_is_filled(proposed):
    """Each hall has its aisles, so floor does not grow in proportion; what fits is found all the same."""
    site = {"site.floor": "160 m2", "site.halls": "10", "site.power": "2 MW"}
    found = proposed(demand="[{train: llama-3-8b, tokens: 10B}]", **{"design.system": "dgx-a100-320gb"}, **site)
    assert found.plan.design.accelerators >= 8
    assert "site.floor holds" in found.reasons["design.accelerators"]


@given(st.integers(1, 10**6), st.floats(0, 0.99))
def test_the_fewest_that_hold_a_placement_beside_their_spares(placed, spare):
    count = hand.holding(placed, spare)
    assert count - round(count * spare) >= placed
    assert (count - 1) - round((count - 1) * spare) < placed


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"design.spare": "100 %"}, "leaves no accelerator to work"),
        (
            {
                "design.spare": "99.9999 %",
                "design.placements": "[{accelerators: 640, training: {}}, {accelerators: 16, serving: {}}]",
            },
            r"leaves less than the 656 placed(?s:.*)Write a smaller share",
        ),
        (
            {
                "design.accelerators": "80", "design.spare": "50 %",
                "design.placements": "[{accelerators: 64, training: {}}, {accelerators: 16, serving: {}}]",
            },
            "the design has 80, of which 40 are hot spares",
        ),
    ],
)  # fmt: skip
def test_spares_that_leave_too_few_are_refused(proposed, sets, said):
    with pytest.raises(DocumentError, match=said):
        proposed(**{"design.system": "hgx-h100"}, **sets)


def test_spares_that_take_all_are_what_binds(proposed):
    with pytest.raises(InfeasibleError, match=r"hot spares take the whole factory(?s:.*)Lower design\.spare"):
        proposed(**{"design.system": "hgx-h100", "design.accelerators": "8", "design.spare": "99 %"})
