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
from firstlight.performance.training.schedules.orders import SCHEDULES, group_size, starts
from firstlight.performance.training.timeline import COMMUNICATION, Timeline, timeline
from firstlight.spec.design import TrainingLayout

from .conftest import DENSE, MODELS, asked, work

PIPELINES = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 30)).filter(
    lambda shape: shape[1] == 1 or (shape[0] > 1 and shape[2] >= shape[0])
)
"""Stages, chunks of each, micro-batches, as they can be run."""


def orders(stages: int, chunks: int, micro_batches: int, name: str = ""):
    schedule = SCHEDULES[name or ("interleaved" if chunks > 1 else "1f1b")]
    return [schedule(rank, stages, chunks, micro_batches) for rank in range(stages)]


def equal(stages: int, chunks: int, **times: float):
    """Times of a pass that are the same on all ranks."""
    return {kind: np.full(stages, time / chunks) for kind, time in times.items()}


def length(lists, chunks: int, times) -> float:
    begun = starts(lists, chunks, times)
    return max(
        own[-1] + times[order[-1].kind][rank] for rank, (order, own) in enumerate(zip(lists, begun, strict=True))
    )


OTHERS = st.sampled_from(["gpipe", "zero-bubble", "dualpipe"]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.integers(1, 4).map(lambda half: 2 * half),
        st.integers(0, 10).map(lambda more: 2 * more),
    )
)
"""Schedule, stages, and how many micro-batches it has beyond the fewest that all of them run with."""


@given(PIPELINES)
def test_every_rank_runs_each_pass_once_and_forward_first(shape):
    _, chunks, micro_batches = shape
    for order in orders(*shape):
        assert len(order) == len(set(order)) == 2 * chunks * micro_batches
        place = {one: index for index, one in enumerate(order)}
        assert all(place[one._replace(kind="forward")] < at for one, at in place.items() if one.kind == "backward")


@given(OTHERS)
def test_other_schedules_run_everything_once_on_every_rank(drawn):
    name, stages, more = drawn
    micro_batches = 2 * stages + more
    for order in orders(stages, 1, micro_batches, name):
        done = [(one.kind, one.micro_batch) for one in order]
        assert len(done) == len(set(done))
        for index in range(micro_batches):
            kinds = {kind for kind, other in done if other == index}
            assert kinds in ({"forward", "backward"}, {"forward", "inputs", "weights"})


@given(PIPELINES, st.floats(0.1, 3.0), st.floats(0.1, 3.0))
def test_equal_stages_take_as_long_as_the_formula(shape, forward, backward):
    """m t + (p - 1) t / v (arXiv 2104.04473, section 2.2), whatever the last group of micro-batches is."""
    stages, chunks, micro_batches = shape
    took = length(orders(*shape), stages * chunks, equal(stages, chunks, forward=forward, backward=backward))
    assert took == pytest.approx((forward + backward) * (micro_batches + (stages - 1) / chunks))


@given(OTHERS, st.floats(0.5, 2.0), st.floats(0.5, 2.0), st.floats(0.2, 1.0))
def test_other_schedules_take_as_long_as_their_formulas(drawn, forward, inputs, share):
    """GPipe m t + (p - 1) t; ZB-H1 (arXiv 2401.10241) and DualPipe (arXiv 2412.19437), table 2 of each."""
    name, stages, more = drawn
    micro_batches, weights = 2 * stages + more, share * min(forward, inputs)
    times = equal(stages, 1, forward=forward, backward=inputs + weights, inputs=inputs, weights=weights)
    bubble = {
        "gpipe": (stages - 1) * (forward + inputs + weights),
        "zero-bubble": (stages - 1) * (forward + inputs - weights),
        "dualpipe": (stages / 2 - 1) * (forward + 2 * inputs - weights),
    }[name]
    # DualPipe's bubble is that of its paper where a forward pass is as long as the gradient of the inputs.
    near = 0.06 if name == "dualpipe" else 1e-9
    took = length(orders(stages, 1, micro_batches, name), stages, times)
    assert took == pytest.approx(micro_batches * (forward + inputs + weights) + bubble, rel=near)


@given(PIPELINES, st.data())
def test_no_pass_starts_before_its_input_or_over_another(shape, data):
    stages, chunks, _ = shape
    drawn = st.lists(st.floats(0.1, 5.0), min_size=stages, max_size=stages)
    times = {kind: np.asarray(data.draw(drawn)) for kind in ("forward", "backward")}
    lists = orders(*shape)
    ended = {}
    for rank, (order, own) in enumerate(zip(lists, starts(lists, stages * chunks, times), strict=True)):
        free = 0.0
        for one, start in zip(order, own, strict=True):
            assert start >= free - 1e-12
            free = start + times[one.kind][rank]
            ended[one] = start, free
    last = stages * chunks - 1
    for one, (start, _) in ended.items():
        before = one._replace(chunk=one.chunk + (1 if one.kind == "backward" else -1))
        if one.kind == "backward" and one.chunk == last:
            before = one._replace(kind="forward")
        if before in ended:
            assert ended[before][1] <= start + 1e-12


def test_one_forward_one_backward_of_the_paper():
    """Four stages, the second rank: two ahead, then one of each."""
    text = "".join(f"{one.kind[0].upper()}{one.micro_batch}" for one in orders(4, 1, 4)[1])
    assert text == "F0F1F2B0F3B1B2B3"


def test_interleaved_warms_up_as_megatron_does():
    """(v - 1) p + 2 (p - rank - 1) passes ahead, chunk by chunk in groups of p."""
    first = orders(4, 2, 8)[0]
    ahead = first[: 4 + 2 * 3]
    assert {one.kind for one in ahead} == {"forward"}
    assert [(one.chunk, one.micro_batch) for one in ahead] == [
        *((0, i) for i in range(4)), *((4, i) for i in range(4)), (0, 4), (0, 5)
    ]  # fmt: skip
    assert (first[11].kind, first[11].chunk) == ("backward", 4)


@given(st.integers(2, 40), st.integers(0, 200))
def test_groups_leave_no_rest_that_waits_for_itself(stages, more):
    micro_batches = stages + more
    group = group_size(stages, micro_batches)
    assert stages <= group <= micro_batches
    assert micro_batches % group == 0 or micro_batches % group >= stages


def test_passes_that_wait_for_each_other_are_told():
    lists = [order[::-1] for order in orders(2, 1, 2)]
    with pytest.raises(ValueError, match="wait for each other"):
        starts(lists, 2, equal(2, 1, forward=1.0, backward=1.0))


def drawn(layout: TrainingLayout, model=DENSE, accelerators=32, **fields) -> Timeline:
    run = work(**{"sequences": 96, "sequence": 8192} | fields)
    return timeline(asked(run, model, accelerators), layout)


LAYOUTS = st.builds(
    TrainingLayout, tensor=st.sampled_from([1, 2, 4]), pipeline=st.integers(1, 6), interleave=st.integers(1, 3),
    context=st.sampled_from([1, 2]), zero=st.integers(0, 3), micro_batch=st.integers(1, 3),
    recompute=st.sampled_from(["none", "selective", "full"]),
    schedule=st.sampled_from(["1f1b", "1f1b", "gpipe", "zero-bubble", "dualpipe"]),
)  # fmt: skip


@settings(max_examples=60)
@given(LAYOUTS, st.sampled_from([*MODELS]))
def test_a_timeline_is_as_long_as_the_step_and_nothing_overlaps(layout, kind):
    try:
        result = training.train(asked(work(96, 8192), MODELS[kind], 32), layout)
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
    result = training.train(asked(work(96, 8192), accelerators=32), layout)
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
