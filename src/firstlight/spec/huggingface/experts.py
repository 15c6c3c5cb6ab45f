"""Mixtures of experts with softmax attention."""

from __future__ import annotations

from dataclasses import replace

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface import vision
from firstlight.spec.huggingface.common import attention, decoder, feed_forward, layers, routed, windowed
from firstlight.spec.huggingface.dense import qwen_window
from firstlight.spec.model import Attention, Block, Experts, FeedForward, Tower


def mixtral(fields: Fields) -> tuple[Tower, ...]:
    """Mixtral: experts in every layer (arXiv 2401.04088)."""
    mixers = windowed(fields, attention(fields, kv_heads=8), layers(fields))
    part = routed(fields, "num_local_experts", "intermediate_size")
    return (decoder(fields, [Block(1, mixer, part) for mixer in mixers]),)


def sparse_layers(fields: Fields, count: int) -> list[bool]:
    """Which layers of a Qwen mixture have experts."""
    step = fields.count("decoder_sparse_step", 1, high=10_000)
    dense = set(fields.numbers("mlp_only_layers", 10_000) or ())
    return [layer not in dense and (layer + 1) % step == 0 for layer in range(count)]


def qwen_parts(fields: Fields, count: int, shared: bool) -> list[FeedForward | Experts]:
    """The feed-forward part of each layer of a Qwen mixture; the shared expert has a gate of its own."""
    experts = routed(fields, "num_experts", "moe_intermediate_size")
    if shared:
        width = fields.count("shared_expert_intermediate_size", high=10**8)
        experts = replace(experts, shared_width=width, shared_gate=True)
    sparse = sparse_layers(fields, count)
    if all(sparse):
        fields.maybe("intermediate_size")
        return [experts] * count
    dense = feed_forward(fields)
    return [experts if here else dense for here in sparse]


def qwen2_moe(fields: Fields) -> tuple[Tower, ...]:
    """Qwen1.5-MoE and Qwen2-57B-A14B (arXiv 2407.10671)."""
    count = layers(fields)
    mixers = qwen_window(fields, attention(fields, bias=fields.flag("qkv_bias", True)), count)
    parts = qwen_parts(fields, count, shared=True)
    return (decoder(fields, [Block(1, mixer, part) for mixer, part in zip(mixers, parts, strict=True)]),)


def qwen3_moe(fields: Fields, outer: Fields | None = None) -> tuple[Tower, ...]:
    """Qwen3 mixtures: no shared expert (arXiv 2505.09388)."""
    count, bias = layers(fields), fields.flag("attention_bias")
    fields.check(not fields.flag("qkv_bias"), "qkv_bias", "is true", "Write attention_bias.")
    fields.count("shared_expert_intermediate_size", 0, low=0, high=0)
    norm = fields.flag("use_qk_norm", True)
    mixer = attention(fields, kv_heads=4, bias=bias, out_bias=bias, norm=norm)
    mixers = qwen_window(fields, mixer, count)
    parts = qwen_parts(fields, count, shared=False)
    blocks = [Block(1, mixer, part) for mixer, part in zip(mixers, parts, strict=True)]
    return (decoder(fields, blocks, outer=outer),)


def qwen3_vl_moe(fields: Fields) -> tuple[Tower, ...]:
    """Qwen3-VL mixtures with their image encoder."""
    return (*vision.qwen(fields), *qwen3_moe(vision.text_part(fields), fields))


def gpt_oss(fields: Fields) -> tuple[Tower, ...]:
    """gpt-oss: every other layer sees 128 tokens, a learned sink per head, bias everywhere (arXiv 2508.10925)."""
    count, bias = layers(fields), fields.flag("attention_bias", True)
    fields.known(("experts_per_token",))
    mixer = replace(attention(fields, bias=bias, out_bias=bias), sinks=True)
    mixers = windowed(fields, mixer, count, [layer % 2 == 0 for layer in range(count)])
    part = replace(routed(fields, "num_local_experts", "intermediate_size"), bias=True)
    return (decoder(fields, [Block(1, mixer, part) for mixer in mixers]),)


def minimax_m2(fields: Fields) -> tuple[Tower, ...]:
    """MiniMax-M2: many small experts, no shared one; queries and keys are normalised, over all heads by default."""
    across = fields.word("qk_norm_type", "per_layer") == "per_layer"
    mixer = replace(attention(fields, norm=fields.flag("use_qk_norm", True)), norm_across=across)
    part = routed(fields, "num_local_experts", "intermediate_size")
    part = replace(part, router_bias=fields.flag("use_routing_bias", True))
    part = replace(part, shared_width=fields.count("shared_intermediate_size", 0, low=0))
    kinds = fields.numbers("attn_type_list", 1) or ()
    fields.check(
        all(kinds), "attn_type_list", "has a layer of another kind than 1", "This family has softmax attention."
    )
    return (decoder(fields, [Block(layers(fields), mixer, part)]),)


def glm4_moe(fields: Fields) -> tuple[Tower, ...]:
    """GLM-4.5 to 4.7: first layers dense, one shared expert, bias on queries, keys and values (arXiv 2508.06471)."""
    count = layers(fields)
    mixer = attention(fields, bias=fields.flag("attention_bias"), norm=fields.flag("use_qk_norm"))
    dense = fields.count("first_k_dense_replace", 1, low=0, high=count)
    part = routed(fields, "n_routed_experts", "moe_intermediate_size")
    shared = fields.count("n_shared_experts", 1, low=0, high=1000) * part.width
    blocks = [Block(count - dense, mixer, replace(part, shared_width=shared, router_bias=True))]
    return (decoder(fields, [Block(dense, mixer, feed_forward(fields)), *blocks] if dense else blocks),)


def llama4_text(fields: Fields, outer: Fields | None = None) -> tuple[Tower, ...]:
    """Llama 4: experts in every n-th layer, one shared expert; three layers of four see only their chunk.

    A chunk is read as a window of its size: what a token can see at most.
    """
    count, bias = layers(fields), fields.flag("attention_bias")
    fields.known(("use_qk_norm", "attn_temperature_tuning", "floor_scale", "attn_scale", "for_llm_compressor"))
    mixer = attention(fields, kv_heads=8, bias=bias, out_bias=bias)
    mixers = _chunked(fields, mixer, count)
    part = routed(fields, "num_local_experts", "intermediate_size")
    part = replace(part, shared_width=part.width)
    dense = FeedForward(fields.count("intermediate_size_mlp", high=10**8))
    step = fields.count("interleave_moe_layer_step", 1, high=10_000)
    sparse = fields.numbers("moe_layers", 10_000)
    chosen = set(range(step - 1, count, step) if sparse is None else sparse)
    blocks = [Block(1, mixer, part if layer in chosen else dense) for layer, mixer in enumerate(mixers)]
    return (decoder(fields, blocks, outer=outer),)


def _chunked(fields: Fields, mixer: Attention, count: int) -> list[Attention]:
    chunk = fields.maybe("attention_chunk_size")
    types = fields.words("layer_types", ("full_attention", "chunked_attention"), count)
    rotary = fields.numbers("no_rope_layers", 1)
    every = fields.count("no_rope_layer_interval", 4, high=10_000)
    if types is not None:
        near = [kind == "chunked_attention" for kind in types]
    elif rotary:
        fields.check(len(rotary) == count, "no_rope_layers", f"has {len(rotary)} entries", f"Write {count}.")
        near = [bool(rotary[layer % len(rotary)]) for layer in range(count)]
    else:
        near = [(layer + 1) % every != 0 for layer in range(count)]
    return [replace(mixer, window=chunk) if here else mixer for here in near]


def llama4(fields: Fields) -> tuple[Tower, ...]:
    """Llama 4 with its image encoder."""
    text = vision.text_part(fields)
    towers = llama4_text(text, fields)
    return (*vision.llama4(fields, towers[0].hidden), *towers)


def grok(fields: Fields) -> tuple[Tower, ...]:
    """Grok-1: four norms a layer, head and embedding shared (github.com/xai-org/grok-1)."""
    scales = "attn_output_multiplier max_attn_value embedding_multiplier_scale output_multiplier_scale"
    fields.known(scales)
    part = routed(fields, "num_experts", "intermediate_size")
    return (decoder(fields, [Block(layers(fields), attention(fields), part, norms=4)], tied=True),)


FAMILIES = {
    "glm4_moe": glm4_moe,
    "gpt_oss": gpt_oss,
    "grok-1": grok,
    "llama4": llama4,
    "llama4_text": llama4_text,
    "minimax_m2": minimax_m2,
    "mixtral": mixtral,
    "qwen2_moe": qwen2_moe,
    "qwen3_moe": qwen3_moe,
    "qwen3_vl_moe": qwen3_vl_moe,
}
