"""The search: the best, the front, and why others lost."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import training
from firstlight.performance.training import space, steps
from firstlight.performance.training.search import search as searches
from firstlight.performance.training.search.advice import advice, difference
from firstlight.performance.training.search.search import search
from firstlight.performance.training.search.tally import AXES, Tally
from firstlight.performance.training.space.every import every
from firstlight.spec.design import TrainingLayout

from ..conftest import CHIP, DENSE, MODELS, ROUTED, asked, work

SMALL = CHIP.model_copy(update={"memory": 12e9})
"""An accelerator that holds some of the layouts, not all."""


def found(model=DENSE, sequences=96, accelerators=16, chip=SMALL, **more):
    return search(asked(work(sequences, 8192), model, accelerators, chip), **more)


def all_steps(run):
    """Every layout with its time and memory, at once."""
    (layouts,) = every(run).chunks(10**8)
    return layouts, steps(run, layouts)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("chunk", [1000, 10**6])
def test_the_best_is_the_quickest_of_all_that_fit_in_chunks_of_any_size(kind, chunk, monkeypatch):
    monkeypatch.setattr(searches, "CHUNK", chunk)
    run = asked(work(96, 8192), MODELS[kind], chip=SMALL)
    result = found(MODELS[kind])
    layouts, all_ = all_steps(run)
    assert 0 < result.fit < result.tried == len(layouts)
    assert result.fit == int(all_.fits.sum())
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
    """Those whose last micro-batch is partly empty left out, which the whole space does not hold."""
    chip = CHIP.model_copy(update={"memory": memory})
    run = asked(work(sequences, 8192), MODELS[kind], accelerators, chip)
    thin = space(run)
    data = accelerators // (thin.tensor * thin.pipeline * thin.context)
    thin = thin.take(np.ceil(sequences / data) % thin.micro_batch == 0)
    seen = steps(run, thin)
    if not len(thin) or not seen.fits.any():
        return
    result = search(run)
    assert result.step_time <= float(seen.time[seen.fits].min()) * (1 + 1e-12)


def test_the_front_is_a_front():
    front = found().front
    assert list(front.memory) == sorted(front.memory)
    assert all(late < early for early, late in zip(front.step_time, front.step_time[1:], strict=False))
    _, all_ = all_steps(asked(work(96, 8192), chip=SMALL))
    time, memory = all_.time[all_.fits], all_.used[all_.fits]
    for own_time, own_memory in zip(front.step_time, front.memory, strict=True):
        ahead = (time <= own_time * (1 - 1e-12)) & (memory <= own_memory * (1 + 1e-12))
        assert not ahead.any()
    assert front.memory[0] == pytest.approx(float(memory.min()))
    assert front.step_time[-1] == pytest.approx(float(time.min()))
    assert front.layouts[-1] == found().layout


def test_alternatives_are_the_best_of_their_value():
    result = found(ROUTED)
    layouts, all_ = all_steps(asked(work(96, 8192), ROUTED, chip=SMALL))
    told = {(other.axis, other.value): other for other in result.alternatives}
    for axis in AXES:
        for place in set(getattr(layouts, axis).tolist()):
            own = getattr(layouts, axis) == place
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
            assert other.step_time == pytest.approx(all_.time[fits].min())
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
    assert seen[-1] == (result.tried, result.tried)


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
