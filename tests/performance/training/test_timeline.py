"""Schedules and the timeline: every pass once, inputs before outputs, and as long as the step model says."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance import training
from firstlight.performance.training import timeline as timelines
from firstlight.performance.training.orders import SCHEDULES, group_size, schedule_of, starts
from firstlight.performance.training.timeline import COMMUNICATION, Timeline, timeline
from firstlight.spec.design import TrainingLayout

from .conftest import CHIP, DENSE, HOST, MODELS, SYSTEM, shipped, wire, work

PIPELINES = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 30)).filter(
    lambda shape: shape[1] == 1 or (shape[0] > 1 and shape[2] >= shape[0])
)
"""Stages, chunks of each, micro-batches, as they can be run."""


def orders(stages: int, chunks: int, micro_batches: int):
    schedule = SCHEDULES[schedule_of(chunks)]
    return [schedule(rank, stages, chunks, micro_batches) for rank in range(stages)]


@given(PIPELINES)
def test_every_rank_runs_each_pass_once_and_forward_first(shape):
    _, chunks, micro_batches = shape
    for order in orders(*shape):
        assert len(order) == len(set(order)) == 2 * chunks * micro_batches
        place = {one: index for index, one in enumerate(order)}
        assert all(place[one._replace(backward=False)] < index for one, index in place.items() if one.backward)


@given(PIPELINES, st.floats(0.1, 3.0), st.floats(0.1, 3.0))
def test_equal_stages_take_as_long_as_the_formula(shape, forward, backward):
    """m t + (p - 1) t / v (arXiv 2104.04473, section 2.2), whatever the last group of micro-batches is."""
    stages, chunks, micro_batches = shape
    each = np.full(stages, forward / chunks), np.full(stages, backward / chunks)
    begun = starts(orders(*shape), chunks, *each)
    length = max(own[-1] + backward / chunks for own in begun)
    assert length == pytest.approx((forward + backward) * (micro_batches + (stages - 1) / chunks))


@given(PIPELINES, st.data())
def test_no_pass_starts_before_its_input_or_over_another(shape, data):
    stages, chunks, _ = shape
    times = st.lists(st.floats(0.1, 5.0), min_size=stages, max_size=stages)
    forward, backward = (np.asarray(data.draw(times)) for _ in range(2))
    lists = orders(*shape)
    begun = starts(lists, chunks, forward, backward)
    ended = {}
    for rank, (order, own) in enumerate(zip(lists, begun, strict=True)):
        free = 0.0
        for one, start in zip(order, own, strict=True):
            assert start >= free - 1e-12
            free = start + (backward if one.backward else forward)[rank]
            ended[one.backward, one.chunk * stages + rank, one.micro_batch] = start, free
    last = stages * chunks - 1
    for (back, place, micro_batch), (start, _) in ended.items():
        before = (back, place + 1 if back else place - 1, micro_batch)
        if (back and place == last) or (not back and place == 0):
            before = (False, place, micro_batch)
        if before != (back, place, micro_batch):
            assert ended[before][1] <= start + 1e-12


def test_one_forward_one_backward_of_the_paper():
    """Four stages, the second rank: two ahead, then one of each."""
    text = "".join(f"{'FB'[one.backward]}{one.micro_batch}" for one in orders(4, 1, 4)[1])
    assert text == "F0F1F2B0F3B1B2B3"


def test_interleaved_warms_up_as_megatron_does():
    """(v - 1) p + 2 (p - rank - 1) passes ahead, chunk by chunk in groups of p."""
    first = orders(4, 2, 8)[0]
    ahead = first[: 4 + 2 * 3]
    assert not any(one.backward for one in ahead)
    assert [(one.chunk, one.micro_batch) for one in ahead] == [
        *((0, i) for i in range(4)), *((1, i) for i in range(4)), (0, 4), (0, 5)
    ]  # fmt: skip
    assert first[11].backward
    assert first[11].chunk == 1


@given(st.integers(2, 40), st.integers(0, 200))
def test_groups_leave_no_rest_that_waits_for_itself(stages, more):
    micro_batches = stages + more
    group = group_size(stages, micro_batches)
    assert stages <= group <= micro_batches
    assert micro_batches % group == 0 or micro_batches % group >= stages


def test_passes_that_wait_for_each_other_are_told():
    lists = [order[::-1] for order in orders(2, 1, 2)]
    with pytest.raises(ValueError, match="wait for each other"):
        starts(lists, 1, np.ones(2), np.ones(2))


def drawn(layout: TrainingLayout, model=DENSE, accelerators=32, **fields) -> Timeline:
    run = work(**{"sequences": 96, "sequence": 8192} | fields)
    return timeline(run, model, SYSTEM, CHIP, HOST, accelerators, layout, wire, shipped())


LAYOUTS = st.builds(
    TrainingLayout, tensor=st.sampled_from([1, 2, 4]), pipeline=st.integers(1, 6), interleave=st.integers(1, 3),
    context=st.sampled_from([1, 2]), zero=st.integers(0, 3), micro_batch=st.integers(1, 3),
    recompute=st.sampled_from(["none", "selective", "full"]),
)  # fmt: skip


@settings(max_examples=60)
@given(LAYOUTS, st.sampled_from([*MODELS]))
def test_a_timeline_is_as_long_as_the_step_and_nothing_overlaps(layout, kind):
    run = work(96, 8192)
    try:
        result = training.train(run, MODELS[kind], SYSTEM, CHIP, HOST, 32, layout, wire, shipped())
    except UsageError:
        assume(False)
    line = drawn(layout, MODELS[kind])
    assert line.step_time == pytest.approx(result.step_time.p50, rel=1e-12)
    assert 0.8 < line.scale < 1.25
    streams, busy = defaultdict(list), defaultdict(float)
    for event in line.events:
        assert event.duration > 0
        streams[event.rank, event.stream].append(event)
        busy[event.rank] += event.duration
    for events in streams.values():
        for one, other in pairwise(events):
            assert one.start + one.duration <= other.start + 1e-9 * line.step_time
    assert len(busy) == layout.pipeline
    for rank in busy:  # every moment of a rank is work, communication that is seen, or a wait
        assert busy[rank] == pytest.approx(line.step_time, rel=1e-6)
        assert max(e.start + e.duration for e in streams[rank, "compute"]) == pytest.approx(line.step_time)


def test_what_is_seen_of_communication_is_what_the_step_says():
    layout = TrainingLayout(tensor=4, pipeline=1, zero=3)
    result = training.train(work(96, 8192), DENSE, SYSTEM, CHIP, HOST, 32, layout, wire, shipped())
    seen = defaultdict(float)
    for event in drawn(layout).events:
        seen[event.name] += event.duration
    for name in COMMUNICATION:
        assert seen.get(name, 0.0) == pytest.approx(result.step_parts.get(name, 0.0), rel=1e-9)
    assert drawn(layout).scale == pytest.approx(1.0)


def test_bubbles_are_those_of_fill_and_drain():
    line = drawn(TrainingLayout(tensor=2, pipeline=4))
    waits = [sum(e.duration for e in line.events if e.rank == rank and e.name == "bubble") for rank in range(4)]
    first = next(event for event in line.events if event.rank == 3)
    assert (first.name, first.start) == ("bubble", 0.0)
    assert all(wait > 0 for wait in waits)
    assert waits[3] <= waits[0] * (1 + 1e-9)  # the last stage, which has the head, waits the least


def test_of_a_long_step_some_ranks_are_told(monkeypatch):
    monkeypatch.setattr(timelines, "MOST_EVENTS", 200)
    line = drawn(TrainingLayout(pipeline=6, micro_batch=1), accelerators=6)
    assert {event.rank for event in line.events} == {0, 5}
    assert line.ranks == 6
