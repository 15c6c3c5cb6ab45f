"""The search: the best, the front, and why others lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import training
from firstlight.performance.training import Layouts, space, steps
from firstlight.performance.training.search import tries
from firstlight.performance.training.search.advice import advice, difference
from firstlight.performance.training.search.bounds import Bounds
from firstlight.performance.training.search.search import search
from firstlight.performance.training.search.tally import Tally
from firstlight.performance.training.space.every import OPTIONS, SHAPE, every
from firstlight.performance.training.space.variants import CHANGES, Variants
from firstlight.spec.design import TrainingLayout

from ..conftest import CHIP, DENSE, MODELS, ROUTED, SYSTEM, asked, work

SMALL = CHIP.model_copy(update={"memory": 12e9})
"""An accelerator that holds some of the layouts, not all."""


def found(model=DENSE, sequences=96, accelerators=16, chip=SMALL, **more):
    return search(asked(work(sequences, 8192), model, accelerators, chip), **more)


def all_steps(run):
    """Every layout and every variant of it with its time and memory, at once; how many are no variants."""
    (usual,) = every(run).chunks(10**8)
    found, variants = steps(run, usual), Variants(run, {})
    counts = variants.counts(usual, found.data, found.micro_batches)
    pieces = [usual]
    for change in CHANGES:
        has = np.flatnonzero(counts.has(change))
        pieces += variants.of(usual.take(has), found.data[has], change)
    layouts = Layouts.join(pieces)
    assert len(layouts) == len(usual) + counts.whole
    return layouts, steps(run, layouts), len(usual)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("chunk", [1000, 10**6])
def test_the_best_is_the_quickest_of_all_that_fit_in_chunks_of_any_size(kind, chunk, monkeypatch):
    monkeypatch.setattr(tries, "CHUNK", chunk)
    run = asked(work(96, 8192), MODELS[kind], chip=SMALL)
    result = found(MODELS[kind])
    layouts, all_, usual = all_steps(run)
    assert 0 < result.fit < result.tried
    assert usual < result.tried
    assert result.tried + result.excluded == len(layouts)
    assert result.step_time == pytest.approx(float(all_.time[all_.fits].min()))
    assert result.tokens_per_s == pytest.approx(run.workload.batch / result.step_time)
    again = training.train(run, result.layout)
    assert again.step_time.p50 == pytest.approx(result.step_time)
    assert again.memory == pytest.approx(result.memory)


@settings(max_examples=15)
@given(
    accelerators=st.integers(1, 48), sequences=st.integers(1, 200), kind=st.sampled_from([*MODELS]),
    memory=st.sampled_from([8e9, 12e9, 80e9]),
)  # fmt: skip
def test_the_best_is_never_worse_than_a_layout_of_the_thinned_space_that_fits(accelerators, sequences, kind, memory):
    """Those that the batch does not fill left out, which no framework starts."""
    chip = CHIP.model_copy(update={"memory": memory})
    run = asked(work(sequences, 8192), MODELS[kind], accelerators, chip)
    thin = space(run)
    data = accelerators // (thin.tensor * thin.pipeline * thin.context)
    thin = thin.take(sequences % (data * thin.micro_batch) == 0)
    assume(len(thin))
    seen = steps(run, thin)
    assume(seen.fits.any())
    result = search(run)
    assert result.step_time <= float(seen.time[seen.fits].min()) * (1 + 1e-12)


def test_the_front_is_a_front():
    front = found().front
    assert list(front.memory) == sorted(front.memory)
    assert all(late < early for early, late in zip(front.step_time, front.step_time[1:], strict=False))
    _, all_, _ = all_steps(asked(work(96, 8192), chip=SMALL))
    time, memory = all_.time[all_.fits], all_.used[all_.fits]
    for own_time, own_memory in zip(front.step_time, front.memory, strict=True):
        ahead = (time <= own_time * (1 - 1e-12)) & (memory <= own_memory * (1 + 1e-12))
        assert not ahead.any()
    assert front.memory[0] == pytest.approx(float(memory.min()))
    assert front.step_time[-1] == pytest.approx(float(time.min()))
    assert front.layouts[-1] == found().layout


def test_alternatives_are_the_best_of_their_value():
    result = found(ROUTED)
    layouts, all_, usual = all_steps(asked(work(96, 8192), ROUTED, chip=SMALL))
    told = {(other.axis, other.value): other for other in result.alternatives}
    counted = np.arange(len(layouts)) < usual
    for axis in (*SHAPE, *OPTIONS):
        for place in set(getattr(layouts, axis).tolist()):
            own = (getattr(layouts, axis) == place) & counted
            value = ("none", "selective", "full")[place] if axis == "recompute" else str(place)
            if (axis, value) not in told:
                assert getattr(result.layout, axis) in (place, value)
                continue
            other, fits = told[axis, value], own & all_.fits
            assert (other.tried, other.fit) == (own.sum(), fits.sum())
            assert result.lost_to_memory[axis][value] == pytest.approx(1 - fits.sum() / own.sum())
            if not fits.any():
                assert other.layout is None
                assert other.memory == pytest.approx(all_.used[own].min())
                assert f"none of {own.sum():,} fits" in other.why
                continue
            both = (getattr(layouts, axis) == place) & all_.fits
            assert all_.time[both].min() * (1 - 1e-12) <= other.step_time <= all_.time[fits].min() * (1 + 1e-12)
            assert other.slower == pytest.approx(other.step_time / result.step_time - 1, abs=1e-12)
            assert sum(other.longer.values()) == pytest.approx(other.step_time - result.step_time, abs=1e-9)


def test_less_memory_is_told_with_its_price():
    result = found()
    less = [other for other in result.alternatives if other.axis == "memory"]
    assert less
    assert all(other.memory <= result.memory and other.slower > 0 for other in less)
    assert [other.memory for other in less] == sorted((other.memory for other in less), reverse=True)


def test_words_name_what_grew_and_where_it_crosses_the_domain():
    beyond = next(o for o in found(chip=CHIP, accelerators=48).alternatives if o.axis == "tensor" and o.value == "12")
    assert "crosses the scale-up domain of 8" in beyond.why
    again = next(o for o in found(chip=CHIP).alternatives if o.axis == "recompute" and o.value == "full")
    assert again.why.startswith("recomputation")


def test_the_layout_of_the_plan_is_compared():
    given = TrainingLayout(tensor=4, pipeline=2, micro_batch=1, recompute="full")
    result = found(given=given)
    plan = result.alternatives[0]
    assert (plan.axis, plan.layout) == ("plan", given)
    assert plan.slower > 0
    with pytest.raises(UsageError, match="attention heads"):
        found(given=TrainingLayout(tensor=5))


def test_a_given_layout_keeps_what_is_no_axis_of_the_space():
    given = TrainingLayout(tensor=4, pipeline=2, schedule="gpipe", gradients="bf16")
    plan = found(given=given).alternatives[0]
    own = training.train(asked(work(96, 8192), chip=SMALL), given)
    assert plan.layout == given
    assert plan.step_time == pytest.approx(own.step_time.p50)
    assert plan.memory == pytest.approx(own.memory)


def test_a_given_layout_beyond_the_memory_says_so():
    plan = found(given=TrainingLayout(micro_batch=2)).alternatives[0]
    assert plan.fit == 0
    assert "does not fit" in plan.why


def test_an_open_batch_gives_each_layout_the_one_that_fills_it():
    result = found(sequences=None)
    sequences = result.batch / 8192
    data = 16 // (result.layout.tensor * result.layout.pipeline * result.layout.context)
    assert sequences % (data * result.layout.micro_batch) == 0


def test_progress_reaches_the_end():
    seen: list[tuple[int, int]] = []
    result = found(progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1][0] == seen[-1][1] <= result.tried


def test_what_does_not_fit_says_what_would():
    with pytest.raises(InfeasibleError, match=r"memory: needs .* an accelerator, has 1 GB. It fits on|No number"):
        found(chip=CHIP.model_copy(update={"memory": 1e9}), accelerators=2)
    with pytest.raises(InfeasibleError, match="cannot be spread"):
        search(asked(work(1, 1024), accelerators=100_000))


def test_it_goes_into_json():
    body = json.dumps(found(chip=SMALL).to_dict(), allow_nan=False)
    assert json.loads(body)["front"]["layouts"][0]["tensor"] >= 1


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.booleans()), min_size=1, max_size=60))
def test_a_tally_in_pieces_keeps_the_same_front(points):
    """Against the definition: nothing else is at least as good in one and better in the other."""
    score = np.asarray([p[0] for p in points], float)
    memory = np.asarray([p[1] for p in points], float)
    (layouts,) = every(asked(work(96, 8192))).chunks(10**8)
    layouts = layouts.take(np.arange(len(points)))
    tally, cut = Tally(), len(points) // 2
    for part in (slice(0, cut), slice(cut, None)):
        index = np.arange(len(points))[part]
        if len(index):
            tally.add(layouts.take(index), score[part], memory[part], math.inf)
    front = {
        (s, m)
        for s, m in zip(score, memory, strict=True)
        if not any((a <= s and b < m) or (a < s and b <= m) for a, b in zip(score, memory, strict=True))
    }  # fmt: skip
    assert set(zip(tally.score, tally.memory, strict=True)) == front


def test_advice_changes_one_thing_where_that_is_enough():
    given = TrainingLayout(micro_batch=2)
    run = asked(work(96, 8192), chip=SMALL)
    before = training.train(run, given)
    assert before.memory > before.memory_available
    text = advice(run, given)
    name, value = text.removeprefix("with ").split(" it takes")[0].split(": ")
    changed = TrainingLayout.model_validate({**given.model_dump(), name: value}, strict=False)
    assert difference(given, changed) == f"{name}: {value}"
    mended = training.train(run, changed)
    assert mended.memory <= mended.memory_available


def test_advice_where_nothing_fits_names_more_accelerators():
    tiny = CHIP.model_copy(update={"memory": 6e9})
    text = advice(asked(work(96, 8192), accelerators=1, chip=tiny), TrainingLayout())
    assert "It fits on" in text or "No number" in text


def test_advice_keeps_the_layout_s_options_and_tries_narrower_states():
    """One accelerator, whose memory holds the states with 2 bytes a gradient only: no shape helps."""
    given = TrainingLayout(recompute="full")
    run = asked(work(96, 8192), accelerators=1, chip=SMALL)
    before = training.train(run, given)
    least = before.memory - before.memory_parts["gradients"] / 4
    text = advice(replace(run, accelerator=SMALL.model_copy(update={"memory": least})), given)
    assert text.startswith("with ")
    assert text.split(": ")[0].removeprefix("with ") in ("gradients", "moments", "offload")


SHIFTED = st.builds(
    TrainingLayout, tensor=st.sampled_from([1, 2, 4]), pipeline=st.integers(1, 6), interleave=st.integers(1, 3),
    context=st.sampled_from([1, 2]), expert=st.sampled_from([1, 2, 3]), zero=st.integers(0, 3),
    micro_batch=st.sampled_from([1, 2, 3]), recompute=st.sampled_from(["none", "selective", "full"]),
    schedule=st.sampled_from(["1f1b", "gpipe", "zero-bubble", "dualpipe"]),
    context_kind=st.sampled_from(["ring", "all-gather", "ulysses"]), shard=st.sampled_from([None, 2, 4]),
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(layouts=st.lists(SHIFTED, min_size=1, max_size=20), kind=st.sampled_from([*MODELS]))
def test_no_single_layout_is_better_than_the_best_of_the_search(layouts, kind):
    """Any layout that `train` takes, that fits, and that the batch fills."""
    run, result = asked(work(96, 8192), MODELS[kind], chip=SMALL), found(MODELS[kind])
    for layout in layouts:
        try:
            single = training.train(run, layout)
        except UsageError:
            continue
        if single.memory <= single.memory_available and 96 % (single.data * layout.micro_batch) == 0:
            assert result.step_time <= single.step_time.p50 * (1 + 1e-12)


@settings(max_examples=12, deadline=None)
@given(
    sequences=st.sampled_from([8, 24, 96]), accelerators=st.sampled_from([4, 12, 16, 32]),
    kind=st.sampled_from([*MODELS]), sequence=st.sampled_from([4096, 16384]), taught=st.booleans(),
)  # fmt: skip
def test_no_variant_lies_below_its_bound(sequences, accelerators, kind, sequence, taught):
    told = {"teacher": "test"} if taught else {}
    run = asked(work(sequences, sequence, **told), MODELS[kind], accelerators, teacher=DENSE if taught else None)
    (usual,) = every(run, unfilled=True).chunks(10**8)
    usual = usual.take(np.random.default_rng(0).permutation(len(usual))[:500])
    before, variants = steps(run, usual), Variants(run, {})
    counts = variants.counts(usual, before.data, before.micro_batches)
    for change in CHANGES:
        place = np.flatnonzero(counts.has(change))
        if not len(place):
            continue
        varied = Layouts.join([*variants.of(usual.take(place), before.data[place], change)])
        own = replace(varied, **dict.fromkeys(("schedule", "context_kind", "shard"), np.int64(0)))
        least, after = Bounds(steps(run, own), own, run.depth, run.a), steps(run, varied)
        assert (after.time >= least.time(change) * (1 - 1e-9)).all(), change
        assert (after.used >= least.memory(change) * (1 - 1e-9)).all(), change


def test_what_the_plan_names_stays_and_gpipe_is_tried_only_then():
    result = found(given=TrainingLayout(pipeline=2, schedule="gpipe", gradients="bf16", micro_batch=1))
    assert result.layout.gradients == "bf16"
    assert all(layout.schedule == "gpipe" or layout.pipeline == 1 for layout in result.front.layouts)
    assert {other.value for other in found().alternatives if other.axis == "schedule"} == {"zero-bubble", "dualpipe"}
    kept = found(given=TrainingLayout(context=2, context_kind="ulysses", shard=2))
    assert all(layout.context_kind == "ulysses" or layout.context == 1 for layout in kept.front.layouts)
    assert all(layout.shard == 2 or layout.zero == 0 for layout in kept.front.layouts)


def test_the_host_keeps_something_only_where_nothing_else_fits():
    assert all(other.axis != "offload" for other in found().alternatives)
    bare = asked(work(96, 8192), accelerators=1)
    (layouts,) = every(bare).chunks(10**8)
    tiny = CHIP.model_copy(update={"memory": 0.9 * float(steps(bare, layouts).used.min())})
    result = found(accelerators=1, chip=tiny)
    assert len(result.layout.offload) == 1
    (none,) = [other for other in result.alternatives if (other.axis, other.value) == ("offload", "none")]
    assert none.layout is None
    single = training.train(asked(work(96, 8192), accelerators=1, chip=tiny), result.layout)
    assert single.memory <= tiny.memory
    assert single.step_time.p50 == pytest.approx(result.step_time)


def test_what_no_framework_starts_is_refused_and_told():
    result = found(sequences=96, accelerators=14)
    assert next(iter(result.refused.values())) > 0
    assert "whole micro-batches" in next(iter(result.refused))
    data = 14 // (result.layout.tensor * result.layout.pipeline * result.layout.context)
    assert 96 % (data * result.layout.micro_batch) == 0


def test_on_a_torus_all_accelerators_have_a_part():
    torus = replace(asked(work(96, 8192), accelerators=12), system=SYSTEM.model_copy(update={"nic": None}))
    space = every(torus)
    inside = space.shapes[:, 0] * space.shapes[:, 1] * space.shapes[:, SHAPE.index("pipeline")]
    assert (12 % inside == 0).all()
    assert any("torus" in reason for reason in space.refused)
