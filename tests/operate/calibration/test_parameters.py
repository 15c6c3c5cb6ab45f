"""What a fit may move, and where it is believed to lie."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.operate.calibration import parameters
from firstlight.operate.validation import software
from firstlight.spec.assumptions import shipped

FOUND = parameters.training()
FAMILIES = {entry["name"]: entry["assumptions"] for entry in software.table()["families"]}


def test_each_is_there_once_and_moves_something_that_exists():
    assert len({(p.family, p.name) for p in FOUND}) == len(FOUND)
    for parameter in FOUND:
        assert parameter.name in shipped()
        assert 0 < parameter.sigma <= 1
        assert parameter.prior > 0
        assert not parameter.family or parameter.name in FAMILIES[parameter.family]


def test_shipped_values_are_within_what_was_believed():
    start = parameters.start(FOUND, FAMILIES)
    assert np.all(np.isfinite(start))
    assert np.mean(np.abs(start) < 2 * np.array([p.sigma for p in FOUND])) > 0.8


def test_at_the_start_all_values_are_the_shipped_ones():
    values = parameters.at(FOUND, parameters.start(FOUND, FAMILIES))
    for parameter in FOUND:
        if not parameter.family:
            assert values.entries[parameter.name].value == pytest.approx(shipped()[parameter.name].value)
    fsdp, _ = software.assumptions("torchtitan", ("compile",), "2025-06", values.entries, values.families)
    plain, _ = software.assumptions("torchtitan", ("compile",), "2025-06")
    assert {name: fsdp[name] for name in fsdp} == pytest.approx({name: plain[name] for name in plain})


def test_a_share_stays_below_one():
    (exposed,) = [p for p in FOUND if p.name == "performance.tensor_exposed" and not p.family]
    assert exposed.value(10.0) == parameters.WHOLE


def test_moving_one_moves_only_it():
    theta = parameters.start(FOUND, FAMILIES)
    index = next(i for i, p in enumerate(FOUND) if p.name == "performance.gemm_wave")
    theta[index] += 0.1
    values = parameters.at(FOUND, theta)
    changed = [n for n, e in values.entries.items() if e.value != pytest.approx(shipped()[n].value, rel=1e-9)]
    assert changed == ["performance.gemm_wave"]
