"""The model of a measured run: the shipped one of that name, or one made of the row's columns."""

from __future__ import annotations

from dataclasses import replace

from firstlight.errors import UsageError
from firstlight.operate.validation.table import CellError, Row
from firstlight.spec import models
from firstlight.spec.model import Attention, Block, Experts, FeedForward, LatentAttention, Model, Tower

VOCABULARY = 51_200
"""GPT-2's, padded as Megatron does."""
LATENT = LatentAttention(heads=128, q_rank=1536, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
"""DeepSeek-V3's (arXiv 2412.19437), but for its heads."""
WINDOW = 4096


def model_of(row: Row, told: list[str]) -> Model:
    """The shipped model of that name where its shapes agree, or cut to fewer layers where the row says how many of them
    are the dense ones that lead; else one made of the row's columns.

    Args:
        row: of a case file.
        told: what the row leaves empty and was taken by default is added here.

    Raises:
        CellError: a cell that no default stands for is empty, or impossible.
    """
    depth, hidden = row.needed("layers"), row.needed("hidden")
    named = _shipped(row.text("model"))
    leading = row.count("dense_layers", 0)
    if named and leading is not None:
        return _cut(named, leading, depth)
    if named and named.main.hidden == hidden and sum(block.count for block in named.main.blocks) == depth:
        return named
    heads = row.count("heads")
    if heads is None:
        heads = _likely_heads(hidden, row.count("tp") or 1)
        told.append(f"heads {heads}")
    vocabulary = row.count("vocab")
    if vocabulary is None:
        vocabulary = VOCABULARY
        told.append(f"vocab {vocabulary}")
    gated = row.flag("gated_mlp") or False
    tied = row.flag("tied_embeddings")
    if tied is None:
        tied = not gated
        told.append(f"tied_embeddings {int(tied)}")
    part = _feed_forward(row, hidden, gated)
    blocks = tuple(Block(count, mixer, part) for count, mixer in _mixers(row, hidden, heads, depth, told))
    tower = Tower("text", hidden, blocks, vocabulary=vocabulary, head=vocabulary, tied=tied)
    return Model(row.text("model") or "model", row.text("model"), "text", (tower,), context=2**24)


def _cut(model: Model, leading: int, depth: int) -> Model:
    """The model with so many layers, of them so many dense ones that lead; the rest are those with experts."""
    blocks = model.main.blocks
    if len(blocks) != 2 or not isinstance(blocks[1].feed_forward, Experts):
        raise CellError(f"dense_layers: {model.id} does not begin with dense layers")
    if not 0 < leading < depth or leading > blocks[0].count or depth - leading > blocks[1].count:
        raise CellError(f"dense_layers: {leading} of {depth} layers; {model.id} has {blocks[0].count} that lead")
    kept = replace(blocks[0], count=leading), replace(blocks[1], count=depth - leading)
    return replace(model, towers=tuple(replace(t, blocks=kept) if t is model.main else t for t in model.towers))


def _likely_heads(hidden: int, tensor: int) -> int:
    """Heads of nearly 128 that divide the width, and that tensor parallelism divides."""
    fitting = [heads for heads in range(tensor, hidden + 1, tensor) if hidden % heads == 0]
    if not fitting:
        raise CellError(f"heads: empty, and no number of heads goes into hidden {hidden} and tp {tensor}")
    return min(fitting, key=lambda heads: abs(hidden / heads - 128))


def _shipped(name: str) -> Model | None:
    try:
        return models.find(name) if name else None
    except UsageError:
        return None


def _mixers(
    row: Row, hidden: int, heads: int, depth: int, told: list[str]
) -> tuple[tuple[int, Attention | LatentAttention], ...]:
    """Layers and their attention: latent as DeepSeek-V3's, or a window on every other layer, where the row says so."""
    kind = row.text("attention")
    if kind == "mla":
        told.append("latent attention of DeepSeek-V3")
        return ((depth, replace(LATENT, heads=heads)),)
    full = _attention(row, hidden, heads)
    if kind != "swa" or depth < 2:
        return ((depth, full),)
    told.append(f"window {WINDOW} on every other layer")
    return ((depth // 2, replace(full, window=WINDOW)), (depth - depth // 2, full))


def _attention(row: Row, hidden: int, heads: int) -> Attention:
    kv_heads = row.count("kv_heads") or heads
    if heads % kv_heads:
        raise CellError(f"kv_heads: {kv_heads} do not divide {heads} heads")
    return Attention(heads, kv_heads, row.count("head_dim") or max(hidden // heads, 1))


def _feed_forward(row: Row, hidden: int, gated: bool) -> FeedForward | Experts:
    experts = row.count("experts")
    if not experts:
        return FeedForward(row.count("ffn_hidden") or 4 * hidden, gated)
    active, width = row.needed("top_k"), row.count("expert_ffn") or row.needed("ffn_hidden")
    if active > experts:
        raise CellError(f"top_k: {active} of {experts} experts")
    return Experts(experts, active, width, width * (row.count("shared_experts", 0) or 0), gated)
