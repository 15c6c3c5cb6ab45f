"""A teacher beside the student, and one that writes the tokens before the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import serving, training
from firstlight.performance.flops import forward_flops
from firstlight.performance.shapes import layers
from firstlight.performance.training import Layouts, case_of, space, step_parts, steps
from firstlight.performance.training.search.search import search
from firstlight.performance.training.space.every import every
from firstlight.performance.training.timeline import timeline
from firstlight.spec import assumptions, models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.workload import Serving

from .conftest import CHIP, DENSE, HOST, MODELS, ROUTED, SYSTEM, asked, shipped, wire, work

SMALL, LARGE = models.find("llama-3.2-1b"), models.find("llama-3.1-8b")
ALONE = TrainingLayout()
PARTS = (SYSTEM, CHIP, HOST)


def run(layout=ALONE, student=SMALL, teacher=LARGE, accelerators=8, sequences=64, time=wire, **fields):
    told = {"teacher": "test", **fields} if teacher else fields
    workload = work(sequences, **told)
    return training.train(asked(workload, student, accelerators, collective=time, teacher=teacher), layout)


def test_a_teacher_takes_a_third_of_its_own_training_pass():
    taught, bare = run(), run(teacher=None)
    own = run(student=LARGE, teacher=None).step_parts
    passes = sum(own[name] for name in ("gemm", "attention", "elementwise", "head", "launch"))
    assert taught.step_parts["teacher"] == pytest.approx(passes / 3, rel=0.12)
    assert taught.step_time.p50 - taught.step_parts["teacher"] == pytest.approx(bare.step_time.p50)
    assert bare.teacher == ""
    assert (bare.teacher_flops, bare.teacher_mfu, bare.generation) == (0.0, None, None)


def test_flops_of_student_and_teacher_are_told_apart():
    taught, bare = run(), run(teacher=None)
    assert taught.teacher == LARGE.id
    assert taught.teacher_flops == pytest.approx(64 * forward_flops(LARGE, 4096))
    assert taught.teacher_mfu is not None
    peak = CHIP.bf16 * 8 * taught.step_time.p50
    assert taught.teacher_mfu.p50 == pytest.approx(taught.teacher_flops / peak)
    assert taught.mfu.p50 * taught.step_time.p50 == pytest.approx(bare.mfu.p50 * bare.step_time.p50)
    assert bare.step_time.calibrated
    assert not taught.step_time.calibrated


def test_memory_adds_the_weights_and_the_logits():
    taught, bare = run(), run(teacher=None)
    per_output = shipped()["performance.loss_memory"]
    logits = per_output * 4096 * LARGE.main.head
    assert taught.memory_parts["teacher"] == pytest.approx(2 * taught_parameters(LARGE), rel=1e-3)
    assert taught.memory_parts["loss"] - bare.memory_parts["loss"] == pytest.approx(logits)
    fragmented = taught.memory_parts["fragmentation"] - bare.memory_parts["fragmentation"]
    assert taught.memory - bare.memory == pytest.approx(taught.memory_parts["teacher"] + logits + fragmented)


def taught_parameters(model):
    ends = model.main.vocabulary * model.main.hidden + (0 if model.main.tied else model.main.head * model.main.hidden)
    return sum(layer.count * (layer.dense + layer.experts) for layer in layers(model)) + ends


def test_weights_are_sharded_as_the_layout_says():
    whole = run().memory_parts["teacher"]
    assert run(TrainingLayout(tensor=4)).memory_parts["teacher"] == pytest.approx(whole / 4)
    assert run(TrainingLayout(zero=3)).memory_parts["teacher"] == pytest.approx(whole / 8)
    assert run(TrainingLayout(zero=2)).memory_parts["teacher"] == pytest.approx(whole)
    cut = run(TrainingLayout(pipeline=4)).memory_stages["teacher"]
    assert sum(cut) == pytest.approx(whole)
    experts = {"student": DENSE, "teacher": ROUTED}
    apart, one = (run(TrainingLayout(expert=n), **experts).memory_parts["teacher"] for n in (2, 1))
    held = 2 * sum(layer.count * layer.experts for layer in layers(ROUTED))
    assert one - apart == pytest.approx(held / 2)


def test_nothing_is_computed_again_or_kept_for_the_teacher():
    full, none = (run(TrainingLayout(recompute=level)) for level in ("full", "none"))
    assert full.step_parts["teacher"] == none.step_parts["teacher"]
    assert run(teacher=None).memory_parts["activations"] == none.memory_parts["activations"]


def test_its_forward_pass_makes_the_bubble_longer():
    layout = TrainingLayout(pipeline=4)
    taught, bare = run(layout), run(layout, teacher=None)
    # three more forward passes of the mean stage, of 32 micro-batches
    assert taught.step_parts["bubble"] - bare.step_parts["bubble"] == pytest.approx(
        3 / taught.micro_batches * taught.step_parts["teacher"], rel=0.05
    )


@pytest.mark.parametrize("layout", [
    TrainingLayout(pipeline=2, interleave=2, micro_batch=2), TrainingLayout(tensor=2, context=2, zero=3),
    TrainingLayout(pipeline=2, schedule="dualpipe"), TrainingLayout(pipeline=2, first_layers=7, offload=("weights",)),
])  # fmt: skip
def test_the_timeline_ends_with_the_step(layout):
    workload = work(64, teacher="test")
    drawn = timeline(asked(workload, SMALL, 8, teacher=LARGE), layout)
    result = run(layout)
    assert sum(result.step_parts.values()) == pytest.approx(result.step_time.p50)
    assert max(event.start + event.duration for event in drawn.events) == pytest.approx(result.step_time.p50)
    bare = timeline(asked(work(64), SMALL, 8), layout)
    assert drawn.scale == pytest.approx(bare.scale, abs=0.06)


PAIRS = [(student, teacher) for student in MODELS for teacher in MODELS]


@settings(max_examples=12, deadline=None)
@given(pair=st.sampled_from(PAIRS), seed=st.integers(0, 2**32 - 1))
def test_many_layouts_at_once_are_as_each_alone(pair, seed):
    """What is computed once for many layouts is right for each of them."""
    student, teacher = (MODELS[name] for name in pair)
    taught = asked(work(24, teacher="test"), student, 24, teacher=teacher)
    (layouts,) = every(taught).chunks(10**6)
    some = layouts.take(np.random.default_rng(seed).integers(0, len(layouts), 5))
    together = steps(taught, layouts)
    for index in range(len(some)):
        own = training.train(taught, some.one(index))
        (place,) = np.flatnonzero(np.all([getattr(layouts, axis) == getattr(some, axis)[index] for axis in AXES], 0))
        assert together.time[place] == pytest.approx(own.step_time.p50)
        assert together.used[place] == pytest.approx(own.memory)
        bare = (
            some.one(index)
            if pair[0] == "routed"
            else some.one(index).model_copy(update={"expert": 1, "expert_tensor": 1})
        )
        alone = training.train(asked(work(24), student, 24), bare)
        assert own.step_time.p50 > alone.step_time.p50
        assert own.memory > alone.memory


AXES = ("tensor", "context", "expert", "expert_tensor", "micro_batch", "pipeline", "interleave", "zero", "recompute")


def test_every_layout_goes_for_both():
    taught = asked(work(24, teacher="test"), DENSE, 24, teacher=ROUTED)
    tensor, _, expert, _, _, pipeline, chunks = every(taught).shapes.T
    assert set(tensor) <= {1, 2, 4}  # divides 12 and 8 heads
    assert set(expert) == {1, 2, 3, 6}  # only the teacher has experts
    assert (pipeline * chunks).max() <= 4 + 2
    thin = space(taught)
    assert set(thin.tensor) == {1, 2, 4}
    assert set(thin.expert) == {1, 2}


def test_the_search_and_the_proposal_know_of_the_teacher():
    taught = asked(work(64, teacher="test"), SMALL, 8, teacher=LARGE)
    found = search(taught)
    assert found.step_time == pytest.approx(run(found.layout).step_time.p50)
    layout, _ = training.best(taught)
    assert run(layout).memory <= CHIP.memory
    assert found.step_time <= run(layout).step_time.p50 * (1 + 1e-9)
    with pytest.raises(InfeasibleError, match="does not fit on 8"):
        training.best(replace(taught, teacher=models.find("llama-3.1-405b")))


def test_coefficients_may_be_arrays_over_configurations():
    name, values = "performance.gemm_bf16_hopper", np.array([0.5, 0.6, 0.7])
    entries = dict(assumptions.shipped())

    def seconds(value, count):
        own = assumptions.Assumptions(entries | {name: replace(entries[name], value=value)})
        layouts = Layouts.of([TrainingLayout(tensor=2, pipeline=2)] * count)
        return step_parts(case_of(asked(work(64, teacher="test"), SMALL, 8, a=own, teacher=LARGE), layouts))["teacher"]

    alone = [seconds(value, 1)[0] for value in values]
    assert seconds(values, 3) == pytest.approx(alone)
    assert alone[0] > alone[1] > alone[2]


def test_tokens_are_written_at_the_rate_of_serving():
    result, bare = run(distil="text", prompt=96), run(teacher=None)
    written = result.generation
    assert written is not None
    assert (written.prompt, written.answer) == (96, 4000)
    assert written.duration.p50 == pytest.approx(1e12 / written.tokens_per_s.p50)
    assert written.accelerator_time.p50 == pytest.approx(8 * written.duration.p50)
    assert result.duration.p50 == pytest.approx(written.duration.p50 + bare.duration.p50)
    assert result.duration.p10 == pytest.approx(written.duration.p10 + bare.duration.p10)
    assert (result.step_time, result.memory, result.mfu) == (bare.step_time, bare.memory, bare.mfu)
    assert min(written.utilisation, bare.utilisation) < result.utilisation < max(written.utilisation, bare.utilisation)
    requests = Serving.model_validate(
        {"serve": "test", "requests": "1 /s", "prompt": 96, "answer": 4000, "precision": "bf16"}
    )
    served = serving.serve(requests, LARGE, *PARTS, 8, written.layout, wire, shipped())
    assert written.tokens_per_s.p50 == pytest.approx(4000 * served.capacity.p50)
    assert written.replicas == served.replicas


def test_no_layout_serves_more_than_the_fastest():
    requests = Serving.model_validate({"serve": "test", "requests": "1 /s", "prompt": 96, "answer": 1000})
    _, most = serving.fastest(requests, LARGE, *PARTS, 12, wire, shipped())
    layouts = serving.space(LARGE, shipped())
    for index in range(0, len(layouts), 3):
        layout = layouts.one(index).model_copy(update={"batch": 64})
        if layouts.accelerators[index] <= 12:
            other = serving.serve(requests, LARGE, *PARTS, 12, layout, wire, shipped())
            assert other.capacity.p50 <= most * (1 + 1e-9)


def test_the_prompt_is_128_tokens_where_nothing_is_said():
    written = run(distil="text").generation
    assert written is not None
    assert (written.prompt, written.answer) == (128, 3968)


@pytest.mark.parametrize(("fields", "models_", "says"), [
    ({}, (SMALL, models.find("qwen3-8b")), "teacher: qwen3-8b has 151,936 outputs and llama-3.2-1b 128,256; name a "
     "teacher with the student's vocabulary, or write distil: text"),
    ({"distil": "text"}, (SMALL, models.find("esm-2-650m")), "writes no token after another; name a model that writes"),
    ({}, (SMALL, models.find("wan2.1-t2v-14b")), "has no output head"),
    ({"distil": "text", "prompt": 4096}, (SMALL, LARGE), "a prompt of 4,096 tokens leaves none.*; write 2048 tokens"),
    ({"distil": "text", "sequence": 16384}, (SMALL, DENSE), "at most 8,192 tokens, .*; write sequence: 8192"),
])  # fmt: skip
def test_a_teacher_that_does_not_suit_is_refused(fields, models_, says):
    with pytest.raises(UsageError, match=says):
        run(student=models_[0], teacher=models_[1], **fields)


def test_a_teacher_is_named_and_given():
    with pytest.raises(UsageError, match="give both or neither"):
        training.train(asked(work(64), SMALL, 8, teacher=LARGE), ALONE)
    with pytest.raises(UsageError, match="give both or neither"):
        training.best(asked(work(64, teacher="test"), SMALL, 8))


@pytest.mark.parametrize(("layout", "says"), [
    (TrainingLayout(tensor=3), "tensor 3 does not divide 8 attention heads; the nearest that does is 2"),
    (TrainingLayout(pipeline=8), "more than the 4 layers of routed-small"),
    (TrainingLayout(expert=4), "expert 4 does not divide 6 experts"),
])  # fmt: skip
def test_a_layout_that_does_not_cut_the_teacher_is_refused(layout, says):
    with pytest.raises(UsageError, match=says):
        run(layout, student=DENSE, teacher=ROUTED, accelerators=24)
    run(TrainingLayout(expert=2), student=DENSE, teacher=ROUTED, accelerators=24)
