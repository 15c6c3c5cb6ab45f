"""Published peaks of memory through the model: what they count, which stage, refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from firstlight.errors import DocumentError
from firstlight.operate.validation import validate_memory
from firstlight.operate.validation.memory import COUNTED
from firstlight.spec import catalog

TABLE = Path(__file__).parents[3] / "measurements" / "memory.csv"


def table() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FIRST = next(row for row in table() if row["group"] == "SIMUMAX" and row["pp"] == "2")


def validated(tmp_path, *rows: dict[str, str]):
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, FIRST.keys())
        out.writeheader()
        out.writerows(rows)
    return validate_memory(tmp_path / "cases.csv", catalog.shipped()).outcomes


def test_the_project_s_own_peaks_are_all_predicted():
    board = validate_memory(TABLE, catalog.shipped())
    summary = board.to_dict()
    assert summary["suite"] == "memory"
    scored = [row for row in table() if row["tier"] in "AB"]
    assert summary["predicted"] == summary["cases"] == len(scored)
    assert len(validate_memory(TABLE, catalog.shipped(), tiers=("C",)).outcomes) == len(table()) - len(scored)
    assert summary["by"]["group"]["KORTH"]["weighted_p90_ape"] < 0.02
    assert summary["by"]["group"]["SIMUMAX"]["weighted_p90_ape"] < 0.02
    assert summary["weighted_mean_ape"] < 0.03


def test_a_peak_counts_what_its_row_says(tmp_path):
    order = ("layers", "allocated", "reserved", "device")
    found = validated(tmp_path, *({**FIRST, "memory_counts": counts} for counts in (*order, "")))
    sizes = [one.predicted.p50 for one in found]
    assert sizes[:4] == sorted(sizes[:4])
    assert sizes[4] == sizes[1]
    assert set(order) == set(COUNTED)


def test_a_row_may_say_more_of_its_layout(tmp_path):
    more = {"recompute": "selective", "recompute_modules": "layernorm;mlp"}
    changes = ({}, {"gradients": "bf16"}, {"moments": "bf16"}, more)
    base, *less = (one.predicted.p50 for one in validated(tmp_path, *({**FIRST, **change} for change in changes)))
    assert all(size < base for size in less)
    (one,) = validated(tmp_path, {**FIRST, "recompute_modules": "norms", "recompute": "selective"})
    assert one.predicted is None
    assert "recompute_modules: norms" in one.reason
    (one,) = validated(tmp_path, {**FIRST, "recompute_modules": "moe"})
    assert "no effect with recompute: none" in one.reason


def test_a_shipped_model_may_be_cut(tmp_path):
    cut = next(row for row in table() if row["dense_layers"])
    whole, *wrong = (
        {**cut, **change}
        for change in ({}, {"dense_layers": "4"}, {"layers": "90"}, {"model": "llama-3-8b"}, {"dense_layers": "0"})
    )
    found = validated(tmp_path, whole, *wrong)
    assert found[0].predicted is not None
    assert all(one.predicted is None and "dense_layers" in one.reason for one in found[1:])


def test_a_row_without_a_stage_is_of_the_fullest(tmp_path):
    stages = validated(tmp_path, *({**FIRST, "memory_stage": stage} for stage in ("0", "1", "")))
    first, last, fullest = (one.predicted.p50 for one in stages)
    assert fullest == max(first, last) != min(first, last)


def test_states_and_activations_have_columns_of_their_own(tmp_path):
    peak = {**FIRST, "memory_counts": "layers"}
    states = {**peak, "peak_memory_bytes": "", "state_bytes": "1e10"}
    stored = {**peak, "peak_memory_bytes": "", "activation_bytes": "1e10"}
    whole, one, other = validated(tmp_path, peak, states, stored)
    assert one.predicted.p50 + other.predicted.p50 == pytest.approx(whole.predicted.p50)
    assert [each.metric for each in (whole, one, other)] == ["peak_memory_bytes", "state_bytes", "activation_bytes"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"memory_counts": "guessed"}, 'memory_counts: "guessed"'),
        ({"memory_stage": "2"}, "memory_stage: 2, but there are 2 stages"),
        ({"peak_memory_bytes": ""}, "no target"),
        ({"peak_memory_bytes": "-1"}, "not above 0"),
        ({"accelerator": "abacus"}, 'unknown accelerator "abacus"'),
        ({"tp": "3"}, "does not divide"),
        ({"context_kind": "square"}, "context_kind"),
    ],
)
def test_a_row_that_cannot_be_is_told_and_the_next_one_predicted(tmp_path, cells, reason):
    refused, good = validated(tmp_path, {**FIRST, **cells}, FIRST)
    assert refused.predicted is None
    assert reason in refused.reason
    assert good.predicted is not None


def test_a_misspelt_column_is_refused_and_those_of_speed_are_not_missed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("case_id,tier,memory_count\n1,A,layers\n", "utf-8")
    with pytest.raises(DocumentError, match='unknown column "memory_count"'):
        validate_memory(path, catalog.shipped())
    (one,) = validated(tmp_path, FIRST)
    assert one.assumed == ()
