"""What the catalogue holds, to look at: parts, models and assumptions, each number with its unit and its source.

The verbs are those of the command line: `kinds` and `entries` (list), `show`, `compare`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic.fields import FieldInfo

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec import assumptions, models, near, shape
from firstlight.spec.assumptions import Assumption
from firstlight.spec.catalog import KINDS, Catalog, Part
from firstlight.spec.overlay import HEADER
from firstlight.spec.parts import names
from firstlight.spec.quantity import Quantity

MODEL, ASSUMPTION = "model", "assumption"
"""The kinds of entry that are not parts."""
_DIGITS = 5
_UNIT = re.compile(r"\[([^\]]+)\]")
_MODEL_UNITS = {
    **dict.fromkeys(("parameters", "active_parameters", "published", "published_active"), "count"),
    **dict.fromkeys(("cache_bytes_per_token", "state_bytes"), "bytes"),
}
_MODEL_NAMES = {"published": "published_parameters", "published_active": "published_active_parameters"}
_MODEL_WORDS = ("id", "name", "kind", "aliases", "source", "standing")


@dataclass(frozen=True)
class Number:
    """One number of an entry.

    Attributes:
        name: of the field ("memory_bandwidth").
        value: in SI; or a word.
        unit: SI unit of the value ("B/s"); "" of a word or a plain number.
        text: as people read it ("3.35 TB/s"), to five digits.
        source, standing, note: as in `Provenance`.
    """

    name: str
    value: float | str | bool | None
    unit: str
    text: str
    source: str
    standing: str
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """One part, model or assumption.

    Attributes:
        kind: of part, "model" or "assumption".
        id, name, vendor, aliases, source, standing, note: as in `Part`; "" where the entry has none.
        numbers: all that it has, in the order of its class.
    """

    kind: str
    id: str
    name: str
    vendor: str
    aliases: tuple[str, ...]
    source: str
    standing: str
    note: str
    numbers: tuple[Number, ...]

    def number(self, name: str) -> Number | None:
        """The number of this name; None where the entry has none."""
        return next((number for number in self.numbers if number.name == name), None)


def kinds(catalog: Catalog) -> dict[str, int]:
    """How many entries there are of each kind."""
    counts = {word: len(catalog.parts(kind)) for word, kind in KINDS.items()}
    return {**counts, MODEL: len(models.ids()), ASSUMPTION: len(assumptions.shipped())}


def kind_named(name: str) -> str:
    """The kind that is meant by a word, which may be a plural.

    Raises:
        UsageError: there is no such kind; names the nearest one.
    """
    known = [*KINDS, MODEL, ASSUMPTION]
    for word in (name.lower(), name.lower().removesuffix("s"), name.lower().removesuffix("ies") + "y"):
        if word in known:
            return word
    close = near.nearest(name, known)
    raise UsageError(f"there is no kind {units.printed(name)}; {_meant(close, f'the kinds are {_and(known)}')}")


def entries(catalog: Catalog, kind: str) -> tuple[Entry, ...]:
    """All entries of a kind (of `kinds`), by id."""
    if kind == MODEL:
        return tuple(_model(facts) for facts in models.summary())
    if kind == ASSUMPTION:
        return tuple(_assumption(entry) for _, entry in sorted(assumptions.shipped().items()))
    return tuple(_part(part) for part in catalog.parts(KINDS[kind]))


def show(catalog: Catalog, name: str) -> Entry:
    """The part, model or assumption with this id or alias, or the model in this file; a part wins over a model.

    Raises:
        UsageError: there is none; names the nearest ones.
        DocumentError: the file is not a model that firstlight can read.
    """
    for find in (_found_part, _found_model, _found_assumption):
        if entry := find(catalog, name):
            return entry
    known = {**{id: id for id in (*models.ids(), *assumptions.shipped())}, **names.names(catalog)}
    close = dict.fromkeys(known[each] for each in near.nearest(name, known, 3))
    hint = _meant(close, "`firstlight catalog list` says what there is")
    raise UsageError(f"the catalogue has no {units.printed(name)}; {hint}")


def compare(catalog: Catalog, ids: Iterable[str]) -> tuple[Entry, ...]:
    """Two or more entries of one kind.

    Raises:
        UsageError: an unknown name, fewer than two entries, or entries of different kinds.
    """
    found = {entry.id: entry for entry in (show(catalog, name) for name in ids)}
    first, *others = found.values()
    if not others:
        raise UsageError(f"only {first.id} is named; name another to compare it with")
    for other in others:
        if other.kind != first.kind:
            told = f"{first.id} is {names.a(first.kind)}, {other.id} is {names.a(other.kind)}"
            raise UsageError(f"{told}; only entries of one kind can be compared")
    return tuple(found.values())


def fields(found: Iterable[Entry]) -> tuple[str, ...]:
    """The names of all numbers that any of the entries has, in the order that they have in each."""
    order: list[str] = []
    for entry in found:
        at = 0
        for number in entry.numbers:
            if number.name not in order:
                order.insert(at, number.name)
            at = order.index(number.name) + 1
    return tuple(order)


def _meant(close: Iterable[str], otherwise: str) -> str:
    meant = list(close)
    return f"did you mean {' or '.join(meant)}?" if meant else otherwise


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}"


def _found_part(catalog: Catalog, name: str) -> Entry | None:
    try:
        return _part(catalog.part(Part, name))
    except UsageError:
        return None


def _found_model(_catalog: Catalog, name: str) -> Entry | None:
    try:
        return _model(models.facts(models.find(name)))
    except UsageError:
        return None


def _found_assumption(_catalog: Catalog, name: str) -> Entry | None:
    entry = assumptions.shipped().get(name)
    return _assumption(entry) if entry else None


def _part(part: Part) -> Entry:
    fields = {name: info for name, info in type(part).model_fields.items() if name not in HEADER}
    return Entry(
        kind=names.word(type(part)),
        id=part.id,
        name=part.name,
        vendor=part.vendor,
        aliases=part.aliases,
        source=part.source,
        standing=part.standing,
        note=part.note,
        numbers=tuple(
            _fact(part, name, info) for name, info in fields.items() if getattr(part, name) not in (None, (), "")
        ),
    )


def _fact(part: Part, name: str, info: FieldInfo) -> Number:
    value, told = getattr(part, name), part.provenance(name)
    unit, text = _printed(value, info)
    kept = value if isinstance(value, (int, float, str)) else text
    return Number(name, kept, unit, text, told.source, told.standing, told.note)


def _printed(value: Any, info: FieldInfo) -> tuple[str, str]:
    """SI unit and text of a part's value."""
    dimension = dimension_of(info)
    if dimension:
        return units.DIMENSIONS[dimension].si, units.show(value, dimension, _DIGITS)
    if isinstance(value, bool):
        return "", "yes" if value else "no"
    if isinstance(value, tuple):
        return "", ", ".join(str(each) for each in cast("tuple[Any, ...]", value))
    found = _UNIT.search(info.description or "")
    unit = found[1] if found and isinstance(value, (int, float)) else ""
    return unit, f"{value:g} {unit}".strip() if isinstance(value, float) else str(value)


def dimension_of(info: FieldInfo) -> str:
    """The dimension of a part's field; "" where it is a plain number or a word."""
    marks = shape.marks(info.rebuild_annotation())
    return next((mark.dimension for mark in marks if isinstance(mark, Quantity)), "")


def _model(facts: Mapping[str, str | float | None]) -> Entry:
    word = {key: str(facts[key] or "") for key in _MODEL_WORDS}
    numbers = [
        _shape(key, value, word)
        for key, value in facts.items()
        if value not in (None, 0, 0.0) and (key not in _MODEL_WORDS or key == "kind")
    ]
    aliases = tuple(word["aliases"].split(", ")) if word["aliases"] else ()
    told = (word["source"], word["standing"], "")
    return Entry(MODEL, word["id"], word["name"], "", aliases, *told, tuple(numbers))


def _shape(key: str, value: str | float, word: Mapping[str, str]) -> Number:
    dimension = _MODEL_UNITS.get(key, "")
    counted = isinstance(value, (int, float))
    text = units.show(value, dimension, _DIGITS) if counted and dimension else f"{value:,}" if counted else str(value)
    unit = units.DIMENSIONS[dimension].si if dimension else ""
    note = "counted from the shapes" if key in ("parameters", "active_parameters") else ""
    return Number(_MODEL_NAMES.get(key, key), value, unit, text, word["source"], word["standing"], note)


def _assumption(entry: Assumption) -> Entry:
    si = units.DIMENSIONS[entry.dimension].si
    value = Number("value", entry.value, si, entry.text, entry.source, entry.standing, entry.note)
    return Entry(ASSUMPTION, entry.name, entry.name, "", (), entry.source, entry.standing, entry.note, (value,))
