"""A model's architecture: towers of blocks, each with a mixer and a feed-forward part.

This is what the performance models read. It says nothing of weights, only of shapes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attention:
    """Softmax attention; multi-head, grouped-query or multi-query.

    Attributes:
        heads, kv_heads: query heads; key and value heads.
        head_dim: of queries, keys and values.
        window: tokens a query sees behind it; None sees all.
        causal: a token sees only those before it.
        bias: on query, key and value projections; out_bias on the output projection.
        norm: query and key are normalised, per head or, where `norm_across`, over all heads together.
        gate: the output is gated by a projection of the input (doubles the query projection).
        cross: keys and values come from another tower of this many hidden units; 0 is self-attention.
        cross_tokens: tokens that bring them, where that tower is no part of the model (a text encoder in front of a
            video model); 0 asks the tower of that width.
        sinks: one learned sink per head.
    """

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None = None
    causal: bool = True
    bias: bool = False
    out_bias: bool = False
    norm: bool = False
    norm_across: bool = False
    gate: bool = False
    cross: int = 0
    cross_tokens: int = 0
    sinks: bool = False


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2): keys and values from one compressed latent.

    Attributes:
        heads: query heads.
        q_rank: rank of the query's compression; None projects directly.
        kv_rank: rank of the latent that is cached.
        nope_dim, rope_dim: per head, without and with rotary position; the rotary key is shared by all heads.
        value_dim: of values, per head.
        index_heads, index_dim, index_top: the indexer of sparse attention (DeepSeek-V3.2): its query heads, the width
            of its one cached key, and how many tokens it lets each query see; 0 sees all.
    """

    heads: int
    q_rank: int | None
    kv_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    index_heads: int = 0
    index_dim: int = 0
    index_top: int = 0


@dataclass(frozen=True)
class StateSpace:
    """Mamba-2 mixer (arXiv 2405.21060).

    Attributes:
        heads, head_dim: the inner width is their product.
        state: state size per head.
        groups: groups that share B and C.
        kernel: width of the causal convolution.
    """

    heads: int
    head_dim: int
    state: int
    groups: int
    kernel: int
    bias: bool = False


@dataclass(frozen=True)
class LinearAttention:
    """Linear attention with a matrix state per head: gated delta net, lightning attention.

    Attributes:
        key_heads, value_heads: heads of queries and keys; of values.
        key_dim, value_dim: per head.
        kernel: width of the causal convolution before it; 0 has none.
        delta: the delta rule with its decay and beta gates (Gated DeltaNet); otherwise plain (lightning attention).
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    kernel: int = 0
    delta: bool = True


@dataclass(frozen=True)
class FeedForward:
    """A dense feed-forward part: two matrices, or three when gated (SwiGLU)."""

    width: int
    gated: bool = True
    bias: bool = False


@dataclass(frozen=True)
class Experts:
    """A mixture of experts.

    Attributes:
        count: routed experts; active: chosen per token.
        width: inner width of one routed expert.
        shared_width: inner width of the experts that every token passes, together; 0 has none.
        gated: three matrices per expert instead of two.
        shared_gate: the shared expert's output is scaled by a learned gate.
        router_bias: one learned bias per expert (auxiliary-loss-free balancing).
        bias: on the expert matrices and the router.
        latent: experts work in this narrower width, with a projection on either side (LatentMoE); 0 does not.
    """

    count: int
    active: int
    width: int
    shared_width: int = 0
    gated: bool = True
    shared_gate: bool = False
    router_bias: bool = False
    bias: bool = False
    latent: int = 0


Mixer = Attention | LatentAttention | StateSpace | LinearAttention


@dataclass(frozen=True)
class Block:
    """`count` equal layers: a mixer, a mixer that looks at another tower, a feed-forward part; any may be absent.

    Attributes:
        norms: normalisations in one layer.
        modulation: parameters of a layer's modulation by time step or condition (diffusion transformers).
        parallel: mixer and feed-forward run side by side on one normalised input (GPT-J, Falcon).
    """

    count: int
    mixer: Mixer | None
    feed_forward: FeedForward | Experts | None
    cross: Attention | None = None
    norms: int = 2
    norm_bias: bool = False
    modulation: int = 0
    parallel: bool = False


@dataclass(frozen=True)
class Tower:
    """A stack of blocks of one hidden width.

    Attributes:
        name: "text", "vision", "action", "video", ...
        hidden: width.
        blocks: in order; equal layers may be gathered, whatever their order in the model.
        vocabulary: tokens of the embedding; 0 has none.
        head: outputs of the head; 0 has none. tied: it shares the embedding's weights.
        positions: learned position embeddings; 0 has none.
        tokens: tokens that one input brings into this tower; None is the length of the sequence.
        optional: only an input of its kind passes it (an image shown to a language model); text tokens do not.
        extra: parameters of patch embedding, projectors, final norms and the like.
    """

    name: str
    hidden: int
    blocks: tuple[Block, ...]
    vocabulary: int = 0
    head: int = 0
    tied: bool = False
    positions: int = 0
    tokens: int | None = None
    extra: int = 0
    optional: bool = False


@dataclass(frozen=True)
class Model:
    """One architecture.

    Attributes:
        id: as in the catalogue, or the name of the file it was read from.
        name: as its makers write it.
        kind: what its tokens are.
        towers: the last one produces the output.
        context: longest sequence.
        aliases: other names that find it (Hugging Face paths, short names).
        published: parameter count that its makers state, and published_active per token (None: not stated).
        source: where the shapes are from.
    """

    id: str
    name: str
    kind: str
    towers: tuple[Tower, ...]
    context: int
    aliases: tuple[str, ...] = ()
    published: float | None = None
    published_active: float | None = None
    source: str = ""

    @property
    def main(self) -> Tower:
        """The tower that produces the output."""
        return self.towers[-1]

    @property
    def one_pass(self) -> bool:
        """Its output comes out of one pass over all of its tokens (encoders, diffusion), not token after token."""
        mixers = [block.mixer for block in self.main.blocks]
        return any(isinstance(mixer, Attention) and not mixer.causal for mixer in mixers)
