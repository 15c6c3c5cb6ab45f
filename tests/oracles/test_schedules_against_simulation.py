"""Bubbles and activations of pipeline schedules against a simulation of their passes, one by one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.schedules import formulas as schedules
from firstlight.spec.design import TrainingLayout

from .pipeline_simulation import dualpipe, finished, gpipe, held, interleaved, one_forward_one_backward, zero_bubble

SPLITS = ((1.0, 1.0, 1.0), (1.0, 1.2, 0.8), (1.0, 1.5, 0.8), (0.7, 1.0, 0.9), (0.9, 0.5, 1.0))
"""Forward, input gradient, weight gradient."""
ONE_CHUNK = {"gpipe": gpipe, "1f1b": one_forward_one_backward, "zero-bubble": zero_bubble, "dualpipe": dualpipe}


def case(schedule: str, stages: int, micro: int, chunks: int = 1):
    layout = TrainingLayout(schedule=schedule, pipeline=stages, interleave=chunks)
    return SimpleNamespace(layouts=Layouts.of([layout]), micro_batches=np.array([float(micro)]))


def formula(schedule: str, stages: int, micro: int, split: tuple[float, ...], chunks: int = 1) -> float:
    forward, inputs, weight = (np.array([part]) for part in split)
    found = schedules.bubble(case(schedule, stages, micro, chunks), forward + inputs + weight, forward, weight)
    return float(found[0])


def simulated(orders, split, chunks: int = 1, slow=lambda place: 1.0) -> float:
    forward, inputs, weight = (part / chunks for part in split)
    times = {"F": forward, "B": inputs, "W": weight, "A": inputs + weight}
    return finished(orders, lambda kind, place: times[kind] * slow(place))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("stages", "micro"), [(2, 8), (4, 8), (8, 16), (8, 20), (8, 40)])
@pytest.mark.parametrize("schedule", list(ONE_CHUNK))
def test_bubbles_of_equal_stages_are_exact(schedule, stages, micro, split):
    if schedule == "dualpipe" and split == SPLITS[-1]:
        pytest.skip("DeepSeek's formula is for forward passes no longer than the gradient of the inputs")
    idle = simulated(ONE_CHUNK[schedule](stages, micro), split) - micro * sum(split)
    assert formula(schedule, stages, micro, split) == pytest.approx(idle, abs=1e-9)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("stages", "chunks", "micro"), [(2, 2, 4), (4, 3, 8), (8, 2, 16), (4, 6, 32)])
def test_interleaving_divides_the_bubble(stages, chunks, micro, split):
    idle = simulated(interleaved(stages, chunks, micro), split, chunks) - micro * sum(split)
    assert formula("1f1b", stages, micro, split, chunks) == pytest.approx(idle, abs=1e-9)


@given(
    st.integers(2, 12), st.integers(1, 30), st.sampled_from(SPLITS), st.sampled_from(["gpipe", "1f1b", "zero-bubble"])
)
@settings(max_examples=60, deadline=None)
def test_few_micro_batches_are_exact_too(stages, micro, split, schedule):
    idle = simulated(ONE_CHUNK[schedule](stages, micro), split) - micro * sum(split)
    assert formula(schedule, stages, micro, split) == pytest.approx(idle, abs=1e-9)


@pytest.mark.parametrize("slower", [1.1, 1.3, 2.0])
@pytest.mark.parametrize(("stages", "micro"), [(4, 16), (8, 32), (8, 64)])
@pytest.mark.parametrize(
    ("schedule", "within"), [("gpipe", 0.022), ("1f1b", 0.022), ("zero-bubble", 0.022), ("dualpipe", 0.055)]
)
def test_uneven_stages_are_close(schedule, stages, micro, slower, within):
    """The last stage has a head: m t_max and the bubble of the mean stage, as `pipeline_parts` reckons.

    In a DualPipe the first and the last stage share a rank, so the slowest rank has their mean.
    """
    whole = simulated(
        ONE_CHUNK[schedule](stages, micro), (1.0, 1.0, 1.0), slow=lambda place: slower if place == stages - 1 else 1.0
    )
    mean = (stages - 1 + slower) / stages
    slowest = (1 + slower) / 2 if schedule == "dualpipe" else slower
    ours = micro * 3.0 * slowest + formula(schedule, stages, micro, (mean, mean, mean))
    assert ours == pytest.approx(whole, rel=within)


@pytest.mark.parametrize(("stages", "micro"), [(2, 8), (4, 8), (8, 20), (8, 6)])
@pytest.mark.parametrize("schedule", list(ONE_CHUNK))
def test_activations_held_by_each_rank_are_exact(schedule, stages, micro):
    if schedule == "dualpipe" and micro < 2 * stages:
        pytest.skip("a DualPipe needs two micro-batches for each stage")
    given_case = case(schedule, stages, micro)
    ours = [float(schedules.in_flight(given_case, np.array([float(rank)]))[0]) for rank in range(stages)]
    assert ours == [held(order) for order in ONE_CHUNK[schedule](stages, micro)]


@pytest.mark.parametrize(("stages", "chunks", "micro"), [(4, 3, 8), (8, 2, 16)])
def test_interleaved_activations_are_exact(stages, chunks, micro):
    given_case = case("1f1b", stages, micro, chunks)
    ours = [float(schedules.in_flight(given_case, np.array([float(rank)]))[0]) * chunks for rank in range(stages)]
    assert ours == pytest.approx([held(order) for order in interleaved(stages, chunks, micro)])


@pytest.mark.parametrize(("stages", "micro"), [(4, 8), (8, 20), (8, 64)])
def test_paired_passes_are_those_of_the_end_ranks(stages, micro):
    pairs = sum(len(block) == 2 for block in dualpipe(stages, micro)[0])
    assert float(schedules.paired(case("dualpipe", stages, micro))[0]) == pytest.approx(pairs / micro)
    assert float(schedules.paired(case("1f1b", stages, micro))[0]) == 0.0


def test_published_bubbles():
    """DeepSeek-V3 report, table 2: a whole backward pass B, its weight gradients W, F&B for both side by side."""
    forward, inputs, weight, p = 1.0, 1.1, 0.9, 16
    backward = inputs + weight
    split = (forward, inputs, weight)
    assert formula("1f1b", p, 64, split) == pytest.approx((p - 1) * (forward + backward))
    assert formula("zero-bubble", p, 64, split) == pytest.approx((p - 1) * (forward + backward - 2 * weight))
    expected = (p / 2 - 1) * (forward + backward + backward - 3 * weight)
    assert formula("dualpipe", p, 64, split) == pytest.approx(expected)
