"""How many parameters a model has, and how many bytes a sequence keeps: counted from the shapes alone.

Counts are exact sums of the matrices that the architecture papers define (Attention: arXiv 1706.03762, grouped-query:
2305.13245, latent: 2405.04434, Mamba-2: 2405.21060, gated delta net: 2412.06464, lightning attention: 2501.08313).
They are checked against the counts that the makers publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firstlight.spec.model import (
    Attention,
    Block,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
    Mixer,
    Model,
    StateSpace,
    Tower,
)

if TYPE_CHECKING:  # numpy takes as long to load as all documents: only where it is used
    import numpy as np
    from numpy.typing import NDArray

    Context = float | NDArray[np.float64]


@dataclass(frozen=True)
class BlockParameters:
    """Parameters of one layer of a block, by component.

    Attributes:
        mixer: attention or state-space part, cross-attention included.
        feed_forward: dense part.
        router: what chooses the experts, and the projections into and out of their latent width.
        experts: all routed experts; chosen: those that one token passes; shared: those that every token passes.
        norms: normalisations and the modulation of diffusion transformers.
    """

    mixer: float
    feed_forward: float
    router: float
    experts: float
    chosen: float
    shared: float
    norms: float

    @property
    def total(self) -> float:
        """All of the layer."""
        return self.mixer + self.feed_forward + self.router + self.experts + self.shared + self.norms

    @property
    def active(self) -> float:
        """What one token passes."""
        return self.total - self.experts + self.chosen


@dataclass(frozen=True)
class TowerParameters:
    """Parameters of one tower, by component.

    Attributes:
        embedding: of tokens and learned positions.
        head: of its own; 0 where it shares the embedding's weights.
        extra: patch embedding, projectors, final norms.
        blocks: one layer each, in the order of the tower's blocks; counts: how many layers each stands for.
    """

    embedding: float
    head: float
    extra: float
    blocks: tuple[BlockParameters, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> float:
        """All of the tower."""
        return self._ends + sum(n * block.total for n, block in zip(self.counts, self.blocks, strict=True))

    @property
    def active(self) -> float:
        """All but the routed experts that a token is not sent to."""
        return self._ends + sum(n * block.active for n, block in zip(self.counts, self.blocks, strict=True))

    @property
    def _ends(self) -> float:
        return self.embedding + self.head + self.extra


def parameters(model: Model) -> float:
    """All parameters of a model, every tower counted."""
    return sum(tower_parameters(tower).total for tower in model.towers)


def active_parameters(model: Model) -> float:
    """Parameters that serve one token: all but the routed experts it is not sent to and the towers it does not pass.

    The embedding counts whole, as most makers count it (OpenAI leaves it out).
    """
    return sum(tower_parameters(tower).active for tower in model.towers if not tower.optional)


def tower_parameters(tower: Tower) -> TowerParameters:
    """The parameters of one tower, by component."""
    return TowerParameters(
        embedding=float(tower.vocabulary + tower.positions) * tower.hidden,
        head=0.0 if tower.tied else float(tower.head) * tower.hidden,
        extra=float(tower.extra),
        blocks=tuple(block_parameters(block, tower.hidden) for block in tower.blocks),
        counts=tuple(block.count for block in tower.blocks),
    )


def block_parameters(block: Block, hidden: int) -> BlockParameters:
    """The parameters of one layer of a block in a tower of this hidden width, by component."""
    dense, experts = 0.0, (0.0, 0.0, 0.0, 0.0)
    if isinstance(block.feed_forward, FeedForward):
        part = block.feed_forward
        dense = _matrices(hidden, part.width, part.gated, part.bias)
    elif isinstance(block.feed_forward, Experts):
        experts = _experts(block.feed_forward, hidden)
    mixer = 0.0 if block.mixer is None else mixer_parameters(block.mixer, hidden)
    cross = 0.0 if block.cross is None else mixer_parameters(block.cross, hidden)
    norms = float(block.norms * hidden * (2 if block.norm_bias else 1) + block.modulation)
    return BlockParameters(mixer + cross, dense, *experts, norms)


def mixer_parameters(mixer: Mixer, hidden: int) -> float:
    """The parameters of one layer's mixer in a tower of this hidden width."""
    if isinstance(mixer, Attention):
        return _attention(mixer, hidden)
    if isinstance(mixer, LatentAttention):
        return _latent(mixer, hidden)
    if isinstance(mixer, StateSpace):
        return _state_space(mixer, hidden)
    return _linear(mixer, hidden)


def _attention(a: Attention, hidden: int) -> float:
    queries, keys = a.heads * a.head_dim, a.kv_heads * a.head_dim
    weights = queries * hidden * (2 if a.gate else 1) + 2 * keys * (a.cross or hidden) + queries * hidden
    biases = (queries + 2 * keys if a.bias else 0) + (hidden if a.out_bias else 0)
    norms = (queries + keys if a.norm_across else 2 * a.head_dim) if a.norm else 0
    return float(weights + biases + norms + (a.heads if a.sinks else 0))


def _latent(a: LatentAttention, hidden: int) -> float:
    queries = a.heads * (a.nope_dim + a.rope_dim)
    query = queries * hidden if a.q_rank is None else a.q_rank * (hidden + queries + 1)
    latent = hidden * (a.kv_rank + a.rope_dim) + a.kv_rank
    keys_and_values = a.kv_rank * a.heads * (a.nope_dim + a.value_dim)
    output = a.heads * a.value_dim * hidden
    return float(query + latent + keys_and_values + output + _indexer(a, hidden))


def _indexer(a: LatentAttention, hidden: int) -> int:
    """Queries from the compressed query, one key with its layer norm, a weight per head (arXiv 2512.02556)."""
    if not a.index_heads:
        return 0
    queries = (a.q_rank or hidden) * a.index_heads * a.index_dim
    return queries + hidden * a.index_dim + 2 * a.index_dim + hidden * a.index_heads


def _state_space(s: StateSpace, hidden: int) -> float:
    inner, groups = s.heads * s.head_dim, 2 * s.groups * s.state
    entry, convolved = 2 * inner + groups + s.heads, inner + groups
    projections = hidden * (entry + inner) + (entry + hidden if s.bias else 0)
    return float(projections + convolved * (s.kernel + 1) + 3 * s.heads + inner)


def _linear(a: LinearAttention, hidden: int) -> float:
    keys, values = a.key_heads * a.key_dim, a.value_heads * a.value_dim
    projections = hidden * (2 * keys + 3 * values)
    convolution = (2 * keys + values) * a.kernel
    if a.delta:
        return float(projections + convolution + a.value_heads * (2 * hidden + 2) + a.value_dim)
    return float(projections + convolution + values)


def _matrices(hidden: int, width: int, gated: bool, bias: bool) -> float:
    inner = 2 * width if gated else width
    return float(hidden * (inner + width) + (inner + hidden if bias else 0))


def _experts(e: Experts, hidden: int) -> tuple[float, float, float, float]:
    """Router, all routed experts, chosen ones, shared ones."""
    entry = e.latent or hidden
    one = _matrices(entry, e.width, e.gated, e.bias)
    router = hidden * e.count + e.count * (e.router_bias + e.bias) + 2 * e.latent * hidden
    shared = _matrices(hidden, e.shared_width, e.gated, e.bias) if e.shared_width else 0.0
    return float(router), e.count * one, e.active * one, shared + (hidden if e.shared_gate else 0)


def cache_values(mixer: Mixer | None) -> int:
    """Values that one layer caches per token: keys and values, or the latent with its rotary key."""
    if isinstance(mixer, Attention):
        return 2 * mixer.kv_heads * mixer.head_dim if mixer.causal and not mixer.cross else 0
    if isinstance(mixer, LatentAttention):
        return mixer.kv_rank + mixer.rope_dim + mixer.index_dim
    return 0


def cache_bytes(model: Model, context: Context, bytes_per_value: float) -> NDArray[np.float64]:
    """Key-value cache of one sequence [B], the shape of `context`.

    Args:
        model: the main tower is what decodes, and what caches.
        context: tokens in the sequence; a layer with a window keeps no more than the window.
        bytes_per_value: 2 for BF16, 1 for FP8 [B].
    """
    import numpy as np

    tokens = np.asarray(context, dtype=np.float64)
    total = np.zeros_like(tokens)
    for block in model.main.blocks:
        window = block.mixer.window if isinstance(block.mixer, Attention) else None
        kept = tokens if window is None else np.minimum(tokens, window)
        total = total + block.count * cache_values(block.mixer) * kept
    return total * bytes_per_value


def cache_bytes_per_token(model: Model, bytes_per_value: float, context: Context = 1.0) -> NDArray[np.float64]:
    """Key-value cache per token [B], as the mean over a sequence of `context` tokens; short ones fill no window."""
    return cache_bytes(model, context, bytes_per_value) / context


def state_bytes(model: Model, bytes_per_value: float = 4.0) -> float:
    """State that state-space and linear attention layers keep of one sequence, whatever its length [B].

    The matrix state of each head and the last inputs of the convolution; serving engines keep it in FP32.
    """
    return bytes_per_value * sum(block.count * _state_values(block.mixer) for block in model.main.blocks)


def _state_values(mixer: Mixer | None) -> int:
    if isinstance(mixer, StateSpace):
        convolved = mixer.heads * mixer.head_dim + 2 * mixer.groups * mixer.state
        return mixer.heads * mixer.head_dim * mixer.state + convolved * (mixer.kernel - 1)
    if isinstance(mixer, LinearAttention):
        convolved = 2 * mixer.key_heads * mixer.key_dim + mixer.value_heads * mixer.value_dim
        return mixer.value_heads * mixer.key_dim * mixer.value_dim + convolved * max(mixer.kernel - 1, 0)
    return 0
