"""Parameter, cache and state counts by number, from small shapes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.spec.model import (
    Attention,
    Block,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
    Model,
    StateSpace,
    Tower,
)
from firstlight.spec.parameters import (
    active_parameters,
    block_parameters,
    cache_bytes,
    cache_bytes_per_token,
    cache_values,
    mixer_parameters,
    parameters,
    state_bytes,
    tower_parameters,
)

H = 10


def model(*blocks: Block, **tower: int | bool) -> Model:
    return Model("m", "m", "text", (Tower("text", H, blocks, **tower),), 1024)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mixer", "count"),
    [
        (Attention(4, 4, 3), 4 * 12 * H),
        (Attention(4, 2, 3), 12 * H + 2 * 6 * H + 12 * H),
        (Attention(4, 1, 3, bias=True), 12 * H + 2 * 3 * H + 12 * H + 12 + 2 * 3),
        (Attention(4, 4, 3, out_bias=True), 4 * 12 * H + H),
        (Attention(4, 4, 3, norm=True), 4 * 12 * H + 2 * 3),
        (Attention(4, 4, 3, gate=True), 5 * 12 * H),
        (Attention(4, 4, 3, sinks=True), 4 * 12 * H + 4),
        (Attention(4, 4, 3, cross=7), 2 * 12 * H + 2 * 12 * 7),
        (Attention(4, 4, 3, window=5), 4 * 12 * H),
        # queries; latent and rotary key, with a norm; keys and values from the latent; output
        (LatentAttention(2, None, 6, 4, 3, 5), 2 * 7 * H + H * 9 + 6 + 6 * 2 * 9 + 2 * 5 * H),
        (LatentAttention(2, 8, 6, 4, 3, 5), H * 8 + 8 + 8 * 2 * 7 + H * 9 + 6 + 6 * 2 * 9 + 2 * 5 * H),
        # input (gate, x, B, C, step), output; convolution with bias; A, D, step bias; norm
        (StateSpace(2, 3, 4, 1, 4), H * (2 * 6 + 8 + 2) + 6 * H + (6 + 8) * 5 + 3 * 2 + 6),
        (StateSpace(2, 3, 4, 1, 4, bias=True), H * (12 + 8 + 2) + 6 * H + (12 + 8 + 2) + H + 14 * 5 + 6 + 6),
        # queries, keys, values, gate, output; convolution; two gates per head with A and step bias; norm of a head
        (LinearAttention(2, 4, 3, 5, kernel=4), H * (2 * 6 + 3 * 20) + 32 * 4 + 2 * 4 * H + 2 * 4 + 5),
        (LinearAttention(4, 4, 3, 3, delta=False), H * (2 * 12 + 3 * 12) + 12),
    ],
)
def test_mixers(mixer, count):
    assert mixer_parameters(mixer, H) == count


def test_an_indexer_comes_on_top():
    plain = LatentAttention(2, 8, 6, 4, 3, 5)
    sparse = LatentAttention(2, 8, 6, 4, 3, 5, index_heads=4, index_dim=3, index_top=16)
    # queries from the compressed query; one key with its layer norm; a weight per head
    assert mixer_parameters(sparse, H) - mixer_parameters(plain, H) == 8 * 12 + H * 3 + 2 * 3 + H * 4


@pytest.mark.parametrize(
    ("part", "dense"),
    [
        (FeedForward(20), 3 * H * 20),
        (FeedForward(20, gated=False), 2 * H * 20),
        (FeedForward(20, bias=True), 3 * H * 20 + 40 + H),
        (FeedForward(20, gated=False, bias=True), 2 * H * 20 + 20 + H),
    ],
)
def test_dense_parts(part, dense):
    counted = block_parameters(Block(1, None, part), H)
    assert (counted.feed_forward, counted.router, counted.experts) == (dense, 0, 0)
    assert counted.total == counted.active == dense + 2 * H


@pytest.mark.parametrize(
    ("part", "router", "one", "shared"),
    [
        (Experts(8, 2, 5), 8 * H, 3 * H * 5, 0),
        (Experts(8, 2, 5, gated=False), 8 * H, 2 * H * 5, 0),
        (Experts(8, 2, 5, router_bias=True), 8 * H + 8, 3 * H * 5, 0),
        (Experts(8, 2, 5, bias=True), 8 * H + 8, 3 * H * 5 + 10 + H, 0),
        (Experts(8, 2, 5, shared_width=7), 8 * H, 3 * H * 5, 3 * H * 7),
        (Experts(8, 2, 5, shared_width=7, shared_gate=True), 8 * H, 3 * H * 5, 3 * H * 7 + H),
        (Experts(8, 2, 5, latent=4), 8 * H + 2 * 4 * H, 3 * 4 * 5, 0),
    ],
)
def test_experts(part, router, one, shared):
    counted = block_parameters(Block(1, None, part), H)
    assert (counted.router, counted.experts, counted.chosen, counted.shared) == (router, 8 * one, 2 * one, shared)
    assert counted.total - counted.active == 6 * one


def test_norms_and_modulation():
    assert block_parameters(Block(1, None, None, norms=4), H).total == 4 * H
    assert block_parameters(Block(1, None, None, norms=1, norm_bias=True, modulation=60), H).total == 2 * H + 60


def test_ends_of_a_tower():
    counted = tower_parameters(Tower("text", H, (), vocabulary=100, head=50, positions=20, extra=3))
    assert (counted.embedding, counted.head, counted.extra) == (120 * H, 50 * H, 3)
    assert tower_parameters(Tower("text", H, (), vocabulary=100, head=100, tied=True)).total == 100 * H


def test_a_model_is_its_towers_and_an_optional_one_is_not_active():
    image = Tower("vision", 4, (Block(2, Attention(1, 1, 4, causal=False), None),), optional=True)
    text = model(Block(3, None, FeedForward(20))).towers[0]
    both = Model("m", "m", "text", (image, text), 1024)
    assert parameters(both) == 2 * (64 + 8) + 3 * (600 + 20)
    assert active_parameters(both) == 3 * (600 + 20)


@pytest.mark.parametrize(
    ("mixer", "values"),
    [
        (Attention(8, 8, 4), 64), (Attention(8, 2, 4), 16), (Attention(8, 1, 4), 8), (Attention(8, 8, 4, window=9), 64),
        (Attention(8, 8, 4, causal=False), 0), (Attention(8, 8, 4, cross=5), 0), (None, 0),
        (LatentAttention(8, None, 512, 128, 64, 128), 576),
        (LatentAttention(8, 8, 512, 128, 64, 128, index_heads=4, index_dim=128), 704),
        (StateSpace(2, 3, 4, 1, 4), 0), (LinearAttention(2, 4, 3, 5), 0),
    ],
)  # fmt: skip
def test_values_cached_per_token(mixer, values):
    assert cache_values(mixer) == values


def test_a_window_bounds_the_cache():
    windowed = model(Block(3, Attention(2, 2, 4, window=100), None), Block(1, Attention(2, 2, 4), None))
    sizes = cache_bytes(windowed, np.array([50.0, 100.0, 1000.0]), 2.0)
    assert sizes.tolist() == [4 * 50 * 32, 4 * 100 * 32, (3 * 100 + 1000) * 32]
    assert float(cache_bytes_per_token(windowed, 1.0)) == 4 * 16
    assert float(cache_bytes_per_token(windowed, 1.0, 1000.0)) == pytest.approx(1.3 * 16)


def test_state_does_not_grow():
    hybrid = model(
        Block(2, StateSpace(2, 3, 4, 1, 4), None), Block(1, LinearAttention(2, 4, 3, 5, kernel=4), None),
        Block(1, LinearAttention(4, 4, 3, 3, delta=False), None), Block(5, Attention(2, 2, 4), None),
    )  # fmt: skip
    mamba, delta, lightning = 6 * 4 + 14 * 3, 4 * 3 * 5 + 32 * 3, 4 * 3 * 3
    assert state_bytes(hybrid) == 4 * (2 * mamba + delta + lightning)
    assert state_bytes(hybrid, 2.0) == 2 * (2 * mamba + delta + lightning)
    assert state_bytes(model(Block(5, Attention(2, 2, 4), None))) == 0


@given(
    heads=st.integers(1, 64), groups=st.integers(1, 8), dim=st.integers(1, 256), hidden=st.integers(1, 10**5),
    width=st.integers(1, 10**5), count=st.integers(1, 512), layers=st.integers(1, 200),
)  # fmt: skip
def test_more_of_anything_is_never_less(heads, groups, dim, hidden, width, count, layers):
    block = Block(layers, Attention(heads * groups, groups, dim), Experts(count, 1, width))
    deeper = Block(layers + 1, Attention(heads * groups, groups, dim), Experts(count, 1, width))
    counted, more = (tower_parameters(Tower("text", hidden, (each,))) for each in (block, deeper))
    assert more.total > counted.total >= counted.active > 0
    assert counted.total == counted.active or count > 1
    full = mixer_parameters(Attention(heads * groups, heads * groups, dim), hidden)
    assert mixer_parameters(Attention(heads * groups, groups, dim), hidden) <= full
