"""How many accelerators a workload takes, against trying them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight.design import choose
from firstlight.design.size import Sizer
from firstlight.errors import InfeasibleError
from firstlight.evaluate.build import parts
from firstlight.spec import assumptions, catalog
from firstlight.spec.design import Design, FabricDesign
from firstlight.spec.workload import Serving, Training

DAY = 86400.0


@pytest.fixture(scope="module")
def sizer() -> Sizer:
    shipped = catalog.shipped()
    fabric, _ = choose.fabric(FabricDesign(), parts(Design(system="hgx-h100"), shipped), 2048, shipped)
    made_of = parts(Design(system="hgx-h100", fabric=fabric), shipped)
    return Sizer(made_of, fabric, assumptions.with_overrides(assumptions.shipped(), {}), Path())


def run(**fields) -> Training:
    return Training.model_validate({"train": "llama-3-8b", "tokens": "1T", **fields})


def served(**fields) -> Serving:
    return Serving.model_validate(
        {"serve": "llama-3.1-8b", "requests": "50 /s", "prompt": 1000, "answer": 300} | fields
    )


@pytest.mark.parametrize("days", [3, 7, 20, 100])
def test_fewest_in_time_is_in_time_and_a_system_fewer_is_not(sizer, days):
    share = sizer.train_within(run(), days * DAY, 2048)
    assert share.duration <= days * DAY
    fewer = sizer.train(run(), (share.placement.accelerators - 1) // 8 * 8)
    assert fewer.duration > days * DAY


def test_more_accelerators_are_never_slower_to_be_chosen(sizer):
    durations = [sizer.train(run(), count).duration for count in (64, 128, 256, 512, 1024)]
    assert durations == sorted(durations, reverse=True)


def test_no_number_is_in_time(sizer):
    with pytest.raises(InfeasibleError, match="cannot be trained in time") as no:
        sizer.train_within(run(), 1.0, 1024)
    assert "Allow" in str(no.value)


def test_serving_meets_its_rate_with_whole_replicas(sizer):
    share = sizer.serve(served(), 2048)
    layout = share.placement.serving
    each = layout.tensor * layout.pipeline * layout.data
    assert share.placement.accelerators % each == 0
    double = sizer.serve(served(requests="100 /s"), 2048)
    assert double.placement.accelerators >= share.placement.accelerators


def test_tighter_limits_never_take_fewer(sizer):
    counts = [
        sizer.serve(served(per_token=limit), 4096).placement.accelerators for limit in ("100 ms", "20 ms", "8 ms")
    ]
    assert counts == sorted(counts)


def test_a_rate_beyond_the_factory_says_what_it_serves(sizer):
    with pytest.raises(InfeasibleError, match="accelerators serve"):
        sizer.serve(served(requests="1000000 /s"), 64)
