"""The form of our own in which any architecture can be written down: towers of blocks, in YAML or JSON.

    kind: video                      # what its tokens are
    context: 75600                   # longest sequence
    towers:                          # the last one produces the output
      - name: video
        hidden: 5120
        blocks:
          - count: 40
            attention: {heads: 40, kv_heads: 40, head_dim: 128, causal: false}
            cross: {heads: 40, kv_heads: 40, head_dim: 128, cross: 5120, cross_tokens: 512}
            feed_forward: {width: 13824, gated: false}

A block has at most one of `attention`, `latent_attention`, `state_space`, `linear_attention`, and at most one of
`feed_forward`, `experts`. The keys are the attributes of the classes in `spec.model`, with their defaults.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from firstlight.spec.fields import Fields
from firstlight.spec.model import (
    Attention,
    Block,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
    Mixer,
    Model,
    StateSpace,
    Tower,
)

KINDS = ("text", "action", "video", "image", "audio", "protein")
MIXERS: dict[str, type[Mixer]] = {
    "attention": Attention,
    "latent_attention": LatentAttention,
    "state_space": StateSpace,
    "linear_attention": LinearAttention,
}
PARTS: dict[str, type[FeedForward | Experts]] = {"feed_forward": FeedForward, "experts": Experts}
T = TypeVar("T")


def read(document: Mapping[str, Any], id: str, source: str) -> Model:
    """The model that a document of towers describes.

    Raises:
        DocumentError: missing, impossible or unknown keys: all of them, each by its path.
    """
    fields = Fields(document)
    towers = tuple(_tower(part) for part in fields.list_of("towers"))
    kind, context = fields.word("kind", "text", KINDS), fields.count("context")
    fields.refuse_rest()
    fields.raise_problems()
    return Model(id=id, name=id, kind=kind, towers=towers, context=context, source=source)


def _tower(fields: Fields) -> Tower:
    return _scalars(Tower, fields, name=fields.word("name"), blocks=tuple(_block(b) for b in fields.list_of("blocks")))


def _block(fields: Fields) -> Block:
    mixer = _one_of(fields, MIXERS)
    part = _one_of(fields, PARTS)
    cross = fields.nested("cross")
    fields.check(
        mixer is not None or part is not None or cross is not None,
        "attention",
        "is missing, and so is every other part of the block",
        f"Write one of {', '.join([*MIXERS, *PARTS])}.",
    )
    between = None if cross is None else _scalars(Attention, cross)
    if cross is not None and between is not None:
        _related(cross, between)
        cross.relation(between.cross > 0, "cross", "is missing", "Write the hidden width of what it looks at.")
    return _scalars(Block, fields, mixer=mixer, feed_forward=part, cross=between)


def _one_of(fields: Fields, classes: Mapping[str, type[T]]) -> T | None:
    """The one part of a block that is written, of several that it may have."""
    written = [name for name in classes if name in fields]
    fields.check(len(written) < 2, written[-1] if written else "", f"stands beside {written[:1]}", "Write one of them.")
    parts = [(classes[name], fields.nested(name)) for name in written]
    made = [(part, _scalars(cls, part)) for cls, part in parts if part is not None]
    for part, instance in made:
        _related(part, instance)
    return made[0][1] if made else None


def _related(fields: Fields, part: object) -> None:
    """Numbers of a part that must fit each other."""
    if isinstance(part, Attention):
        _divides(fields, "kv_heads", part.kv_heads, "heads", part.heads)
    elif isinstance(part, LinearAttention):
        _divides(fields, "key_heads", part.key_heads, "value_heads", part.value_heads)
    elif isinstance(part, StateSpace):
        _divides(fields, "groups", part.groups, "heads", part.heads)
    elif isinstance(part, Experts):
        most = f"At most {part.count}."
        fields.relation(part.active <= part.count, "active", f"is {part.active}, of {part.count} experts", most)


def _divides(fields: Fields, few: str, number: int, many: str, total: int) -> None:
    """Each of the few serves the same whole number of the many."""
    remedy = f"Each of the {few} serves the same whole number of {many}."
    fields.relation(total % number == 0, few, f"is {number}, which does not divide the {total} {many}", remedy)


def _scalars(cls: type[T], fields: Fields, **given: Any) -> T:
    """An instance of a dataclass of `spec.model`: its numbers and flags from the fields, the rest as given."""
    values = dict(given)
    for field in dataclasses.fields(cast("Any", cls)):
        if field.name in values:
            continue
        required = field.default is dataclasses.MISSING
        if field.type == "bool":
            values[field.name] = fields.flag(field.name, bool(field.default) and not required)
        elif field.type == "int | None":
            values[field.name] = fields.maybe(field.name)
        else:
            default = None if required else cast("int", field.default)
            values[field.name] = fields.count(field.name, default, low=1 if required else 0, high=10**12)
    return cls(**values)
