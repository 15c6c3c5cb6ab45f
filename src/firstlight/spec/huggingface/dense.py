"""Dense decoders in the manner of Llama: rotary positions, RMS norms, gated feed-forward, grouped-query attention."""

from __future__ import annotations

from dataclasses import replace

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface import vision
from firstlight.spec.huggingface.common import attention, decoder, feed_forward, layers, windowed
from firstlight.spec.model import Attention, Block, FeedForward, Tower


def _blocks(mixers: list[Attention], part: FeedForward, norms: int = 2, norm_bias: bool = False) -> list[Block]:
    return [Block(1, mixer, part, norms=norms, norm_bias=norm_bias) for mixer in mixers]


def llama(fields: Fields) -> tuple[Tower, ...]:
    """Llama 1 to 3 and everything in its form: Yi, SmolLM, TinyLlama, CodeLlama (arXiv 2302.13971, 2407.21783)."""
    bias = fields.flag("attention_bias")
    mixer = attention(fields, bias=bias, out_bias=bias)
    part = feed_forward(fields, bias=fields.flag("mlp_bias"))
    return (decoder(fields, _blocks([mixer] * layers(fields), part)),)


def mistral(fields: Fields) -> tuple[Tower, ...]:
    """Mistral: every layer has the window, where there is one (arXiv 2310.06825)."""
    mixers = windowed(fields, attention(fields, kv_heads=8), layers(fields))
    return (decoder(fields, _blocks(mixers, feed_forward(fields))),)


def phi3(fields: Fields) -> tuple[Tower, ...]:
    """Phi-3 and Phi-4: as Mistral, with other defaults (arXiv 2404.14219)."""
    fields.check(not fields.flag("attention_bias"), "attention_bias", "is true", "This family has none.")
    mixers = windowed(fields, attention(fields), layers(fields))
    return (decoder(fields, _blocks(mixers, feed_forward(fields))),)


def qwen_window(fields: Fields, mixer: Attention, count: int) -> list[Attention]:
    """The mixers of Qwen layers: the window holds only where it is switched on, and from `max_window_layers` upward."""
    first = fields.count("max_window_layers", 28, low=0)
    if not fields.flag("use_sliding_window"):
        fields.known(("sliding_window", "layer_types"))
        return [mixer] * count
    return windowed(fields, mixer, count, [layer >= first for layer in range(count)])


def qwen2(fields: Fields) -> tuple[Tower, ...]:
    """Qwen2 and Qwen2.5: bias on queries, keys and values (arXiv 2407.10671)."""
    mixers = qwen_window(fields, attention(fields, bias=fields.flag("attention_bias", True)), layers(fields))
    return (decoder(fields, _blocks(mixers, feed_forward(fields))),)


def qwen3(fields: Fields, outer: Fields | None = None) -> tuple[Tower, ...]:
    """Qwen3: normalised queries and keys, heads of 128 whatever the hidden width (arXiv 2505.09388)."""
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_dim=128, bias=bias, out_bias=bias, norm=True)
    blocks = _blocks(qwen_window(fields, mixer, layers(fields)), feed_forward(fields))
    return (decoder(fields, blocks, outer=outer),)


def qwen3_vl(fields: Fields) -> tuple[Tower, ...]:
    """Qwen3-VL with its image encoder."""
    return (*vision.qwen(fields), *qwen3(vision.text_part(fields), fields))


def glm4(fields: Fields) -> tuple[Tower, ...]:
    """GLM-4-0414: four norms a layer, bias on queries, keys and values."""
    mixer = attention(fields, head_dim=128, bias=fields.flag("attention_bias"))
    return (decoder(fields, _blocks([mixer] * layers(fields), feed_forward(fields), norms=4)),)


def olmo2(fields: Fields) -> tuple[Tower, ...]:
    """OLMo 2: norms after the parts, queries and keys normalised over all heads (arXiv 2501.00656)."""
    bias = fields.flag("attention_bias")
    mixer = replace(attention(fields, bias=bias, out_bias=bias, norm=True), norm_across=True)
    return (decoder(fields, _blocks([mixer] * layers(fields), feed_forward(fields))),)


def smollm3(fields: Fields) -> tuple[Tower, ...]:
    """SmolLM3: as Llama; every fourth layer goes without positions, which changes no shape."""
    fields.known(("no_rope_layers", "no_rope_layer_interval"))
    bias = fields.flag("attention_bias")
    mixer = attention(fields, kv_heads=4, bias=bias, out_bias=bias)
    part = feed_forward(fields, bias=fields.flag("mlp_bias"))
    return (decoder(fields, _blocks(qwen_window(fields, mixer, layers(fields)), part), tied=True),)


def nemotron(fields: Fields) -> tuple[Tower, ...]:
    """Nemotron-3 and Nemotron-4: squared ReLU, so not gated; layer norms with bias (arXiv 2402.16819)."""
    bias = fields.flag("attention_bias")
    mixer = attention(fields, bias=bias, out_bias=bias)
    part = feed_forward(fields, gated=False, bias=fields.flag("mlp_bias"))
    return (decoder(fields, _blocks([mixer] * layers(fields), part, norm_bias=True), norm_bias=True),)


def starcoder2(fields: Fields) -> tuple[Tower, ...]:
    """StarCoder2: bias everywhere, not gated (arXiv 2402.19173)."""
    bias = fields.flag("use_bias", True)
    fields.known("norm_type mlp_type attention_softmax_in_fp32 scale_attention_softmax_in_fp32")
    mixers = windowed(fields, attention(fields, kv_heads=2, bias=bias, out_bias=bias), layers(fields))
    part = feed_forward(fields, gated=False, bias=bias)
    return (decoder(fields, _blocks(mixers, part, norm_bias=True), tied=True, norm_bias=True),)


def gemma(fields: Fields) -> tuple[Tower, ...]:
    """Gemma: heads of 256, head and embedding shared (arXiv 2403.08295)."""
    fields.known(("use_bidirectional_attention",))
    bias = fields.flag("attention_bias")
    mixer = attention(fields, head_dim=256, bias=bias, out_bias=bias)
    return (decoder(fields, _blocks([mixer] * layers(fields), feed_forward(fields)), tied=True),)


def gemma2(fields: Fields) -> tuple[Tower, ...]:
    """Gemma 2: every other layer has a window, four norms a layer (arXiv 2408.00118)."""
    fields.known(("use_bidirectional_attention", "cache_implementation", "sliding_window_size"))
    count, bias = layers(fields), fields.flag("attention_bias")
    mixer = attention(fields, kv_heads=4, head_dim=256, bias=bias, out_bias=bias)
    mixers = windowed(fields, mixer, count, [layer % 2 == 0 for layer in range(count)])
    return (decoder(fields, _blocks(mixers, feed_forward(fields), norms=4), tied=True),)


def gemma3_text(fields: Fields, outer: Fields | None = None) -> tuple[Tower, ...]:
    """Gemma 3: five layers with a window, then one without; what the config leaves out has the family's defaults."""
    fields.known(("use_bidirectional_attention", "cache_implementation"))
    count, bias = layers(fields), fields.flag("attention_bias")
    pattern = fields.count("sliding_window_pattern", 6, high=1000)
    mixer = attention(fields, heads=8, kv_heads=4, head_dim=256, bias=bias, out_bias=bias, norm=True)
    mixers = windowed(fields, mixer, count, [(layer + 1) % pattern != 0 for layer in range(count)])
    blocks = _blocks(mixers, feed_forward(fields), norms=4)
    return (decoder(fields, blocks, vocabulary=262_208, tied=True, outer=outer),)


def gemma3(fields: Fields) -> tuple[Tower, ...]:
    """Gemma 3 with its image encoder (arXiv 2503.19786)."""
    fields.known(("mm_tokens_per_image",))
    text = vision.text_part(fields)
    towers = gemma3_text(text, fields)
    return (*vision.siglip(fields, towers[0].hidden), *towers)


FAMILIES = {
    "gemma": gemma,
    "gemma2": gemma2,
    "gemma3": gemma3,
    "gemma3_text": gemma3_text,
    "glm4": glm4,
    "llama": llama,
    "mimo": qwen2,
    "mistral": mistral,
    "nemotron": nemotron,
    "olmo2": olmo2,
    "phi3": phi3,
    "qwen2": qwen2,
    "qwen3": qwen3,
    "qwen3_vl": qwen3_vl,
    "smollm3": smollm3,
    "starcoder2": starcoder2,
}
