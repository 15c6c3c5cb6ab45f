"""Parts found by id, alias or name, whatever their case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from firstlight.errors import UsageError
from firstlight.spec import near
from firstlight.spec.parts.base import Part
from firstlight.units import printed

P = TypeVar("P", bound=Part)


def names(parts: Iterable[Part]) -> dict[str, str]:
    """Every id, alias and name in small letters, to the id of its part; ids win over aliases, aliases over names."""
    listed = tuple(parts)
    found = {part.name.lower(): part.id for part in listed}
    found |= {alias.lower(): part.id for part in listed for alias in part.aliases}
    return found | {part.id: part.id for part in listed}


def find(parts: Mapping[str, Part], known: Mapping[str, str], kind: type[P], name: str) -> P:
    """The part of this kind with this id, alias or name.

    Args:
        parts: by id.
        known: their `names`.
        kind: class that it must be of.
        name: as somebody wrote it.

    Raises:
        UsageError: there is none; names the nearest ones, or the kind that the part is of.
    """
    found = parts.get(known.get(name.lower(), ""))
    if isinstance(found, kind):
        return found
    label = word(kind)
    if found is not None:
        raise UsageError(f"{printed(name)} is {a(word(type(found)))}; name {a(label)}: {_lists(label)}")
    close = near.nearest(name, (each for each, id in known.items() if isinstance(parts[id], kind)), 3)
    ids = list(dict.fromkeys(known[each] for each in close))
    hint = f"did you mean {' or '.join(ids)}?" if ids else _lists(label)
    raise UsageError(f"unknown {label} {printed(name)}; {hint}")


def word(kind: type[Part]) -> str:
    """What a document writes for a kind: "dry-cooler"; of any kind, "part"."""
    return str(kind.model_fields["kind"].default) if "kind" in kind.model_fields else "part"


def a(label: str) -> str:
    """A kind with its article: "an accelerator"."""
    return f"{'an' if label[0] in 'aeio' else 'a'} {label}"


def _lists(label: str) -> str:
    return f"`firstlight catalog list{'' if label == 'part' else ' ' + label}` lists them"
