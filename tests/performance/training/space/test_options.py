"""Which options of a layout go together: each refusal names the constraint and the nearest choice."""

from __future__ import annotations

import pytest

from firstlight.errors import UsageError
from firstlight.performance.training.space.check import check
from firstlight.spec import models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.workload import Training

from ..conftest import asked

LLAMA, MIXTRAL = models.find("llama-3-8b"), models.find("mixtral-8x7b")
FAR = {"sites": 2, "site_link": "100 Gb/s"}


def verdict(accelerators: int = 64, model=LLAMA, batch: str = "8M tokens", **layout) -> str:
    work = Training.model_validate({"train": model.id, "tokens": "1T", "batch": batch, "sequence": 8192})
    try:
        check(asked(work, model, accelerators), TrainingLayout.model_validate(layout))
    except UsageError as error:
        return str(error)
    return "runs"


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ({"schedule": "gpipe"}, "schedule gpipe has no effect without a pipeline; write schedule: 1f1b"),
        (
            {"schedule": "zero-bubble", "pipeline": 4, "interleave": 2},
            "interleave has no effect with schedule zero-bubble",
        ),
        ({"schedule": "dualpipe", "pipeline": 1}, "no effect without a pipeline"),
        ({"schedule": "dualpipe", "pipeline": 3}, "even number of stages, not 3; write pipeline: 4 or 2"),
        (
            {"schedule": "dualpipe", "pipeline": 8, "batch": "512k tokens"},
            "16 micro-batches or more for 8 stages, but a rank has 8",
        ),
        ({"first_layers": 3}, "first_layers has no effect without a pipeline"),
        (
            {"recompute_modules": ["layernorm"]},
            "recompute_modules have no effect with recompute: none; write recompute",
        ),
        (
            {"recompute": "selective", "recompute_modules": ["moe", "moe_act"], "model": MIXTRAL},
            "moe computes moe_act again already",
        ),
        ({"recompute": "selective", "recompute_modules": ["mlp", "mlp"]}, "recompute_modules names something twice"),
        ({"recompute": "selective", "recompute_modules": ["mla_up_proj"]}, "mla_up_proj has no effect on a model"),
        ({"recompute": "selective", "recompute_modules": ["moe_act"]}, "moe_act has no effect on a model"),
        ({"recompute": "selective", "recompute_modules": ["mlp"], "model": MIXTRAL}, "mlp has no effect on a model"),
        ({"pipeline": 4, "first_layers": 6}, "the nearest that does is first_layers: 5"),
        ({"pipeline": 2, "first_layers": 20, "last_layers": 10}, "the nearest that does is last_layers: 12"),
        ({"context_kind": "ulysses"}, "no effect with context: 1"),
        ({"tensor": 2, "context": 8, "context_kind": "ulysses"}, "context 8 does not divide 4 key and value heads"),
        ({"dispatch": "fp8"}, "dispatch has no effect on a model without routed experts"),
        ({"expert_tensor": 2}, "no effect on a model without routed experts"),
        ({"site_link": "1 Gb/s"}, "site_link has no effect at one site"),
        ({"synchronise": 100}, "synchronise has no effect at one site"),
        ({"sites": 2}, "sites are joined by a link"),
        ({**FAR, "sites": 3}, "sites 3 does not divide 64 data-parallel ranks; the nearest that does is 2"),
        ({**FAR, "fragments": 4}, "fragments have no effect where sites exchange every step"),
        ({**FAR, "fragments": 4, "synchronise": 2}, "write at most fragments: 2"),
        ({**FAR, "shard": 64, "zero": 3}, "shard 64 does not divide 32 data-parallel ranks of a site"),
    ],
)
def test_what_has_no_effect_or_does_not_divide_is_refused(layout, says):
    assert says in verdict(**layout)


def test_experts_are_split_as_far_as_their_columns_and_ranks_go():
    assert verdict(model=MIXTRAL, expert=8, expert_tensor=2) == "runs"
    assert "does not divide 8 ranks for each" in verdict(model=MIXTRAL, expert=8, expert_tensor=16)
    assert "columns of an expert" in verdict(model=MIXTRAL, expert=2, expert_tensor=3)
    assert "ranks of a site" in verdict(model=MIXTRAL, accelerators=8, expert=8, **FAR)


@pytest.mark.parametrize(
    "layout",
    [
        {"pipeline": 4, "schedule": "gpipe"},
        {"pipeline": 4, "schedule": "zero-bubble", "first_layers": 7, "last_layers": 7},
        {"pipeline": 4, "interleave": 2, "first_layers": 2},
        {"pipeline": 8, "schedule": "dualpipe"},
        {"tensor": 2, "context": 4, "context_kind": "ulysses"},
        {"tensor": 8, "context": 4, "context_kind": "all-gather"},
        {**FAR, "synchronise": 100, "fragments": 4},
        {"gradients": "bf16", "moments": "fp8", "offload": ["optimizer", "activations"]},
        {"recompute": "selective", "recompute_modules": ["layernorm", "mlp"], "activations": "fp8", "average": "host"},
    ],
)  # fmt: skip
def test_what_goes_together_runs(layout):
    assert verdict(**layout) == "runs"
