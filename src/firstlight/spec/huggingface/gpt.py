"""Decoders in the manner of GPT: layer norms with bias, feed-forward without a gate, each with names of its own."""

from __future__ import annotations

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface.common import LAYERS, attention, check_groups, decoder, layers, width_of_head
from firstlight.spec.model import Attention, Block, FeedForward, Tower


def _multi_head(fields: Fields, hidden: str, heads: str, bias: bool = True) -> Attention:
    number = fields.count(heads, high=100_000)
    return Attention(number, number, width_of_head(fields, hidden, number), bias=bias, out_bias=bias)


def gpt2(fields: Fields) -> tuple[Tower, ...]:
    """GPT-2 and GPT-3, Megatron: learned positions, bias everywhere, head and embedding shared (arXiv 2005.14165)."""
    fields.known(("n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"))
    fields.known(("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn"))
    hidden = fields.count("n_embd", high=10**7)
    part = FeedForward(fields.maybe("n_inner", high=10**8) or 4 * hidden, gated=False, bias=True)
    block = Block(fields.count("n_layer", high=LAYERS), _multi_head(fields, "n_embd", "n_head"), part, norm_bias=True)
    positions = fields.count("n_positions")
    return (decoder(fields, [block], hidden_name="n_embd", tied=True, norm_bias=True, positions=positions),)


def gptj(fields: Fields) -> tuple[Tower, ...]:
    """GPT-J: attention and feed-forward side by side on one norm; the head has a bias."""
    fields.known(("n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"))
    fields.maybe("n_positions")
    hidden = fields.count("n_embd", high=10**7)
    part = FeedForward(fields.maybe("n_inner", high=10**8) or 4 * hidden, gated=False, bias=True)
    mixer = _multi_head(fields, "n_embd", "n_head", bias=False)
    block = Block(fields.count("n_layer", high=LAYERS), mixer, part, norms=1, norm_bias=True, parallel=True)
    return (decoder(fields, [block], hidden_name="n_embd", norm_bias=True, head_bias=True),)


def gpt_neox(fields: Fields) -> tuple[Tower, ...]:
    """GPT-NeoX and Pythia: side by side, each part on a norm of its own (arXiv 2204.06745)."""
    bias = fields.flag("attention_bias", True)
    mixer = _multi_head(fields, "hidden_size", "num_attention_heads", bias)
    part = FeedForward(fields.count("intermediate_size", high=10**8), gated=False, bias=True)
    parallel = fields.flag("use_parallel_residual", True)
    block = Block(layers(fields), mixer, part, norm_bias=True, parallel=parallel)
    return (decoder(fields, [block], norm_bias=True),)


def bloom(fields: Fields) -> tuple[Tower, ...]:
    """BLOOM: positions by ALiBi, a norm after the embedding (arXiv 2211.05100)."""
    fields.known("skip_bias_add skip_bias_add_qkv attention_softmax_in_fp32 bias_dropout_fusion")
    fields.known("masked_softmax_fusion offset_alibi apply_residual_connection_post_layernorm")
    fields.maybe("seq_length")
    width = "n_embed" if "n_embed" in fields else "hidden_size"
    hidden = fields.count(width, high=10**7)
    heads = "num_attention_heads" if "num_attention_heads" in fields else "n_head"
    depth = "num_hidden_layers" if "num_hidden_layers" in fields else "n_layer"
    part = FeedForward(4 * hidden, gated=False, bias=True)
    block = Block(layers(fields, depth), _multi_head(fields, width, heads), part, norm_bias=True)
    return (decoder(fields, [block], hidden_name=width, tied=True, norm_bias=True, extra=2 * hidden),)


def falcon(fields: Fields) -> tuple[Tower, ...]:
    """Falcon: one key and value head (7B) or a few (40B, 180B), parts side by side (arXiv 2311.16867)."""
    fields.known(("alibi", "apply_residual_connection_post_layernorm"))
    hidden, heads = fields.count("hidden_size", high=10**7), fields.count("num_attention_heads", high=100_000)
    new, bias = fields.flag("new_decoder_architecture"), fields.flag("bias")
    multi_query = fields.flag("multi_query", True)
    parallel = fields.flag("parallel_attn", True) or new
    stated = fields.maybe("num_kv_heads", high=100_000)
    keys = (stated or heads) if new else (1 if multi_query else heads)
    check_groups(fields, "num_kv_heads", heads, keys)
    mixer = Attention(heads, keys, width_of_head(fields, "hidden_size", heads), bias=bias, out_bias=bias)
    part = FeedForward(fields.maybe("ffn_hidden_size", high=10**8) or 4 * hidden, gated=False, bias=bias)
    norms = fields.count("num_ln_in_parallel_attn", 2 if new else 1, high=2) if parallel else 2
    block = Block(layers(fields), mixer, part, norms=norms, norm_bias=True, parallel=parallel)
    return (decoder(fields, [block], tied=True, norm_bias=True),)


def mpt(fields: Fields) -> tuple[Tower, ...]:
    """MPT: no bias, ALiBi or learned positions, head and embedding shared (github.com/mosaicml/llm-foundry)."""
    fields.known("embedding_fraction norm_type verbose use_pad_tok_in_ffn fc_type logit_scale")
    fields.known("tokenizer_name init_config ffn_config")
    hidden, free = fields.count("d_model", high=10**7), fields.flag("no_bias", True)
    alibi, mixer = _mpt_attention(fields, free)
    part = FeedForward(fields.count("expansion_ratio", 4, high=1000) * hidden, gated=False, bias=not free)
    block = Block(fields.count("n_layers", high=LAYERS), mixer, part, norm_bias=not free)
    length = fields.count("max_seq_len", 2048)
    positions = length if fields.flag("learned_pos_emb", True) and not alibi else 0
    return (decoder(fields, [block], hidden_name="d_model", tied=True, norm_bias=not free, positions=positions),)


def _mpt_attention(fields: Fields, free: bool) -> tuple[bool, Attention]:
    """Whether positions come by ALiBi, and the mixer."""
    heads = fields.count("n_heads", high=100_000)
    part = fields.nested("attn_config") or Fields({}, "attn_config", fields.problems)
    part.known("attn_impl alibi_bias_max attn_uses_sequence_id clip_qkv prefix_lm softmax_scale rope rope_impl")
    kinds = ("multihead_attention", "multiquery_attention", "grouped_query_attention")
    kind = part.word("attn_type", kinds[0], kinds)
    stated = part.maybe("kv_n_heads", high=100_000)
    keys = {"multihead_attention": heads, "multiquery_attention": 1}.get(kind) or stated or heads
    check_groups(part, "kv_n_heads", heads, keys)
    alibi = part.flag("alibi", True)
    width = width_of_head(fields, "d_model", heads)
    return alibi, Attention(heads, keys, width, bias=not free, out_bias=not free, norm=part.flag("qk_ln"))


def opt(fields: Fields) -> tuple[Tower, ...]:
    """OPT: as GPT-3, with two more learned positions (arXiv 2205.01068)."""
    fields.known(("do_layer_norm_before", "layer_norm_elementwise_affine", "_remove_final_layer_norm"))
    hidden, bias = fields.count("hidden_size", high=10**7), fields.flag("enable_bias", True)
    inner = fields.count("word_embed_proj_dim", hidden, high=10**7)
    fields.check(inner == hidden, "word_embed_proj_dim", f"is {inner}, not the hidden width", "OPT-350M is not read.")
    mixer = _multi_head(fields, "hidden_size", "num_attention_heads", bias)
    part = FeedForward(fields.count("ffn_dim", high=10**8), gated=False, bias=bias)
    positions = fields.count("max_position_embeddings") + 2
    block = Block(layers(fields), mixer, part, norm_bias=True)
    return (decoder(fields, [block], tied=True, norm_bias=True, positions=positions),)


def phi(fields: Fields) -> tuple[Tower, ...]:
    """Phi-1, Phi-1.5 and Phi-2: side by side on one norm, bias everywhere, the head too."""
    mixer = attention(fields, bias=True, out_bias=True, norm=fields.flag("qk_layernorm"))
    part = FeedForward(fields.count("intermediate_size", high=10**8), gated=False, bias=True)
    block = Block(layers(fields), mixer, part, norms=1, norm_bias=True, parallel=True)
    return (decoder(fields, [block], norm_bias=True, head_bias=True),)


FAMILIES = {
    "bloom": bloom,
    "falcon": falcon,
    "gpt2": gpt2,
    "gpt_neox": gpt_neox,
    "gptj": gptj,
    "mpt": mpt,
    "opt": opt,
    "phi": phi,
}
