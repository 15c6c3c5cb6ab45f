"""The global batch, and the accelerators that it keeps busy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance.training import busy, settled, whole
from firstlight.spec import assumptions, models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.workload import Training

SHIPPED = assumptions.with_overrides(assumptions.shipped(), {})


def run(**fields) -> Training:
    return Training.model_validate({"train": "llama-3-8b", "tokens": "1T", "sequence": 8192} | fields)


def test_a_given_batch_is_kept():
    assert settled(run(batch="4M tokens"), models.find("llama-3-8b"), SHIPPED).batch == 4e6


def test_an_open_batch_grows_with_the_compute_by_deepseeks_law():
    """0.292 C^0.3271 tokens: ten times the tokens are 10^0.3271 = 2.12 times the batch, rounded to a power of two."""
    model = models.find("llama-3-8b")
    small, large = (settled(run(tokens=tokens), model, SHIPPED).batch for tokens in ("1T", "1000T"))
    assert (small / 8192) in {2.0**power for power in range(20)}
    assert large / small == pytest.approx(1000**0.3271, rel=0.5)


def test_a_batch_is_no_larger_than_the_run():
    assert settled(run(tokens="8192"), models.find("llama-3-8b"), SHIPPED).batch == 8192


def test_whole_gives_all_ranks_equally_many_micro_batches():
    work, layout = run(batch=f"{100 * 8192}"), TrainingLayout(tensor=2, micro_batch=2)
    assert whole(work, layout, 2 * 12).batch == 96 * 8192
    assert whole(work, layout, 2 * 40).batch == 80 * 8192
    assert whole(work, layout, 2 * 50).batch == 100 * 8192
    assert busy(whole(work, layout, 2 * 40), layout, 2 * 40) == 2 * 40


def test_ranks_that_would_only_wait_are_not_busy():
    work = run(batch=f"{100 * 8192}")
    assert busy(work, TrainingLayout(tensor=2), 2 * 100) == 200
    assert busy(work, TrainingLayout(tensor=2), 2 * 99) == 2 * 50  # two micro-batches either way
    assert busy(work, TrainingLayout(tensor=2), 2 * 49) == 2 * 34  # three


def test_experts_keep_their_group_whole():
    work = run(train="mixtral-8x7b", batch=f"{96 * 8192}")
    assert busy(work, TrainingLayout(expert=8), 95) == 48
    assert busy(work, TrainingLayout(tensor=4, expert=8), 4 * 95) == 4 * 48


@given(st.integers(1, 4000), st.integers(1, 4), st.integers(1, 5000), st.sampled_from([1, 2, 8]))
def test_busy_takes_as_many_micro_batches_on_no_more_accelerators(sequences, micro, accelerators, tensor):
    work, layout = run(batch=f"{sequences * 8192}"), TrainingLayout(tensor=tensor, micro_batch=micro)
    if accelerators < tensor:
        return
    fewest = busy(work, layout, accelerators)
    assert tensor <= fewest <= accelerators

    def steps(count: int) -> int:
        return -(-sequences // (count // tensor * micro))

    assert steps(fewest) == steps(accelerators)
