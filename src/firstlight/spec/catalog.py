"""The catalogue: every part that firstlight knows, found by id or alias, with the user's own laid over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter

from firstlight.spec import overlay, source
from firstlight.spec.parts import KINDS, AnyPart, Part
from firstlight.spec.parts.names import find, names

__all__ = ["KINDS", "PARTS", "AnyPart", "Catalog", "load", "shipped"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
P = TypeVar("P", bound=Part)
PARTS: TypeAdapter[tuple[AnyPart, ...]] = TypeAdapter(tuple[AnyPart, ...])


class Catalog:
    """Parts by id, in the order of their ids; ids and aliases are found whatever their case."""

    def __init__(self, parts: Iterable[Part]):
        self._parts = {part.id: part for part in sorted(parts, key=lambda part: part.id)}
        self._names = names(self._parts.values())

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts.values())

    def __repr__(self) -> str:
        return f"Catalog({len(self)} parts)"

    def parts(self, kind: type[P]) -> tuple[P, ...]:
        """All parts of one kind, by id."""
        return tuple(part for part in self if isinstance(part, kind))

    def part(self, kind: type[P], name: str) -> P:
        """The part of this kind with this id or alias; of any kind where `kind` is `Part`.

        Raises:
            UsageError: there is none; names the nearest ones.
        """
        return find(self._parts, self._names, kind, name)


@cache
def shipped() -> Catalog:
    """The catalogue that firstlight comes with."""
    parts: list[Part] = []
    folder = resources.files("firstlight.data") / "catalog"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            parts += PARTS.validate_python(yaml.load(file.read_text("utf-8"), Loader=_LOADER) or [])
    return Catalog(parts)


def load(path: Path | None) -> Catalog:
    """The shipped catalogue, with the parts of a Catalog document laid over it.

    Args:
        path: of the document; None is the shipped catalogue as it is.

    Raises:
        DocumentError: all that is wrong with the document, each problem with its place and remedy.
    """
    if path is None:
        return shipped()
    return Catalog(overlay.laid(source.read(path), shipped()))
