"""A model's layers as the kernels see them: matrices, attention or scan cores, routed experts.

Parameters, FLOPs, memory and times are all read from this one list, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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

Split = Literal["out", "into", "none"]
Use = Literal["mixer", "down", "up", "inner", "router"]


@dataclass(frozen=True)
class Matrix:
    """A weight matrix of `into` x `out`; tensor parallelism cuts its columns ("out"), its rows ("into") or nothing.

    Attributes:
        length: tokens of one sequence that pass it, where they come from another tower; None has those of the layer.
        use: in the mixer ("down" and "up" to and from latent attention's latents), in the dense feed-forward part or
            shared experts ("inner"), or beside the experts ("router").
    """

    out: int
    into: int
    split: Split
    length: int | None = None
    use: Use = "mixer"

    @property
    def size(self) -> int:
        """Parameters."""
        return self.out * self.into


@dataclass(frozen=True)
class Softmax:
    """The core of an attention: scores, softmax, values.

    Attributes:
        heads, kv_heads: query heads; key and value heads.
        key, value: dimension per head.
        window: tokens a query sees behind it; None sees all.
        causal: a token sees only those before it.
        keys: keys there are, where they come from another tower; None has as many as queries.
        latent: numbers cached per token for all heads together (latent attention); 0 caches keys and values.
        latent_value: of them, the ones that values are made of.
        sinks: each head has a learned sink, which kernels must know of.
        normed: queries and keys are normalised before it; across: over all heads together.
    """

    heads: int
    kv_heads: int
    key: int
    value: int
    window: int | None
    causal: bool
    keys: int | None = None
    latent: int = 0
    latent_value: int = 0
    sinks: bool = False
    normed: bool = False
    across: bool = False


@dataclass(frozen=True)
class Scan:
    """The core of a state-space or linear-attention mixer.

    Attributes:
        inner: width of its values, all heads. shared: width of its keys (B and C of Mamba-2), all heads or groups.
        state: rows of the matrix state that each unit of `inner` has.
        convolved: channels of the causal convolution before it. kernel: its width.
    """

    inner: int
    shared: int
    state: int
    convolved: int
    kernel: int


@dataclass(frozen=True)
class Routed:
    """Routed experts of one layer.

    Attributes:
        count, active: experts; chosen per token.
        hidden, width: width of an expert's input and output; its inner width.
        gated: three matrices instead of two.
        biased: their matrices have biases.
    """

    count: int
    active: int
    hidden: int
    width: int
    gated: bool
    biased: bool = False

    @property
    def size(self) -> int:
        """Parameters of one expert."""
        return self.hidden * self.width * (3 if self.gated else 2)


@dataclass(frozen=True)
class Layer:
    """`count` equal layers.

    Attributes:
        count: how many.
        hidden: width of the residual stream.
        length: tokens of one sequence that pass through; None is the length of the sequence.
        matrices: dense weight matrices that every token passes.
        cores: attention and scan cores.
        routed: routed experts, if any.
        mixer_width: columns of queries, keys, values (or the scan's inputs).
        inner_width: inner width of the dense feed-forward part (shared experts), gated_inner: it is gated.
        small: parameters of norms, biases and modulation.
        parts: mixers and feed-forward parts, one after the other.
        pairs: all-gather and reduce-scatter pairs that tensor parallelism needs in one direction.
    """

    count: int
    hidden: int
    length: int | None
    matrices: tuple[Matrix, ...]
    cores: tuple[Softmax | Scan, ...]
    routed: Routed | None
    mixer_width: int
    inner_width: int
    gated_inner: bool
    small: int
    parts: int
    pairs: int

    @property
    def dense(self) -> int:
        """Parameters that every token passes, of one layer."""
        return sum(matrix.size for matrix in self.matrices) + self.small

    @property
    def experts(self) -> int:
        """Parameters of the routed experts, of one layer."""
        return self.routed.size * self.routed.count if self.routed else 0

    @property
    def scanned(self) -> bool:
        """One of its cores is a scan."""
        return any(isinstance(core, Scan) for core in self.cores)

    @property
    def normed(self) -> bool:
        """Queries and keys of one of its cores are normalised."""
        return any(isinstance(core, Softmax) and core.normed for core in self.cores)

    @property
    def across(self) -> bool:
        """They are so over all heads together."""
        return any(isinstance(core, Softmax) and core.across for core in self.cores)

    @property
    def latent(self) -> bool:
        """One of its cores is latent attention."""
        return any(isinstance(core, Softmax) and core.latent > 0 for core in self.cores)


def layers(model: Model) -> tuple[Layer, ...]:
    """The layers that every input passes, tower by tower; optional towers (an image encoder) are left out."""
    return tuple(_layer(block, tower, model) for tower in _passed(model) for block in tower.blocks)


def _passed(model: Model) -> tuple[Tower, ...]:
    return tuple(tower for tower in model.towers if not tower.optional)


@dataclass(frozen=True)
class Ends:
    """What a model has outside its layers.

    Attributes:
        embedding: parameters of token and position embeddings.
        head: of the output heads, whether or not they share the embedding's weights. own_head: those that do not.
        extra: parameters that are neither.
        outputs, hidden: of the main tower's head; its width.
    """

    embedding: int
    head: int
    own_head: int
    extra: int
    outputs: int
    hidden: int


def ends(model: Model) -> Ends:
    """What a model has outside its layers; optional towers are left out."""
    towers = _passed(model)
    return Ends(
        embedding=sum((tower.vocabulary + tower.positions) * tower.hidden for tower in towers),
        head=sum(tower.head * tower.hidden for tower in towers),
        own_head=sum(tower.head * tower.hidden for tower in towers if not tower.tied),
        extra=sum(tower.extra for tower in towers),
        outputs=model.main.head,
        hidden=model.main.hidden,
    )


def _layer(block: Block, tower: Tower, model: Model) -> Layer:
    matrices, cores = _mixer(block.mixer, tower, model)
    if block.cross is not None:
        more, core = _attention(block.cross, tower, model)
        matrices, cores = matrices + more, (*cores, core)
    width = sum(m.out for m in matrices if m.split == "out")
    dense, routed, inner, gated = _feed_forward(block.feed_forward, tower.hidden)
    mixers = (block.mixer is not None) + (block.cross is not None)
    return Layer(
        count=block.count,
        hidden=tower.hidden,
        length=tower.tokens,
        matrices=matrices + dense,
        cores=cores,
        routed=routed,
        mixer_width=width,
        inner_width=inner,
        gated_inner=gated,
        small=block.norms * tower.hidden * (2 if block.norm_bias else 1) + block.modulation,
        parts=mixers + (block.feed_forward is not None),
        pairs=1 if block.parallel else mixers + isinstance(block.feed_forward, FeedForward),
    )


def _mixer(mixer: Mixer | None, tower: Tower, model: Model) -> tuple[tuple[Matrix, ...], tuple[Softmax | Scan, ...]]:
    if mixer is None:
        return (), ()
    if isinstance(mixer, LatentAttention):
        return _latent(mixer, tower.hidden)
    if isinstance(mixer, Attention):
        matrices, core = _attention(mixer, tower, model)
    elif isinstance(mixer, StateSpace):
        matrices, core = _state_space(mixer, tower.hidden)
    else:
        matrices, core = _linear(mixer, tower.hidden)
    return matrices, (core,)


def _attention(mixer: Attention, tower: Tower, model: Model) -> tuple[tuple[Matrix, ...], Softmax]:
    hidden = tower.hidden
    queries = mixer.heads * mixer.head_dim
    pairs = 2 * mixer.kv_heads * mixer.head_dim
    asked = queries * (2 if mixer.gate else 1)
    other = _other_length(mixer, tower, model)
    if mixer.cross:
        inputs = (Matrix(asked, hidden, "out"), Matrix(pairs, mixer.cross, "out", other))
    else:
        inputs = (Matrix(asked + pairs, hidden, "out"),)
    core = Softmax(
        mixer.heads, mixer.kv_heads, mixer.head_dim, mixer.head_dim, mixer.window, mixer.causal and not mixer.cross,
        other, sinks=mixer.sinks, normed=mixer.norm, across=mixer.norm and mixer.norm_across,
    )  # fmt: skip
    return (*inputs, Matrix(hidden, queries, "into")), core


def _other_length(mixer: Attention, tower: Tower, model: Model) -> int | None:
    """Tokens of the tower that cross-attention looks at."""
    if not mixer.cross or mixer.cross_tokens:
        return mixer.cross_tokens or None
    others = [other.tokens for other in model.towers if other is not tower and other.hidden == mixer.cross]
    return next((tokens for tokens in others if tokens is not None), None)


def _latent(mixer: LatentAttention, hidden: int) -> tuple[tuple[Matrix, ...], tuple[Softmax, ...]]:
    key = mixer.nope_dim + mixer.rope_dim
    ask: tuple[Matrix, ...] = (Matrix(mixer.heads * key, hidden, "out", use="up"),)
    if mixer.q_rank is not None:
        wide = Matrix(mixer.heads * key, mixer.q_rank, "out", use="up")
        ask = (Matrix(mixer.q_rank, hidden, "none", use="down"), wide)
    tell = (
        Matrix(mixer.kv_rank + mixer.rope_dim, hidden, "none", use="down"),
        Matrix(mixer.heads * (mixer.nope_dim + mixer.value_dim), mixer.kv_rank, "out", use="up"),
    )
    core = Softmax(
        mixer.heads, mixer.heads, key, mixer.value_dim, mixer.index_top or None, True,
        latent=mixer.kv_rank + mixer.rope_dim, latent_value=mixer.kv_rank,
    )  # fmt: skip
    matrices = (*ask, *tell, Matrix(hidden, mixer.heads * mixer.value_dim, "into"))
    if not mixer.index_heads:
        return matrices, (core,)
    more, index = _indexer(mixer, hidden)
    return matrices + more, (core, index)


def _indexer(mixer: LatentAttention, hidden: int) -> tuple[tuple[Matrix, ...], Softmax]:
    """The indexer of sparse attention: scores over every key with one narrow key head, no values (arXiv 2512.02556).

    The keys it lets through are the core's window: as many, wherever they are.
    """
    asked = mixer.index_heads * mixer.index_dim
    matrices = (
        Matrix(asked, mixer.q_rank or hidden, "none"),
        Matrix(mixer.index_dim + mixer.index_heads, hidden, "none"),
    )
    return matrices, Softmax(mixer.index_heads, 1, mixer.index_dim, 0, None, True)


def _state_space(mixer: StateSpace, hidden: int) -> tuple[tuple[Matrix, ...], Scan]:
    inner, shared = mixer.heads * mixer.head_dim, mixer.groups * mixer.state
    first = Matrix(2 * inner + 2 * shared + mixer.heads, hidden, "out")
    core = Scan(inner, shared, mixer.state, inner + 2 * shared, mixer.kernel)
    return (first, Matrix(hidden, inner, "into")), core


def _linear(mixer: LinearAttention, hidden: int) -> tuple[tuple[Matrix, ...], Scan]:
    inner, shared = mixer.value_heads * mixer.value_dim, mixer.key_heads * mixer.key_dim
    gates = 2 * mixer.value_heads if mixer.delta else 0
    first = Matrix(2 * inner + 2 * shared + gates, hidden, "out")
    core = Scan(inner, shared, mixer.key_dim, inner + 2 * shared if mixer.kernel else 0, mixer.kernel)
    return (first, Matrix(hidden, inner, "into")), core


def _feed_forward(
    part: FeedForward | Experts | None, hidden: int
) -> tuple[tuple[Matrix, ...], Routed | None, int, bool]:
    if part is None:
        return (), None, 0, False
    if isinstance(part, FeedForward):
        return _two(hidden, part.width, part.gated), None, part.width, part.gated
    inside = part.latent or hidden
    router = Matrix(part.count, hidden, "none", use="router")
    reach = tuple(Matrix(*size, "none", use="router") for size in ((inside, hidden), (hidden, inside)) if part.latent)
    shared = _two(hidden, part.shared_width, part.gated) if part.shared_width else ()
    routed = Routed(part.count, part.active, inside, part.width, part.gated, part.bias)
    return (router, *reach, *shared), routed, part.shared_width, part.gated


def _two(hidden: int, width: int, gated: bool) -> tuple[Matrix, ...]:
    first = Matrix(width * (2 if gated else 1), hidden, "out", use="inner")
    return first, Matrix(hidden, width, "into", use="inner")
