"""Measurements on a fake timer, read back by the scoreboards."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.operate.calibration.timings.kernels import read
from firstlight.operate.measurement import measure_kernels, measure_training
from firstlight.operate.measurement.jobs import CannotRun, Job, interleaved
from firstlight.operate.measurement.kernels import OPERATIONS
from firstlight.operate.measurement.passes import MOVED, SHAPES
from firstlight.operate.measurement.stacks import STEPS, Timed
from firstlight.operate.validation import validate_kernels, validate_memory, validate_training
from firstlight.operate.validation.timings import registry
from firstlight.operate.validation.timings.kernels import measured
from firstlight.operate.validation.timings.tables import read as read_tables
from firstlight.spec import catalog

H100 = "nvidia-h100-sxm-80gb"


class FakeBench:
    """Every kernel takes a millisecond, but for those of cuDNN, which are not there."""

    framework = "torch/2.11.0"

    def seconds(self, job):
        if job.kernel == "cudnn":
            raise CannotRun("no cuDNN here")
        return 1e-3

    def sustained(self, job, seconds):
        return [{"elapsed": seconds / 2, "latency": 1e-3, "clock": 1.4e9}, {"elapsed": seconds, "latency": 2e-3}]


class FakeSteps:
    """Every step takes a tenth of a second; layers of experts do not run."""

    framework = "torch/2.11.0"

    def step(self, step):
        if step.stack.experts:
            raise CannotRun("no grouped products here")
        return Timed(0.1, 20 * 10**9, 25 * 10**9)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    out = tmp_path_factory.mktemp("kernels")
    told = []
    rows = measure_kernels(out, H100, FakeBench(), seconds=600, sustain=2, tell=told.append)
    return out, rows, told


def test_every_row_is_read_and_predicted(kernels):
    out, rows, told = kernels
    jobs = [job for make in OPERATIONS.values() for job in make()]
    absent = [job for job in jobs if job.kernel == "cudnn"]
    assert sum(rows.values()) == len(jobs) - len(absent)
    assert len(told) == len(absent)
    assert "no cuDNN here" in told[0]
    board = validate_kernels(out, catalog.shipped(), registry.shipped())
    assert [one.reason for one in board.outcomes if one.predicted is None] == []
    assert {one.slices["operation"] for one in board.outcomes} == set(OPERATIONS)
    assert {one.measured for one in board.outcomes} == {1.0, 2.0}  # loss and permutation are two rows together


def test_a_fit_takes_kernels_and_leaves_terms_of_the_step_model(kernels):
    out, rows, _ = kernels
    told = []
    found = read(out, catalog.shipped(), told.append)
    assert {name: len(one.seconds) for name, one in found.items()} == {
        name: count for name, count in rows.items() if not name.startswith("training_")
    }
    passed = [text for text in told if "terms of the step model" in text]
    assert len(passed) == sum(name.startswith("training_") for name in rows)
    assert len([*measured(read_tables(out), catalog.shipped())]) == len(found)


def test_the_sustained_series_has_what_the_driver_tells(kernels):
    out, _, _ = kernels
    lines = list(csv.DictReader((out / f"{H100}.sustained.csv").read_text("utf-8").splitlines()))
    assert [line["clock_hz"] for line in lines] == ["1400000000.0", "", "1400000000.0", ""]
    assert {line["gemm_dtype"] for line in lines} == {"bfloat16", "fp8"}


def test_time_that_is_over_leaves_what_was_timed(tmp_path):
    told = []
    rows = measure_kernels(tmp_path, H100, FakeBench(), seconds=-1, sustain=0, tell=told.append)
    assert rows == {}
    assert told == ["time is over: 936 of 936 kernels are not timed"]
    assert measure_training(tmp_path, H100, FakeSteps(), seconds=-1) == {"training.csv": 0, "memory.csv": 0}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        measure_kernels(tmp_path / "file" / "x", H100, FakeBench(), seconds=1, sustain=0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.floats(0, 1))
def test_wherever_time_runs_out_operations_have_the_same_share(sizes, share):
    lists = [[Job(str(name), "", {"row": row}) for row in range(size)] for name, size in enumerate(sizes)]
    order = interleaved(lists)
    assert sorted((job.operation, job.size("row")) for job in order) == sorted(
        (job.operation, job.size("row")) for jobs in lists for job in jobs
    )
    first = order[: round(share * len(order))]
    done = [sum(job.operation == str(name) for job in first) / size for name, size in enumerate(sizes)]
    assert max(done) - min(done) <= 1.0 / min(sizes) + 1e-9


def test_steps_are_read_as_runs_and_as_peaks(tmp_path):
    told = []
    rows = measure_training(tmp_path, H100, FakeSteps(), seconds=60, tell=told.append)
    dense = [step for step in STEPS if not step.stack.experts]
    assert rows == {"training.csv": len(dense), "memory.csv": 2 * sum(not step.graph for step in dense)}
    assert len(told) == len(STEPS) - len(dense)
    runs = validate_training(tmp_path / "training.csv", catalog.shipped())
    assert [one.reason for one in runs.outcomes if one.predicted is None] == []
    assert {one.measured for one in runs.outcomes} == {0.1}
    assert not any("not modelled" in told for one in runs.outcomes for told in one.assumed)
    peaks = validate_memory(tmp_path / "memory.csv", catalog.shipped())
    assert [one.reason for one in peaks.outcomes if one.predicted is None] == []
    assert {one.measured for one in peaks.outcomes} == {20e9, 25e9}


def test_experts_of_a_stack_are_written(tmp_path):
    class All(FakeSteps):
        def step(self, step):
            return Timed(0.1, 1, 1)

    experts = next(step for step in STEPS if step.stack.experts and step.micro_batches == 1)
    measure_training(tmp_path, H100, All(), seconds=60, steps=[experts, replace(experts, micro_batches=3)])
    lines = list(csv.DictReader((tmp_path / "training.csv").read_text("utf-8").splitlines()))
    assert [line["global_batch"] for line in lines] == ["1", "3"]
    assert (lines[0]["experts"], lines[0]["top_k"]) == (str(experts.stack.experts), str(experts.stack.active))
    assert lines[0]["software_switches"] == "forced_balance"
    assert lines[0]["case_id"] != lines[1]["case_id"]


def test_every_pass_has_shapes_and_bytes():
    assert {name for name, _ in MOVED} == set(SHAPES)
    assert all(size > 0 for size in MOVED.values())
