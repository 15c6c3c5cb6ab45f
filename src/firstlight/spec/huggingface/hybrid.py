"""Hybrids of attention with state-space or linear attention layers, and pure state-space models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface import vision
from firstlight.spec.huggingface.common import attention, check_groups, decoder, feed_forward, layers, routed
from firstlight.spec.huggingface.experts import qwen_parts
from firstlight.spec.model import Attention, Block, Experts, FeedForward, LinearAttention, Mixer, StateSpace, Tower

_PATTERN = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}


def _delta_net(fields: Fields) -> LinearAttention:
    keys, values = (
        fields.count("linear_num_key_heads", high=100_000),
        fields.count("linear_num_value_heads", high=100_000),
    )
    check_groups(fields, "linear_num_key_heads", values, keys)
    return LinearAttention(
        key_heads=keys,
        value_heads=values,
        key_dim=fields.count("linear_key_head_dim", high=100_000),
        value_dim=fields.count("linear_value_head_dim", high=100_000),
        kernel=fields.count("linear_conv_kernel_dim", 4, high=1000),
    )


def _qwen_mixers(fields: Fields, count: int) -> list[Mixer]:
    bias = fields.flag("attention_bias")
    gate = fields.flag("attn_output_gate", True)
    softmax = attention(fields, head_dim=256, bias=bias, out_bias=bias, norm=True, gate=gate)
    linear = _delta_net(fields)
    every = fields.count("full_attention_interval", 4, high=10_000)
    types = fields.words("layer_types", ("full_attention", "linear_attention"), count)
    full = [(layer + 1) % every == 0 for layer in range(count)]
    if types is not None:
        full = [kind == "full_attention" for kind in types]
    return [softmax if here else linear for here in full]


def qwen3_next(fields: Fields) -> tuple[Tower, ...]:
    """Qwen3-Next: three gated delta net layers, then one of gated attention; experts with a shared one."""
    return (_qwen(fields, experts=True),)


def _qwen(fields: Fields, experts: bool, outer: Fields | None = None) -> Tower:
    count = layers(fields)
    fields.known(("mamba_ssm_dtype", "output_gate_type", "max_window_layers", "use_sliding_window"))
    mixers = _qwen_mixers(fields, count)
    parts: Sequence[FeedForward | Experts] = [feed_forward(fields)] * count if not experts else []
    parts = parts or qwen_parts(fields, count, shared=True)
    if not experts:
        fields.check(not fields.numbers("mlp_only_layers", 10_000), "mlp_only_layers", "is not empty", "Take it out.")
    blocks = [Block(1, mixer, part) for mixer, part in zip(mixers, parts, strict=True)]
    return decoder(fields, blocks, outer=outer)


def qwen3_5_text(fields: Fields) -> tuple[Tower, ...]:
    """The text part of a dense Qwen3.5."""
    return (_qwen(fields, experts=False),)


def qwen3_5(fields: Fields) -> tuple[Tower, ...]:
    """Qwen3.5, dense, with its image encoder."""
    fields.known(("language_model_only",))
    tower = _qwen(vision.text_part(fields), experts=False, outer=fields)
    return (*vision.qwen(fields), tower)


def qwen3_5_moe(fields: Fields) -> tuple[Tower, ...]:
    """Qwen3.5 with experts and its image encoder."""
    tower = _qwen(vision.text_part(fields), experts=True, outer=fields)
    return (*vision.qwen(fields), tower)


def nemotron_h(fields: Fields) -> tuple[Tower, ...]:
    """Nemotron-H and 3: a layer is one part: Mamba-2, attention, dense, experts (arXiv 2504.03624, 2512.20848)."""
    count, kinds = _kinds(fields)
    bias = fields.flag("mlp_bias")
    blocks: dict[str, Block] = {}
    if "mamba" in kinds:
        blocks["mamba"] = Block(1, _mamba(fields), None, norms=1)
    if "attention" in kinds:
        blocks["attention"] = Block(1, _nemotron_attention(fields), None, norms=1)
    if "mlp" in kinds:
        blocks["mlp"] = Block(1, None, feed_forward(fields, gated=False, bias=bias), norms=1)
    if "moe" in kinds:
        blocks["moe"] = Block(1, None, _nemotron_experts(fields, bias), norms=1)
    mamba = "mamba_num_heads mamba_head_dim ssm_state_size n_groups conv_kernel use_bias mamba_proj_bias use_conv_bias"
    unused = "intermediate_size n_routed_experts moe_intermediate_size num_experts_per_tok n_shared_experts"
    latent = "moe_shared_expert_intermediate_size moe_latent_size moe_shared_expert_overlap"
    kernel = (
        "chunk_size expand time_step_min time_step_max time_step_floor time_step_limit time_step_rank use_mamba_kernels"
    )
    other = (
        "mamba_hidden_act mamba_ssm_cache_dtype residual_in_fp32 num_logits_to_keep attention_bias attention_head_dim"
    )
    fields.known(f"{mamba} {unused} {latent} {kernel} {other} num_attention_heads num_key_value_heads head_dim")
    fields.check("sliding_window" not in fields, "sliding_window", "is set", "This family is read without windows.")
    fields.known(("sliding_window",))
    return (decoder(fields, [blocks[kind] for kind in kinds][:count]),)


def _kinds(fields: Fields) -> tuple[int, list[str]]:
    """How many layers, and what each of them is."""
    pattern = fields.word("hybrid_override_pattern", "")
    kinds = [_PATTERN.get(letter, "") for letter in pattern]
    if not pattern:
        listed = fields.any_words("layers_block_type", _PATTERN.values())
        kinds = list(listed)
    fields.check(bool(kinds), "hybrid_override_pattern", "is missing", "Write one letter of M, *, - and E per layer.")
    fields.check(
        all(kinds), "hybrid_override_pattern", "has a letter that is none of M, *, - and E", "Mend the letter."
    )
    count = fields.maybe("num_hidden_layers") or len(kinds)
    fields.check(count == len(kinds), "num_hidden_layers", f"is {count}; the pattern has {len(kinds)}", "Mend either.")
    return len(kinds), [kind or "mamba" for kind in kinds]


def _mamba(fields: Fields) -> StateSpace:
    fields.check(fields.flag("use_conv_bias", True), "use_conv_bias", "is false", "Mamba-2 is read with it.")
    bias = fields.flag("use_bias") or fields.flag("mamba_proj_bias")
    return StateSpace(
        heads=fields.count("mamba_num_heads", high=100_000),
        head_dim=fields.count("mamba_head_dim", high=100_000),
        state=fields.count("ssm_state_size", high=100_000),
        groups=fields.count("n_groups", high=10_000),
        kernel=fields.count("conv_kernel", 4, high=1000),
        bias=bias,
    )


def _nemotron_attention(fields: Fields) -> Attention:
    bias = fields.flag("attention_bias")
    width = fields.maybe("attention_head_dim", high=100_000)
    return attention(fields, kv_heads=8, head_dim=width or 128, bias=bias, out_bias=bias)


def _nemotron_experts(fields: Fields, bias: bool) -> Experts:
    part = routed(fields, "n_routed_experts", "moe_intermediate_size")
    shared = fields.count("n_shared_experts", 0, low=0, high=1000)
    width = fields.count("moe_shared_expert_intermediate_size", high=10**7) if shared else 0
    latent = fields.maybe("moe_latent_size", high=10**6) or 0
    return replace(part, gated=False, router_bias=True, bias=bias, shared_width=shared * width, latent=latent)


def minimax(fields: Fields) -> tuple[Tower, ...]:
    """MiniMax-Text-01 and M1: seven lightning attention layers, then one of softmax attention (arXiv 2501.08313)."""
    count = layers(fields)
    for part in ("full_attention", "linear_attention", "mlp"):
        fields.known((f"layernorm_{part}_alpha", f"layernorm_{part}_beta"))
    for part in ("full_attn", "linear_attn", "mlp"):
        fields.known((f"{part}_alpha_factor", f"{part}_beta_factor"))
    fields.known(("postnorm", "block_size", "shared_moe_mode"))
    shared = fields.count("shared_intermediate_size", 0, low=0)
    fields.check("sliding_window" not in fields, "sliding_window", "is set", "This family is read without windows.")
    fields.known(("sliding_window",))
    softmax = attention(fields, kv_heads=8)
    heads, width = softmax.heads, softmax.head_dim
    linear = LinearAttention(key_heads=heads, value_heads=heads, key_dim=width, value_dim=width, delta=False)
    experts = replace(routed(fields, "num_local_experts", "intermediate_size"), shared_width=shared)
    return (decoder(fields, [Block(1, softmax if full else linear, experts) for full in _full(fields, count)]),)


def _full(fields: Fields, count: int) -> list[bool]:
    """Which layers of MiniMax have softmax attention."""
    types = fields.words("layer_types", ("full_attention", "linear_attention"), count)
    if types is not None:
        return [kind == "full_attention" for kind in types]
    kinds = fields.numbers("attn_type_list", 1)
    if kinds is None:
        return [(layer + 1) % 8 == 0 for layer in range(count)]
    fields.check(len(kinds) == count, "attn_type_list", f"has {len(kinds)} entries", f"Write {count}, one per layer.")
    return [bool(kind) for kind in kinds]


def mamba2(fields: Fields) -> tuple[Tower, ...]:
    """Mamba-2 throughout (arXiv 2405.21060)."""
    fields.known("chunk_size time_step_min time_step_max time_step_floor time_step_limit time_step_rank")
    fields.known("residual_in_fp32 rms_norm norm_before_gate")
    fields.check(fields.flag("use_conv_bias", True), "use_conv_bias", "is false", "Mamba-2 is read with it.")
    hidden, expand = fields.count("hidden_size", high=10**7), fields.count("expand", 2, high=1000)
    mixer = StateSpace(
        heads=fields.count("num_heads", high=100_000),
        head_dim=fields.count("head_dim", 64, high=100_000),
        state=fields.count("state_size", 128, high=100_000),
        groups=fields.count("n_groups", 1, high=10_000),
        kernel=fields.count("conv_kernel", 4, high=1000),
        bias=fields.flag("use_bias"),
    )
    inner = mixer.heads * mixer.head_dim
    fields.check(inner == expand * hidden, "num_heads", f"x head_dim is {inner}, not {expand * hidden}", "Mend expand.")
    return (decoder(fields, [Block(layers(fields), mixer, None, norms=1)]),)


FAMILIES = {
    "mamba2": mamba2,
    "minimax": minimax,
    "minimax_m1": minimax,
    "minimax_text_01": minimax,
    "nemotron_h": nemotron_h,
    "qwen3_5": qwen3_5,
    "qwen3_5_moe": qwen3_5_moe,
    "qwen3_5_text": qwen3_5_text,
    "qwen3_5_moe_text": qwen3_next,
    "qwen3_next": qwen3_next,
}
