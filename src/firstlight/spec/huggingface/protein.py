"""Protein language models: a token is an amino acid, and sees the whole chain."""

from __future__ import annotations

from firstlight.spec.fields import Fields
from firstlight.spec.huggingface.common import feed_forward, layers, width_of_head
from firstlight.spec.model import Attention, Block, Tower


def esm(fields: Fields) -> tuple[Tower, ...]:
    """ESM-2 with its masked-token head and its contact head (Lin et al., Science 379, 2023)."""
    fields.known(("token_dropout", "vocab_list", "add_cross_attention", "is_folding_model", "esmfold_config"))
    fields.check(not fields.flag("is_folding_model"), "is_folding_model", "is true", "Only the language model is read.")
    hidden, vocabulary = fields.count("hidden_size", high=10**7), fields.count("vocab_size", high=10**8)
    heads, count = fields.count("num_attention_heads", high=100_000), layers(fields)
    width = width_of_head(fields, "hidden_size", heads)
    mixer = Attention(heads, heads, width, causal=False, bias=True, out_bias=True)
    block = Block(count, mixer, feed_forward(fields, gated=False, bias=True), norm_bias=True)
    before = 2 * hidden if fields.flag("emb_layer_norm_before") else 0
    head = hidden * (hidden + 1) + 2 * hidden + vocabulary
    learned = fields.word("position_embedding_type", "absolute", ("absolute", "rotary")) == "absolute"
    positions = fields.count("max_position_embeddings", 1026)
    return (
        Tower(
            name="protein",
            hidden=hidden,
            blocks=(block,),
            vocabulary=vocabulary,
            head=vocabulary,
            tied=fields.flag("tie_word_embeddings", True),
            positions=positions if learned else 0,
            extra=2 * hidden + before + head + count * heads + 1,
        ),
    )


FAMILIES = {"esm": esm}
