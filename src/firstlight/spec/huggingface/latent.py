"""Mixtures of experts with multi-head latent attention: DeepSeek-V2 and V3, Kimi K2, GLM-5."""

from __future__ import annotations

from dataclasses import replace

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface import vision
from firstlight.spec.huggingface.common import decoder, feed_forward, layers, routed
from firstlight.spec.model import Block, Experts, FeedForward, LatentAttention, Tower


def _mixer(fields: Fields) -> LatentAttention:
    fields.known(("num_key_value_heads", "qk_head_dim", "head_dim"))
    fields.check(
        not fields.flag("attention_bias"), "attention_bias", "is true", "Latent attention is read without bias."
    )
    fields.check(not fields.flag("mlp_bias"), "mlp_bias", "is true", "The feed-forward parts are read without bias.")
    return LatentAttention(
        heads=fields.count("num_attention_heads", high=100_000),
        q_rank=fields.maybe("q_lora_rank", high=10**6),
        kv_rank=fields.count("kv_lora_rank", high=10**6),
        nope_dim=fields.count("qk_nope_head_dim", high=100_000),
        rope_dim=fields.count("qk_rope_head_dim", high=100_000),
        value_dim=fields.count("v_head_dim", high=100_000),
    )


def _parts(fields: Fields, count: int, router_bias: bool) -> list[FeedForward | Experts]:
    """The feed-forward part of each layer: the first ones dense, then experts in every n-th."""
    part = routed(fields, "n_routed_experts", "moe_intermediate_size")
    again = fields.maybe("num_experts", high=100_000) or part.count
    fields.relation(again == part.count, "num_experts", f"is {again}; n_routed_experts is {part.count}", "Mend either.")
    shared = (fields.maybe("n_shared_experts", low=0, high=1000) or 0) * part.width
    part = replace(part, shared_width=shared, router_bias=router_bias)
    first = fields.count("first_k_dense_replace", 0, low=0, high=count)
    step = fields.count("moe_layer_freq", 1, high=10_000)
    types = fields.words("mlp_layer_types", ("dense", "sparse"), count)
    dense = FeedForward(1) if first == 0 and step == 1 and types is None else feed_forward(fields)
    fields.maybe("intermediate_size")
    sparse = [layer >= first and layer % step == 0 for layer in range(count)]
    if types is not None:
        sparse = [kind == "sparse" for kind in types]
    return [part if here else dense for here in sparse]


def _tower(fields: Fields, mixers: list[LatentAttention], router_bias: bool, outer: Fields | None = None) -> Tower:
    parts = _parts(fields, len(mixers), router_bias)
    return decoder(fields, [Block(1, mixer, part) for mixer, part in zip(mixers, parts, strict=True)], outer=outer)


def deepseek_v2(fields: Fields) -> tuple[Tower, ...]:
    """DeepSeek-V2 (arXiv 2405.04434)."""
    return (_tower(fields, [_mixer(fields)] * layers(fields), router_bias=False),)


def deepseek_v3(fields: Fields) -> tuple[Tower, ...]:
    """DeepSeek-V3 and R1, Kimi K2: the router is balanced by a bias (arXiv 2412.19437, 2507.20534)."""
    return (_tower(fields, [_mixer(fields)] * layers(fields), router_bias=True),)


def kimi_k25(fields: Fields) -> tuple[Tower, ...]:
    """Kimi K2.5: Kimi K2 with an image encoder (arXiv 2504.07491 for the encoder)."""
    fields.known("ignore_index media_placeholder_token_id use_unified_vision_chunk video_placeholder")
    text = vision.text_part(fields)
    text.known("cross_attention_hidden_size")
    tower = _tower(text, [_mixer(text)] * layers(text), router_bias=True, outer=fields)
    return (*vision.moonshot(fields), tower)


def deepseek_v32(fields: Fields) -> tuple[Tower, ...]:
    """DeepSeek-V3.2 and GLM-5: an indexer chooses the tokens that each query sees (arXiv 2512.02556).

    In GLM-5.2 a layer may take the choice of an earlier one (`indexer_types`), and then has no indexer of its own.
    """
    mixer = replace(_mixer(fields), index_top=fields.count("index_topk"))
    heads, width = fields.count("index_n_heads", high=100_000), fields.count("index_head_dim", high=100_000)
    own = replace(mixer, index_heads=heads, index_dim=width)
    fields.check(own.q_rank is not None, "q_lora_rank", "is missing", "The indexer reads the compressed query.")
    count = layers(fields)
    types = fields.words("indexer_types", ("full", "shared"), count)
    if types is not None:
        fields.known(("index_topk_freq", "index_topk_pattern", "index_skip_topk_offset", "layer_types"))
    fields.known(("indexer_rope_interleave", "index_share_for_mtp_iteration"))
    mixers = [own] * count if types is None else [own if kind == "full" else mixer for kind in types]
    return (_tower(fields, mixers, router_bias=True),)


FAMILIES = {
    "deepseek_v2": deepseek_v2,
    "deepseek_v3": deepseek_v3,
    "deepseek_v32": deepseek_v32,
    "glm_moe_dsa": deepseek_v32,
    "kimi_k2": deepseek_v3,
    "kimi_k25": kimi_k25,
}
