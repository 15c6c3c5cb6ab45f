"""Reads a Hugging Face config.json as it is, and refuses what it does not know.

A family of architectures is a function in one of the modules of this room that takes the `Fields` of a config and gives
the towers. Every field of a config must be one of three: read by the family, in `IRRELEVANT` (it changes no shape:
token ids, dropout, rotary settings, number formats, what a trainer or a sampler was told), or refused by name. Extra
layers that only predict further tokens (`num_nextn_predict_layers`, MTP) are known and left out: neither a plain
forward pass nor the makers' counts hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from firstlight.errors import DocumentError
from firstlight.spec.fields import Fields
from firstlight.spec.huggingface import dense, experts, gpt, hybrid, latent, protein
from firstlight.spec.huggingface.common import IRRELEVANT
from firstlight.spec.model import Model, Tower

Family = Callable[[Fields], tuple[Tower, ...]]
FAMILIES: dict[str, Family] = {
    **dense.FAMILIES,
    **experts.FAMILIES,
    **gpt.FAMILIES,
    **hybrid.FAMILIES,
    **latent.FAMILIES,
    **protein.FAMILIES,
}
_KINDS = {"esm": "protein"}
_LENGTHS = {"gemma3": 131_072, "gemma3_text": 131_072}
"""What the family's class takes for the longest sequence where a config that is in use leaves it out."""


def read(config: Mapping[str, Any], id: str, source: str) -> Model:
    """The model that a config.json describes.

    Args:
        config: the parsed file.
        id: of the model to make.
        source: where the config is from, for the report.

    Raises:
        DocumentError: an unknown `model_type`; missing, impossible or unknown fields: all of them, each by name.
    """
    fields = Fields(config)
    kind = fields.word("model_type", among=sorted(FAMILIES))
    if fields.problems:
        raise DocumentError(tuple(fields.problems))
    towers = FAMILIES[kind](fields)
    fields.refuse_rest(IRRELEVANT)
    fields.raise_problems()
    context = _context(config, _LENGTHS.get(kind, 2**20))
    return Model(id=id, name=id, kind=_KINDS.get(kind, "text"), towers=towers, context=context, source=source)


def _context(config: Mapping[str, Any], silent: int) -> int:
    """Longest sequence: what the config says; the families have checked it, and 2^20 stands for no limit."""
    inner = config.get("text_config") or config
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        if type(inner.get(name)) is int:
            return inner[name]
    return silent
