"""What the families share: attention, layers with windows, the tower around them, fields that change no shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from firstlight.spec.fields import Fields
from firstlight.spec.model import Attention, Block, Experts, FeedForward, Tower

LAYERS = 10_000
"""More layers than any model has; bounds the work that a wrong file can cause."""

_IRRELEVANT = """
_attn_implementation_autoset _name_or_path activation activation_dropout activation_function architectures
attention_dropout attention_multiplier attention_probs_dropout_prob attn_logit_softcapping attn_pdrop audio_token_id
auto_map aux_loss_alpha bad_words_ids begin_suppress begin_suppress_tokens boi_token_id boi_token_index bos_token_id
chunk_size_feed_forward classifier_dropout classifier_dropout_prob compression_config decoder_start_token_id
diversity_penalty do_sample dropout dtype early_stopping emb_init_std emb_pdrop embd_pdrop embedding_dropout
encoder_no_repeat_ngram_size eoi_token_id eoi_token_index eos_token_id ep_size expert_parallel
exponential_decay_length_penalty final_logit_softcapping finetuning_task forced_bos_token_id forced_eos_token_id
gradient_checkpointing hidden_act hidden_activation hidden_dropout hidden_dropout_prob id2label image_token_id
image_token_index init_device init_std initial_context_length initializer_factor initializer_range is_decoder
is_encoder_decoder label2id layer_norm_eps layer_norm_epsilon layerdrop layernorm_epsilon length_penalty logit_scale
mask_token_id max_length max_new_tokens min_length mlp_hidden_act model_type moe_router_dtype mrope_section
mtp_hybrid_override_pattern mtp_layers_block_type mtp_num_hidden_layers mtp_transformer_layers
mtp_use_dedicated_embeddings n_group no_repeat_ngram_size norm_eps norm_epsilon norm_topk_prob num_beam_groups num_beams
num_expert_group num_mtp_layers num_mtp_modules num_nextn_predict_layers num_return_sequences
original_max_position_embeddings output_attentions output_hidden_states output_router_logits output_scores pad_token_id
partial_rotary_factor partial_rotary_factors prefix pretraining_tp problem_type pruned_heads quantization_config
query_pre_attn_scalar remove_invalid_values renormalize_logits repetition_penalty rescale_prenorm_residual resid_pdrop
residual_dropout return_dict return_dict_in_generate rms_norm_eps rope_interleave rope_local_base_freq rope_parameters
rope_scaling rope_theta rope_type rotary rotary_dim rotary_emb_base rotary_embedding_base rotary_pct rotary_percentage
routed_scaling_factor router_aux_loss_coef router_jitter_noise router_z_loss_coef scale_attn_weights scoring_func
sep_token_id seq_aux slow_but_exact summary_first_dropout suppress_tokens swa_rope_theta swiglu_alpha swiglu_limit
task_specific_params temperature tf_legacy_loss tie_encoder_decoder tokenizer_class top_k top_p topk_group topk_method
torch_dtype torchscript transformers_version typical_p unk_token_id unsloth_fixed unsloth_version use_bfloat16 use_cache
use_mrope use_mtp video_token_id video_token_index vision_end_token_id vision_start_token_id
"""
IRRELEVANT = frozenset(_IRRELEVANT.split())
"""Fields that change no shape: token ids, dropout, rotary settings, number formats, words to trainers and samplers."""


def attention(
    fields: Fields,
    *,
    heads: int | None = None,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    bias: bool = False,
    out_bias: bool = False,
    norm: bool = False,
    gate: bool = False,
) -> Attention:
    """Grouped-query attention in the names that most configs share.

    Args:
        fields: of the config.
        heads: where the config leaves `num_attention_heads` out; None requires it.
        kv_heads: where the config leaves `num_key_value_heads` out; None is the number of query heads.
        head_dim: where the config leaves `head_dim` out; None is hidden width over heads.
        bias, out_bias, norm, gate: as in `Attention`.
    """
    queries = fields.count("num_attention_heads", heads, high=100_000)
    keys = fields.maybe("num_key_value_heads", high=100_000) or kv_heads or queries
    width = fields.maybe("head_dim", high=100_000) or head_dim or width_of_head(fields, "hidden_size", queries)
    check_groups(fields, "num_key_value_heads", queries, keys)
    return Attention(queries, keys, width, bias=bias, out_bias=out_bias, norm=norm, gate=gate)


def check_groups(fields: Fields, name: str, heads: int, kv_heads: int) -> None:
    """Query heads must divide evenly over key and value heads."""
    fields.relation(
        heads % kv_heads == 0,
        name,
        f"is {kv_heads}, which does not divide the {heads} query heads",
        "Each key and value head serves the same whole number of query heads.",
    )


def width_of_head(fields: Fields, name: str, heads: int) -> int:
    """Hidden width over heads, where that is whole."""
    hidden = fields.count(name, high=10**7)
    fields.relation(
        hidden % heads == 0, name, f"is {hidden}, which {heads} heads do not divide", "Write head_dim, or mend either."
    )
    return max(hidden // heads, 1)


def layers(fields: Fields, name: str = "num_hidden_layers") -> int:
    """How many layers the model has."""
    return fields.count(name, high=LAYERS)


def windowed(fields: Fields, mixer: Attention, count: int, sliding: Sequence[bool] | None = None) -> list[Attention]:
    """The mixer of each layer: with `sliding_window` where `layer_types` (or else `sliding`) says so."""
    window = fields.maybe("sliding_window")
    types = fields.words("layer_types", ("full_attention", "sliding_attention"), count)
    if types is not None:
        sliding = [kind == "sliding_attention" for kind in types]
        fields.check(window is not None or not any(sliding), "sliding_window", "is missing", "layer_types needs it.")
    chosen = sliding if sliding is not None else [window is not None] * count
    return [replace(mixer, window=window) if slides else mixer for slides in chosen]


def gather(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Equal layers as one block with their count, in the order of the first of each."""
    counts: Counter[Block] = Counter()
    for block in blocks:
        counts[replace(block, count=1)] += block.count
    return tuple(replace(block, count=count) for block, count in counts.items() if count)


def feed_forward(fields: Fields, *, gated: bool = True, bias: bool = False) -> FeedForward:
    """A dense part of `intermediate_size`."""
    return FeedForward(fields.count("intermediate_size", high=10**8), gated=gated, bias=bias)


def decoder(
    fields: Fields,
    blocks: Iterable[Block],
    *,
    hidden_name: str = "hidden_size",
    vocabulary: int | None = None,
    tied: bool = False,
    norm_bias: bool = False,
    head_bias: bool = False,
    positions: int = 0,
    extra: int = 0,
    outer: Fields | None = None,
) -> Tower:
    """A language model's tower: embedding, blocks, final norm, head.

    Args:
        fields: of the config (of its text part, where it has one).
        blocks: the layers.
        hidden_name: what the config calls the hidden width.
        vocabulary: where the config leaves `vocab_size` out; None requires it.
        tied: what the family does where the config does not say.
        norm_bias: the final norm is a layer norm.
        head_bias: the head has one.
        positions: learned position embeddings.
        extra: further parameters.
        outer: of the config around the text part, whose `tie_word_embeddings` counts if the text part is silent.
    """
    hidden = fields.count(hidden_name, high=10**7)
    words = fields.count("vocab_size", vocabulary, high=10**8)
    fields.maybe("max_position_embeddings")
    fields.check(not fields.flag("add_cross_attention"), "add_cross_attention", "is true", "Only decoders are read.")
    around = tied if outer is None else outer.flag("tie_word_embeddings", tied)
    final = hidden * (2 if norm_bias else 1) + (words if head_bias else 0)
    return Tower(
        name="text",
        hidden=hidden,
        blocks=gather(blocks),
        vocabulary=words,
        head=words,
        tied=fields.flag("tie_word_embeddings", around),
        positions=positions,
        extra=final + extra,
    )


def routed(fields: Fields, count: str, width: str, *, active: str = "num_experts_per_tok") -> Experts:
    """Routed experts in the names that configs give their number and their width."""
    experts = fields.count(count, high=100_000)
    chosen = fields.count(active, high=100_000)
    fields.relation(chosen <= experts, active, f"is {chosen}, more than the {experts} experts", f"At most {experts}.")
    return Experts(count=experts, active=chosen, width=fields.count(width, high=10**8))
