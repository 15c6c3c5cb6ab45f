"""The shipped coefficients: what they say of measured, unseen and foreign machines."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from firstlight.operate.calibration.timings.kernels import digest
from firstlight.operate.validation import validate_kernels
from firstlight.operate.validation.timings.registry import OPERATIONS, shipped
from firstlight.spec import catalog
from firstlight.spec.parts import Accelerator
from firstlight.timings.predict import BASIS, FAR, GENERATIONS, KNOWN, SISTERS, STYLE

TABLES = Path(__file__).parents[4] / "measurements" / "kernels"


def predicted(tmp_path, accelerator, kernel="torch.nn.functional.linear", dtype="bfloat16", m="4096", n="4096"):
    columns = {"framework_version": "vllm/0.24.0", "kernel_source": kernel, "gemm_dtype": dtype, "m": m, "n": n,
               "k": "4096", "latency_ms": "1"}  # fmt: skip
    path = tmp_path / f"{accelerator}.gemm.parquet"
    parquet.write_table(pa.table({name: [value] for name, value in columns.items()}), path)
    (one,) = validate_kernels(path, catalog.shipped(), shipped()).outcomes
    assert one.predicted is not None, one.reason
    return one.predicted


def width(found):
    return found.p90 / found.p10


def test_what_was_timed_is_predicted_closely():
    board = validate_kernels(TABLES / "nvidia-h100-sxm-80gb.gemm.parquet", catalog.shipped(), shipped())
    scores = board.to_dict()
    assert (scores["suite"], scores["cases"], scores["predicted"]) == ("kernels", 2111, 2111)
    assert scores["weighted_median_ape"] < 0.05
    assert set(scores["by"]) == {"operation", "accelerator", "dtype"}


def test_the_basis_says_what_is_known_and_the_interval_follows(tmp_path):
    own = predicted(tmp_path, "nvidia-h100-sxm-80gb")
    far = predicted(tmp_path, "nvidia-h100-sxm-80gb", m="3000000", n="7")
    sister = predicted(tmp_path, "nvidia-gh200-96gb")
    style = predicted(tmp_path, "nvidia-h100-sxm-80gb", kernel="new")
    foreign = predicted(tmp_path, "nvidia-l40s")
    assert [one.basis for one in (own, far, sister, style, foreign)] == [
        BASIS[basis] for basis in (KNOWN, FAR, SISTERS, STYLE, GENERATIONS)
    ]
    assert [one.calibrated for one in (own, far, sister, style, foreign)] == [True, True, False, False, False]
    unlike = predicted(tmp_path, "nvidia-h20")
    assert unlike.basis == BASIS[SISTERS]
    assert width(own) < width(sister) < width(unlike) < width(foreign)
    assert width(own) < width(far)
    assert width(own) < width(style)


def test_what_is_shipped_is_small_and_says_where_it_comes_from():
    folder = resources.files("firstlight.data") / "kernels" / "fitted"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) < 2e6
    provenance = shipped().provenance
    assert provenance["standing"] == "fitted"
    assert provenance["sha256"] == digest(TABLES), "the tables have changed since the fit: calibrate anew"
    assert sum(provenance["rows"].values()) == 107523
    assert set(provenance["rows"]) == set(OPERATIONS)


def test_a_slower_machine_takes_longer(tmp_path):
    # H20: 148 against 989 TFLOP/s; a product of this size is limited by them.
    slow, fast = predicted(tmp_path, "nvidia-h20"), predicted(tmp_path, "nvidia-h100-sxm-80gb")
    assert slow.p50 / fast.p50 == pytest.approx(989 / 148, rel=0.25)


def test_other_makers_and_slow_links_widen_the_interval(tmp_path):
    measured = predicted(tmp_path, "nvidia-b200-sxm", dtype="int8_wo")
    assert measured.basis == BASIS[GENERATIONS]
    assert width(measured) < width(predicted(tmp_path, "nvidia-l40s", dtype="int8_wo"))
    assert width(measured) < width(predicted(tmp_path, "amd-mi300x", dtype="int8_wo"))


def test_any_accelerator_of_the_catalogue_is_predicted(tmp_path):
    for part in catalog.shipped().parts(Accelerator):
        found = predicted(tmp_path, part.id, dtype="fp8")
        assert 0 < found.p10 < found.p50 < found.p90 < 1e4
