"""Layers as the kernels see them: the same parameters as counted from the architecture, cut as the papers cut them."""

from __future__ import annotations

import pytest

from firstlight.performance.shapes import Layer, Matrix, Routed, Scan, Softmax, ends, layers
from firstlight.spec import models
from firstlight.spec.model import Attention, Block, Experts, FeedForward, Model, Tower
from firstlight.spec.parameters import active_parameters, parameters, tower_parameters


def one(block: Block, hidden: int = 64, *others: Tower) -> Layer:
    """The layer of a block in a tower of its own."""
    model = Model("m", "m", "text", (*others, Tower("text", hidden, (block,), 100, 100)), 1024)
    return layers(model)[-1]


@pytest.mark.parametrize("id", models.ids())
def test_layers_and_ends_hold_all_parameters(id):
    """Within 0.3 %: biases, head norms and the small vectors of scans are no matrices."""
    model, rest = models.find(id), ends(models.find(id))
    held = sum(layer.count * (layer.dense + layer.experts) for layer in layers(model))
    held += rest.embedding + rest.own_head + rest.extra
    seen = sum(tower_parameters(tower).total for tower in model.towers if not tower.optional)
    assert held == pytest.approx(seen, rel=0.003)
    assert held <= seen


@pytest.mark.parametrize("id", ["deepseek-v3", "mixtral-8x7b", "gpt-oss-120b", "nemotron-3-super", "grok-1"])
def test_a_token_passes_the_active_parameters(id):
    model, rest = models.find(id), ends(models.find(id))
    passed = rest.embedding + rest.own_head + rest.extra
    for layer in layers(model):
        passed += layer.count * (layer.dense + (layer.routed.active * layer.routed.size if layer.routed else 0))
    assert passed == pytest.approx(active_parameters(model), rel=0.003)


def test_an_optional_tower_is_left_out():
    model = models.find("llama-4-scout")
    assert sum(layer.count for layer in layers(model)) == 48
    assert ends(model).hidden == 5120
    assert parameters(model) > active_parameters(model)


def test_grouped_attention_and_a_gated_part():
    layer = one(Block(3, Attention(8, 2, 16), FeedForward(256)))
    assert layer.matrices == (
        Matrix(8 * 16 + 2 * 2 * 16, 64, "out"), Matrix(64, 8 * 16, "into"),
        Matrix(2 * 256, 64, "out", use="inner"), Matrix(64, 256, "into", use="inner"),
    )  # fmt: skip
    assert layer.cores == (Softmax(8, 2, 16, 16, None, True),)
    assert (layer.count, layer.parts, layer.pairs, layer.inner_width, layer.gated_inner) == (3, 2, 2, 256, True)
    assert layer.small == 2 * 64
    assert layer.experts == 0


def test_parallel_parts_share_one_exchange():
    assert one(Block(1, Attention(4, 4, 16), FeedForward(256), parallel=True)).pairs == 1
    assert one(Block(1, None, FeedForward(256))).pairs == 1
    assert one(Block(1, Attention(4, 4, 16), None)).pairs == 1


def test_a_gate_doubles_the_query_projection():
    plain, gated = (one(Block(1, Attention(4, 4, 16, gate=gate), None)) for gate in (False, True))
    assert gated.matrices[0].out - plain.matrices[0].out == 4 * 16


def test_experts_are_routed_and_shared_ones_dense():
    layer = one(Block(1, None, Experts(8, 2, 32, shared_width=48, gated=False, latent=16)))
    assert layer.routed == Routed(8, 2, 16, 32, False)
    assert layer.routed.size == 2 * 16 * 32
    assert layer.experts == 8 * layer.routed.size
    assert Matrix(8, 64, "none", use="router") in layer.matrices
    assert Matrix(48, 64, "out", use="inner") in layer.matrices
    assert sum(matrix.split == "none" for matrix in layer.matrices) == 3


def test_latent_attention_goes_down_to_its_latents_and_up():
    layer = layers(models.find("deepseek-v3"))[0]
    assert [m.out for m in layer.matrices if m.use == "down"] == [1536, 512 + 64]
    assert [m.into for m in layer.matrices if m.use == "up"] == [1536, 512]


def test_latent_attention_caches_its_latent():
    layer = layers(models.find("deepseek-v3"))[0]
    core = layer.cores[0]
    assert isinstance(core, Softmax)
    assert (core.heads, core.key, core.value, core.latent, core.latent_value) == (128, 192, 128, 576, 512)
    assert layer.latent
    assert not layer.scanned


def test_an_indexer_is_a_second_core_without_values():
    core, index = layers(models.find("deepseek-v3.2"))[0].cores
    assert isinstance(core, Softmax)
    assert isinstance(index, Softmax)
    assert (core.window, index.value, index.kv_heads, index.window) == (2048, 0, 1, None)


def test_state_space_and_linear_attention_are_scans():
    mamba = next(layer for layer in layers(models.find("nemotron-h-8b")) if layer.scanned)
    assert mamba.cores == (Scan(inner=8192, shared=1024, state=128, convolved=8192 + 2048, kernel=4),)
    assert mamba.parts == 1
    delta = next(layer for layer in layers(models.find("qwen3-next-80b-a3b")) if layer.scanned)
    assert delta.cores == (Scan(inner=4096, shared=2048, state=128, convolved=8192, kernel=4),)
    lightning = next(layer for layer in layers(models.find("minimax-text-01")) if layer.scanned)
    assert lightning.cores == (Scan(inner=8192, shared=8192, state=128, convolved=0, kernel=0),)


def test_cross_attention_sees_the_other_tower():
    other = Tower("vision", 32, (Block(1, Attention(2, 2, 16, causal=False), None),), tokens=256)
    layer = one(Block(1, None, None, cross=Attention(4, 4, 16, cross=32)), 64, other)
    assert layer.matrices[1] == Matrix(2 * 4 * 16, 32, "out", 256)
    assert layer.cores == (Softmax(4, 4, 16, 16, None, False, 256),)
    alone = one(Block(1, None, None, cross=Attention(4, 4, 16, cross=32, cross_tokens=77)))
    assert alone.matrices[1].length == 77
    assert alone.cores[0].keys == 77  # type: ignore[union-attr]


def test_ends():
    tied, own = ends(models.find("gemma-3-1b")), ends(models.find("llama-3.1-8b"))
    assert (tied.own_head, tied.head) == (0, 262_144 * 1152)
    assert own.own_head == own.head == own.embedding == 128_256 * 4096
    assert ends(models.find("gpt-2")).embedding == (50_257 + 1024) * 768
