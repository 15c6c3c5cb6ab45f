"""The catalogue: every part that firstlight knows, found by id or alias, with the user's own laid over it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import resources
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, TypeAdapter

from firstlight.errors import UsageError
from firstlight.spec import parts as kinds
from firstlight.spec.parts import Part

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
P = TypeVar("P", bound=Part)
AnyPart = Annotated[
    kinds.Accelerator
    | kinds.AirHandler
    | kinds.Battery
    | kinds.Cable
    | kinds.Cdu
    | kinds.Chiller
    | kinds.DryCooler
    | kinds.Generator
    | kinds.Host
    | kinds.Nic
    | kinds.Rack
    | kinds.Switch
    | kinds.System
    | kinds.Transceiver
    | kinds.Transformer
    | kinds.Ups,
    Field(discriminator="kind"),
]
PARTS: TypeAdapter[tuple[AnyPart, ...]] = TypeAdapter(tuple[AnyPart, ...])


class Catalog:
    """Parts by id; ids and aliases are found whatever their case."""

    def __init__(self, parts: Iterable[Part]):
        self._parts = {part.id: part for part in parts}
        self._names = {
            name.lower(): part.id for part in self._parts.values() for name in (*part.aliases, part.name, part.id)
        }

    def __len__(self) -> int:
        return len(self._parts)

    def parts(self, kind: type[P]) -> tuple[P, ...]:
        """All parts of one kind, by id."""
        return tuple(part for _, part in sorted(self._parts.items()) if isinstance(part, kind))

    def part(self, kind: type[P], name: str) -> P:
        """The part of this kind with this id or alias.

        Raises:
            UsageError: there is none; names the nearest ones.
        """
        found = self._parts.get(self._names.get(name.lower(), ""))
        if isinstance(found, kind):
            return found
        label = kind.__name__.lower()
        names = [n for n, ident in self._names.items() if isinstance(self._parts[ident], kind)]
        close = difflib.get_close_matches(name.lower(), names, 3)
        ids = list(dict.fromkeys(self._names[n] for n in close))
        hint = f"did you mean {' or '.join(ids)}?" if ids else f"`firstlight catalog list {label}` lists them"
        raise UsageError(f'unknown {label} "{name}"; {hint}')


def shipped() -> Catalog:
    """The catalogue that firstlight comes with."""
    parts: list[Part] = []
    folder = resources.files("firstlight.data") / "catalog"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            parts += PARTS.validate_python(yaml.load(file.read_text("utf-8"), Loader=_LOADER) or [])
    return Catalog(parts)
