"""FLOPs against published figures and against the formulas of Megatron and of the 6 N D rule."""

from __future__ import annotations

import pytest

from firstlight.performance.flops import core_flops, forward_flops, layer_flops, training_flops
from firstlight.performance.shapes import Scan, Softmax, layers
from firstlight.spec import models
from firstlight.spec.parameters import active_parameters


def per_token(id: str, sequence: int) -> float:
    return training_flops(models.find(id), sequence) / sequence


@pytest.mark.parametrize(
    ("id", "layers", "hidden"),
    [("gpt-3-175b", 96, 12288), ("megatron-1008b", 128, 25600), ("mt-nlg-530b", 105, 20480), ("gpt-2-xl", 48, 1600)],
)
def test_gpt_is_megatron_s_formula_with_half_the_scores(id, layers, hidden):
    """72 s l h^2 (1 + s / 6h) + 6 s h V without recomputation (arXiv 2104.04473, appendix); masks halve the scores."""
    model, s = models.find(id), 1024
    formula = 72 * s * layers * hidden**2 * (1 + s / (12 * hidden)) + 6 * s * hidden * model.main.head
    assert training_flops(model, s) == pytest.approx(formula, rel=1e-9)


@pytest.mark.parametrize(("id", "gigaflops", "within"), [
    ("deepseek-v2", 155, 0.005), ("deepseek-v3", 250, 0.005), ("llama-3.1-405b", 2448, 0.015),
])  # fmt: skip
def test_training_flops_per_token_are_the_published_ones(id, gigaflops, within):
    """At 4,096 tokens, causal (arXiv 2505.09343, table 2)."""
    assert per_token(id, 4096) == pytest.approx(gigaflops * 1e9, rel=within)


def test_llama_3_took_what_its_makers_say():
    """3.8e25 FLOPs for 15.6T tokens is 6 N D (arXiv 2407.21783): attention comes on top of it, 4 % at 8,192 tokens."""
    model = models.find("llama-3.1-405b")
    scores = 3 * 126 * core_flops(layers(model)[0].cores, 8192) / 8192
    assert per_token("llama-3.1-405b", 8192) * 15.6e12 == pytest.approx(3.8e25, rel=0.05)
    assert (per_token("llama-3.1-405b", 8192) - scores) * 15.6e12 == pytest.approx(3.8e25, rel=0.01)


def test_gpt_3_took_what_its_makers_say():
    """3.14e23 FLOPs for 300B tokens (arXiv 2005.14165, table D.1), attention left out."""
    assert per_token("gpt-3-175b", 2048) * 300e9 == pytest.approx(3.14e23, rel=0.02)


@pytest.mark.parametrize(
    "id", ["llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "qwen3.5-397b-a17b", "nemotron-3-super", "bloom-176b"]
)
def test_a_short_sequence_takes_six_flops_a_parameter(id):
    """All that is active but the embedding, which is looked up; an embedding that is the head too is multiplied."""
    model = models.find(id)
    looked_up = 0 if model.main.tied else model.main.vocabulary * model.main.hidden
    assert training_flops(model, 1) == pytest.approx(6 * (active_parameters(model) - looked_up), rel=0.02)


def test_training_is_three_times_forward():
    model = models.find("gpt-oss-20b")
    assert training_flops(model, 4096) == 3 * forward_flops(model, 4096)


def test_windows_make_long_sequences_linear():
    windowed, full = models.find("mistral-7b"), models.find("mistral-7b-v0.3")
    assert forward_flops(windowed, 131_072) < 0.6 * forward_flops(full, 131_072)
    more = forward_flops(windowed, 131_072) - forward_flops(windowed, 65_536)
    assert more == pytest.approx(forward_flops(windowed, 65_536), rel=0.01)


def test_scans_are_linear_in_the_sequence():
    model = models.find("mamba2-2.7b")
    assert forward_flops(model, 8192) == pytest.approx(8 * forward_flops(model, 1024))


def test_sparse_attention_sees_what_its_indexer_lets_through():
    """DeepSeek-V3.2 sees 2,048 tokens: at 131,072 its cores take far less than V3's, its indexer included."""
    sparse, dense = (forward_flops(models.find(id), 131_072) for id in ("deepseek-v3.2", "deepseek-v3"))
    assert sparse < 0.5 * dense


def test_a_video_model_looks_at_a_text_of_fixed_length():
    """Cross-attention over 512 tokens of text: per token its cost does not grow with the video."""
    model = models.find("wan2.1-t2v-14b")
    (block,) = layers(model)
    own, cross = block.cores
    assert (own.keys, cross.keys) == (None, 512)  # type: ignore[union-attr]
    assert core_flops([cross], 75_600) == pytest.approx(75.6 * core_flops([cross], 1000))
    assert core_flops([own], 75_600) > 100 * core_flops([cross], 75_600)
    assert sum(matrix.length == 512 for matrix in block.matrices) == 1


def test_a_robot_s_images_cost_the_same_whatever_the_text():
    model = models.find("openvla-7b")
    images = [layer for layer in layers(model) if layer.length is not None]
    assert len(images) == 2
    for layer in images:
        assert layer_flops(layer, 10) == layer_flops(layer, 1000) > 0


def test_an_optional_tower_costs_text_nothing():
    seeing, blind = models.find("qwen3-vl-8b"), models.find("qwen3-8b")
    assert forward_flops(seeing, 4096) == forward_flops(blind, 4096)


def test_cores_by_number():
    full = Softmax(heads=4, kv_heads=2, key=64, value=32, window=None, causal=False)
    assert core_flops([full], 100) == 2 * 100 * 100 * 4 * (64 + 32)
    causal = Softmax(heads=4, kv_heads=2, key=64, value=32, window=None, causal=True)
    assert core_flops([causal], 100) == core_flops([full], 100) / 2
    assert core_flops([Scan(inner=128, shared=16, state=32, convolved=160, kernel=4)], 100) == 4 * 100 * 128 * 32
    assert core_flops([], 100) == 0
