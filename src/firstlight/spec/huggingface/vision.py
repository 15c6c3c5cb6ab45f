"""Image encoders of language models, as optional towers in front: only an image passes them."""

from __future__ import annotations

import math

from firstlight.errors import DocumentError
from firstlight.spec.fields import Fields
from firstlight.spec.huggingface.common import LAYERS, width_of_head
from firstlight.spec.model import Attention, Block, FeedForward, Tower


def text_part(fields: Fields) -> Fields:
    """The fields of `text_config`."""
    text = fields.nested("text_config")
    if text is None:
        fields.complain("text_config", "is missing", "Add the text part's config.")
        raise DocumentError(tuple(fields.problems))
    return text


def _encoder(part: Fields, depth: str, heads: str, tokens: int, extra: int, positions: int) -> tuple[Tower, ...]:
    """Plain layers with bias everywhere, seeing all of the image."""
    hidden = part.count("hidden_size", high=10**6)
    number = part.count(heads, high=10_000)
    width = width_of_head(part, "hidden_size", number)
    mixer = Attention(number, number, width, causal=False, bias=True, out_bias=True)
    block = Block(
        count=part.count(depth, high=LAYERS),
        mixer=mixer,
        feed_forward=FeedForward(part.count("intermediate_size", high=10**7), gated=False, bias=True),
        norm_bias=True,
    )
    return (Tower("vision", hidden, (block,), positions=positions, tokens=tokens, extra=extra, optional=True),)


def siglip(fields: Fields, text_hidden: int) -> tuple[Tower, ...]:
    """SigLIP (arXiv 2303.15343) as Gemma 3 uses it: no pooling head, a norm, one projection into the text's width."""
    part = fields.nested("vision_config")
    if part is None:
        return ()
    part.known(("vision_use_head", "projection_dim"))
    hidden = part.count("hidden_size", high=10**6)
    patch, image = part.count("patch_size", high=1000), part.count("image_size", high=10_000)
    tokens = max(image // patch, 1) ** 2
    patches = part.count("num_channels", 3, high=100) * patch**2 * hidden + hidden
    extra = patches + 2 * hidden + hidden * (text_hidden + 1)
    return _encoder(part, "num_hidden_layers", "num_attention_heads", tokens, extra, tokens)


def llama4(fields: Fields, text_hidden: int) -> tuple[Tower, ...]:
    """The encoder of Llama 4: a class token, norms before and after, two projections around a pixel shuffle."""
    part = fields.nested("vision_config")
    if part is None:
        return ()
    part.known(("pixel_shuffle_ratio", "vision_feature_layer", "vision_feature_select_strategy"))
    part.known(("projector_dropout", "multi_modal_projector_bias"))
    hidden, inner = part.count("hidden_size", high=10**6), part.count("intermediate_size", high=10**7)
    patch, image = part.count("patch_size", high=1000), part.count("image_size", high=10_000)
    entry, out = part.count("projector_input_dim", high=10**6), part.count("projector_output_dim", high=10**6)
    tokens = max(image // patch, 1) ** 2 + 1
    patches = part.count("num_channels", 3, high=100) * patch**2 * hidden
    projections = inner * entry + out * out + part.count("vision_output_dim", high=10**6) * text_hidden
    return _encoder(
        part, "num_hidden_layers", "num_attention_heads", tokens, patches + 5 * hidden + projections, tokens
    )


def qwen(fields: Fields) -> tuple[Tower, ...]:
    """The encoder of Qwen3-VL and Qwen3.5: patches over two frames, and a merger of neighbouring patches."""
    part = fields.nested("vision_config")
    if part is None:
        return ()
    hidden, out = part.count("hidden_size", high=10**6), part.count("out_hidden_size", high=10**7)
    patch, frames = part.count("patch_size", high=1000), part.count("temporal_patch_size", high=100)
    tokens = part.count("num_position_embeddings", high=10**7)
    merged = hidden * part.count("spatial_merge_size", high=100) ** 2
    merger = merged * (merged + 1) + (merged + 1) * out
    deep = len(part.numbers("deepstack_visual_indexes", LAYERS) or ())
    patches = part.count("in_channels", 3, high=100) * frames * patch**2 * hidden + hidden
    extra = patches + merger + 2 * hidden + deep * (merger + 2 * merged)
    return _encoder(part, "depth", "num_heads", tokens, extra, tokens)


def moonshot(fields: Fields) -> tuple[Tower, ...]:
    """The encoder of Kimi K2.5 (MoonViT, arXiv 2504.07491): learned positions on a grid, four patches become one."""
    part = fields.nested("vision_config")
    if part is None:
        return ()
    part.known("_attn_implementation merge_type mm_projector_type pos_emb_type init_pos_emb_time video_attn_type")
    part.known("projector_hidden_act projector_ln_eps")
    hidden, out = part.count("vt_hidden_size", high=10**6), part.count("text_hidden_size", high=10**7)
    heads, patch = part.count("vt_num_attention_heads", high=10_000), part.count("patch_size", high=1000)
    kernel = part.numbers("merge_kernel_size", 100) or (2, 2)
    merged = part.count("mm_hidden_size", high=10**6) * math.prod(kernel)
    projector = 2 * hidden + merged * (merged + 1) + (merged + 1) * out
    grid = part.count("init_pos_emb_height", high=10_000) * part.count("init_pos_emb_width", high=10_000)
    width = width_of_head(part, "vt_hidden_size", heads)
    mixer = Attention(heads, heads, width, causal=False, bias=True, out_bias=True)
    inner = FeedForward(part.count("vt_intermediate_size", high=10**7), gated=False, bias=True)
    block = Block(part.count("vt_num_hidden_layers", high=LAYERS), mixer, inner, norm_bias=True)
    extra = 3 * patch**2 * hidden + hidden + 2 * hidden + projector
    return (Tower("vision", hidden, (block,), positions=grid, tokens=grid, extra=extra, optional=True),)
