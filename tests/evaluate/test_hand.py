"""The handovers between rooms that do not know each other."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.evaluate import hand
from firstlight.spec import assumptions, catalog

CUBES = """
name: cubes
site: {place: "Tulsa, Oklahoma", power: 3 MW, floor: 2000 m2}
demand: [{train: llama-3-8b, tokens: 200B}]
design: {system: tpu-v5p-cube, accelerators: 1024}
"""


def test_power_is_shared_by_what_the_workloads_draw(evaluated):
    one = evaluated()
    steady = hand.power_profile(one.twin, one.training, one.serving)
    assert 0 < steady.share <= 1
    assert np.all(steady(np.arange(24)) == steady.share)
    facts = hand.workload_facts(one.plan, one.twin, one.training, one.serving, one.reliability.runs)
    assert [fact.model for fact in facts] == ["llama-3-8b", "llama-3.1-8b"]
    assert 0 < sum(fact.power_share for fact in facts) <= 1


def test_spares_are_no_part_of_any_placement(evaluated):
    one = evaluated()
    placed = sum(placement.accelerators for placement in one.plan.design.placements)
    assert placed <= hand.usable(one.plan.design) < 512


def test_hot_spares_are_shared_among_runs(evaluated):
    one = evaluated()
    a = assumptions.with_overrides(assumptions.shipped(), {})
    (run,) = hand.runs(one.training, one.plan.design, one.twin, a)
    assert run.checkpoint_bytes == pytest.approx(
        one.training[0].parameters * a["evaluate.checkpoint_bytes_per_parameter"]
    )
    assert 0 <= run.hot_spares <= one.twin.nodes * one.plan.design.spare + 1


def test_lengths_of_a_cable_are_one_order(evaluated):
    one = evaluated()
    orders = hand.orders(one.bill, catalog.shipped(), 2022)
    assert len({(order.part, order.lead) for order in orders}) == len(orders)
    cables = [order for order in orders if order.lead == "cables"]
    assert sum(order.count for order in cables) == len(one.cable_plan)
    assert all(order.released == 2022 for order in orders if order.lead == "accelerators")


def test_links_whose_loss_stops_a_job(evaluated):
    counts = hand.fabric_counts(evaluated().network)
    assert counts.endpoint_links == 512
    assert counts.leaf_switches == evaluated().network.tiers[0][2] <= counts.switches


def test_of_a_torus_these_are_all_links(evaluated):
    one = evaluated(document=CUBES)
    counts = hand.fabric_counts(one.network)
    assert counts.switches == counts.leaf_switches == 0
    assert counts.endpoint_links == 3 * one.factory.accelerators
