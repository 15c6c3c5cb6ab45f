"""Scores by number."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.operate.validation import Outcome, Scoreboard
from firstlight.operate.validation.score import weighted_quantile
from firstlight.twin.result import Prediction


def outcome(ratio: float | None, weight: float = 1.0, group: str = "g", half: float = 0.1) -> Outcome:
    found = None if ratio is None else Prediction.within(100 * ratio, half, calibrated=True, basis="test")
    return Outcome("case", "metric", 100.0, found, weight, {"group": group}, reason="" if ratio else "why not")


def test_errors_bias_and_coverage():
    board = Scoreboard("suite", (outcome(1.0), outcome(1.2), outcome(0.9, 2.0), outcome(None)))
    summary = board.to_dict()
    assert (summary["suite"], summary["cases"], summary["predicted"]) == ("suite", 4, 3)
    assert summary["weighted_median_ape"] == pytest.approx(0.1)
    assert summary["weighted_p90_ape"] == pytest.approx(0.2)
    assert summary["weighted_mean_ape"] == pytest.approx((0 + 0.2 + 2 * 0.1) / 4)
    assert summary["signed_bias"] == pytest.approx((0 + 0.2 - 2 * 0.1) / 4)
    assert summary["interval80_coverage"] == pytest.approx(1 / 4)


def test_slices():
    board = Scoreboard("suite", (outcome(1.1, group="a"), outcome(1.3, group="b"), outcome(1.0, group="")))
    by = board.to_dict()["by"]["group"]
    assert list(by) == ["a", "b", "not stated"]
    assert by["b"]["signed_bias"] == pytest.approx(0.3)


def test_nothing_predicted_is_no_number():
    summary = Scoreboard("suite", (outcome(None),)).to_dict()
    assert summary["weighted_median_ape"] is summary["signed_bias"] is summary["interval80_coverage"] is None


def test_one_line_a_case(tmp_path):
    Scoreboard("suite", (outcome(1.1), outcome(None))).write(tmp_path / "out.csv")
    first, second = csv.DictReader((tmp_path / "out.csv").read_text("utf-8").splitlines())
    assert (first["status"], float(first["p50"]), float(first["ape"])) == ("predicted", 110.0, 0.1)
    assert (second["status"], second["reason"], second["p50"]) == ("refused", "why not", "")
    with pytest.raises(UsageError, match="cannot write"):
        Scoreboard("suite", ()).write(tmp_path / "no" / "out.csv")


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 5)), min_size=1, max_size=30), st.floats(0.01, 1))
def test_quantile_is_that_of_repeated_values(pairs, share):
    values, weights = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    repeated = np.sort(np.repeat(values, weights.astype(int)))
    rank = int(np.ceil(share * len(repeated) * (1 - 1e-12))) - 1
    assert weighted_quantile(values, weights, share) == repeated[max(rank, 0)]
