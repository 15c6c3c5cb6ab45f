"""Recomputation by module, activations that wait in 8 bits, and a moving average: their memory, their time."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance.training import Layouts, case_of, steps
from firstlight.performance.training.memory.activations import stored, whole
from firstlight.performance.training.memory.stages import host_memory
from firstlight.spec import models
from firstlight.spec.design import Module, TrainingLayout

from .conftest import DENSE, ROUTED, asked, work

LATENT = models.find("deepseek-v2-lite")
MODULES = get_args(Module)
MODELS = {"dense": DENSE, "routed": ROUTED, "latent": LATENT}


def of(model, *layouts: TrainingLayout, precision: str = "bf16"):
    return case_of(asked(work(64, precision=precision), model), Layouts.of(layouts))


def runs(model, *layouts: TrainingLayout, precision: str = "bf16"):
    return steps(asked(work(64, precision=precision), model), Layouts.of(layouts))


def selective(*modules: str, **fields) -> TrainingLayout:
    return TrainingLayout.model_validate({"recompute": "selective", "recompute_modules": modules, **fields})


@given(
    name=st.sampled_from([*MODELS]),
    modules=st.sets(st.sampled_from(MODULES)),
    precision=st.sampled_from(["bf16", "fp8"]),
)
def test_modules_lower_activations_and_take_time(name, modules, precision):
    found = runs(MODELS[name], TrainingLayout(), selective(*modules or ("core_attn",)), precision=precision)
    kept = found.memory["activations"]
    assert 0 < kept[1] <= kept[0]
    assert found.time[1] >= found.time[0]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_works_where_it_is(module):
    """Something is saved where a model has the module (fused attention never kept its scores), else nothing."""
    has = {"core_attn": set(), "mla_up_proj": {"latent"}, "mlp": {"dense", "latent"}, "moe": {"routed", "latent"},
           "moe_act": {"routed", "latent"}, "shared_experts": {"latent"}, "layernorm": {*MODELS}}  # fmt: skip
    for name, model in MODELS.items():
        found = runs(model, TrainingLayout(), selective(module))
        saved, took = -np.diff(found.memory["activations"])[0], np.diff(found.time)[0]
        assert (saved > 0) == (name in has[module])
        assert (took > 0) == (name in has[module] or module == "core_attn")


def test_what_is_computed_again_is_less_than_the_layer():
    light = selective("layernorm", "mla_up_proj", "moe_act")
    one = of(LATENT, TrainingLayout(), light, selective("moe", "mlp"), TrainingLayout(recompute="full"))
    for layer in one.layers:
        sizes = stored(layer, one)
        assert sizes[0] == whole(layer, one)[0] > sizes[1]
        assert min(sizes[1:3]) > sizes[3] == 2.0 * 4096 * layer.hidden


def test_eight_bit_products_keep_what_they_read_in_eight_bits():
    """A Llama layer of h 1,536, inner 4,096, 12 heads and 4 pairs: norms' outputs and the activation's, 1 B each."""
    wide, narrow = of(DENSE, TrainingLayout()), of(DENSE, TrainingLayout(), precision="fp8")
    less = (stored(wide.layers[0], wide) - stored(narrow.layers[0], narrow))[0] / 4096
    assert less == pytest.approx(2 * 1536 + 4096)
    inputs = of(DENSE, TrainingLayout(activations="fp8"), precision="fp8")
    less = (stored(narrow.layers[0], narrow) - stored(inputs.layers[0], inputs))[0] / 4096
    assert less == pytest.approx(2 * 4096 + 0.5 * 1536)


def test_a_moving_average_is_on_the_accelerator_or_on_the_host():
    layouts = [TrainingLayout(average=where) for where in ("none", "accelerator", "host")]
    found = runs(DENSE, *layouts)
    more = found.memory["optimizer"] - found.memory["optimizer"][0]
    shard = found.memory["optimizer"][0] / 12
    assert more == pytest.approx([0, 4 * shard, 0])
    assert found.time[1] > found.time[0] == found.time[2]
    assert host_memory(of(DENSE, *layouts)) == pytest.approx([0, 0, 4 * shard])


def test_offloaded_states_take_their_average_along():
    found = runs(DENSE, *(TrainingLayout(offload=("optimizer",), average=where) for where in ("none", "accelerator")))
    assert found.memory["optimizer"].tolist() == [0, 0]
    assert found.host[1] == pytest.approx(found.host[0] * 16 / 12)
