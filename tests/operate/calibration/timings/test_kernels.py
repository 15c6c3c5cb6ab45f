"""The fit of kernels: what it finds again, what it writes, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from firstlight.errors import DocumentError, UsageError
from firstlight.operate.calibration import calibrate_kernels
from firstlight.operate.calibration.timings import left_out, widths
from firstlight.operate.calibration.timings.kernels import read
from firstlight.operate.validation import validate_kernels
from firstlight.operate.validation.timings import registry
from firstlight.spec import catalog
from firstlight.timings import coefficients
from firstlight.timings.cases import Cases

TABLES = Path(__file__).parents[4] / "measurements" / "kernels"
NAMES = ("nvidia-h100-sxm-80gb.deepep_ll", "nvidia-h200-sxm.deepep_ll")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small tables of sisters, and one row that cannot be."""
    found = tmp_path_factory.mktemp("tables")
    for name in NAMES:
        table = parquet.ParquetFile(TABLES / f"{name}.parquet").read().to_pydict()
        columns = {key: [*values, "" if key == "num_token" else values[0]] for key, values in table.items()}
        parquet.write_table(pa.table(columns), found / f"{name}.parquet")
    return found


@pytest.fixture(scope="module")
def fitted(folder):
    return calibrate_kernels(folder, catalog.shipped())


def test_a_fit_is_written_and_read_again(fitted, folder, tmp_path):
    coefficients.save(fitted, tmp_path / "own")
    again = registry.load(tmp_path / "own")
    ours, theirs = (validate_kernels(folder, catalog.shipped(), one).to_dict() for one in (fitted, again))
    assert ours["cases"] == 4 * 182
    assert ours["predicted"] == 4 * 181
    assert ours["weighted_median_ape"] == pytest.approx(theirs["weighted_median_ape"], abs=2e-3)
    assert ours["weighted_median_ape"] < 0.03
    assert again.provenance["rows"] == {"deepep_ll": 4 * 181}


def test_what_a_fit_does_not_hold_is_refused(fitted):
    path = TABLES / "nvidia-b200-sxm.mamba2.parquet"
    board = validate_kernels(path, catalog.shipped(), fitted)
    assert board.to_dict()["predicted"] == 0
    assert "calibrate with a table of that operation" in board.outcomes[0].reason


def test_left_out_sisters_have_wider_intervals(fitted, folder):
    rows = read(folder, catalog.shipped())["deepep_ll"]
    shapes = left_out.shapes(rows)
    sisters = left_out.accelerators(rows, fitted.operations["deepep_ll"], "sisters")
    assert len(sisters) == len(rows.seconds)
    assert 0.2 < len(shapes) / len(rows.seconds) < 0.4

    def width(outcomes):
        return np.median([one.predicted.p90 / one.predicted.p50 for one in outcomes])

    assert width(sisters) > width(shapes)


def test_repeats_of_a_call_are_one_configuration(folder):
    cases: Cases = read(folder, catalog.shipped())["deepep_ll"].cases
    number = widths.configurations(cases)
    first = np.flatnonzero(number == number[0])
    assert (cases.place[first] == cases.place[0]).all()
    assert (cases.labels.accelerator[first] == cases.labels.accelerator[0]).all()


def test_widths_on_top_cover_eight_in_ten():
    rng = np.random.default_rng(1)
    errors = np.abs(rng.normal(0, 0.2, 4000))
    top = widths.on_top(np.stack([errors, np.full(4000, 0.1)]))
    assert (errors <= np.hypot(0.1, top)).mean() == pytest.approx(0.8, abs=0.01)


def test_no_row_is_no_fit(tmp_path):
    parquet.write_table(pa.table({"m": ["1"]}), tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet")
    with pytest.raises(UsageError, match="validate kernels"):
        calibrate_kernels(tmp_path, catalog.shipped())


@pytest.mark.parametrize("text", [None, "{", '{"provenance": {}, "operations": {"gemm": {"parameters": ["x"]}}}'])
def test_folders_that_hold_no_coefficients_say_so(tmp_path, text):
    if text is not None:
        (tmp_path / coefficients.NUMBERS).write_text(text, "utf-8")
        np.savez(tmp_path / coefficients.ANCHORS, x=np.zeros(1))
    with pytest.raises(DocumentError, match="holds no coefficients of timings"):
        registry.load(tmp_path)


REDUCED = "custom_allreduce.parquet"


@pytest.fixture
def mixed(tmp_path):
    """All-reduces of an A100, the same said to be of a TPU and of no accelerator, a table too short, a broken file."""
    table = parquet.ParquetFile(TABLES / f"nvidia-a100-sxm-80gb.{REDUCED}").read()
    for name in ("nvidia-a100-sxm-80gb", "google-tpu-v5p", "foo-bar"):
        parquet.write_table(table, tmp_path / f"{name}.{REDUCED}")
    parquet.write_table(table, tmp_path / "nvidia-a100-sxm-80gb.frobnicate.parquet")
    short = parquet.ParquetFile(TABLES / f"{NAMES[0]}.parquet").read().slice(0, 5)
    parquet.write_table(short, tmp_path / f"{NAMES[0]}.parquet")
    (tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet").write_bytes(b"junk")
    return tmp_path


def test_only_what_validation_takes_is_fitted_and_the_rest_is_told(mixed):
    said: list[str] = []
    found = calibrate_kernels(mixed, catalog.shipped(), warn=said.append)
    rows = parquet.ParquetFile(mixed / f"nvidia-a100-sxm-80gb.{REDUCED}").metadata.num_rows
    assert found.provenance["rows"] == {"custom_allreduce": rows}
    assert found.provenance["accelerators"] == ["nvidia-a100-sxm-80gb"]
    for words in (
        'unknown accelerator "foo-bar"', '"frobnicate" is no operation', "cannot be read as Parquet",
        f"google-tpu-v5p.{REDUCED}: {rows} of {rows} rows of latency_ms are left out", "deepep_ll is not fitted: 10",
    ):  # fmt: skip
        assert sum(words in sentence for sentence in said) == 1, words
    assert found.provenance["passed_over"] == said


def test_widths_on_top_are_never_none(mixed):
    found = calibrate_kernels(mixed, catalog.shipped())
    assert all(width > 0 for one in found.operations.values() for width in one.wider.values())
    assert all(width > 0 for one in registry.shipped().operations.values() for width in one.wider.values())


def test_widths_have_a_floor_and_few_left_out_calls_keep_the_estimate():
    covered = np.stack([np.full(500, 0.05), np.full(500, 0.2)])
    assert widths.known(covered, "style") == widths.LEAST["style"]
    missed = np.stack([np.full(500, 0.5), np.full(500, 0.3)])
    assert widths.known(missed, "style") == pytest.approx(0.4)
    assert widths.known(missed[:, : widths.ENOUGH - 1], "style") == widths.UNKNOWN["style"]
