"""Values that no assumption can have are refused before anything is computed with them."""

from __future__ import annotations

import pytest

from firstlight.errors import DocumentError
from firstlight.spec.assumptions import shipped, with_overrides


def test_shipped_values_lie_within_their_bounds():
    for entry in shipped().values():
        assert entry.least is None or entry.least <= entry.value, entry.name
        assert entry.most is None or entry.value <= entry.most, entry.name


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("performance.gemm_ceiling_hopper", "0 %", "is less than 1 %; firstlight comes with 87 %"),
        ("performance.gemm_ceiling_hopper", "101 %", "is more than the whole; firstlight comes with 87 %"),
        ("performance.serving_high_first", 0.5, "is less than 1; firstlight comes with 1.94"),
        ("twin.service_rack_power", "0 W", "is less than 100 W; firstlight comes with 15 kW"),
        ("performance.batch_power", 30, "is more than 1; firstlight comes with 0.3271"),
        ("reliability.repair_time", "-1 h", "is negative; firstlight comes with 24 h"),
        ("reliability.repair_time", "1e9 days", "is more than 1,000,000 times as much; firstlight comes with 24 h"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be(name, value, said):
    with pytest.raises(DocumentError) as no:
        with_overrides(shipped(), {name: value})
    (problem,) = no.value.problems
    message, remedy = said.split("; ")
    assert problem.where == f"assumptions.{name}"
    assert problem.message == f"{value} {message}"
    assert problem.remedy == f"{remedy}."


@pytest.mark.parametrize("value", ["1 h", "0 s", "300 days"])
def test_what_can_be_is_taken(value):
    assert with_overrides(shipped(), {"reliability.repair_time": value})["reliability.repair_time"] >= 0
