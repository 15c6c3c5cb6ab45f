"""A Catalog document laid over the shipped parts: what an entry writes wins, the rest stays, each with its source.

    - kind: switch
      id: nvidia-sn5600          # an id of the catalogue: only what is written here changes
      price: {value: 31000 USD, source: our quote of May, standing: vendor}
    - kind: accelerator
      id: acme-x1
      based_on: nvidia-h200-sxm  # a new part: all that is not written here is taken from there
      memory: 192 GB

A number that is written without a source has the document as its source, and the standing "user".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from firstlight.errors import Problem, UsageError
from firstlight.spec import near, problems, shape
from firstlight.spec.parts import KINDS, Accelerator, Host, Nic, Part, Provenance, System
from firstlight.spec.parts import names as called
from firstlight.spec.source import Source, Where
from firstlight.units import printed

HEADER = frozenset(("kind", "id", "name", "aliases", "vendor", "source", "standing", "note", "facts"))
"""The fields of a part that are not facts with a source of their own."""
_REFERENCES: Mapping[str, type[Part]] = {"accelerator": Accelerator, "host": Host, "nic": Nic}
"""The fields of a system that name other parts."""

Entry = dict[str, Any]


def laid(document: Source, shipped: Iterable[Part]) -> tuple[Part, ...]:
    """All parts, with those of a document laid over the shipped ones.

    Raises:
        DocumentError: all that is wrong with the document, each problem with its place and remedy.
    """
    entries = cast("list[Any]", document.value)
    if not isinstance(document.value, list):
        remedy = 'Begin each part with "- kind: switch" or another kind, and its id below.'
        raise problems.gathered([*document.wrong, document.problem((), "a catalogue is a list of parts", remedy)])
    overlay = _Overlay(document, shipped)
    for index in range(len(entries)):
        overlay.lay((index,))
    overlay.refer()
    if overlay.problems or document.problems:
        raise problems.gathered([*document.wrong, *overlay.problems])
    return tuple(overlay.parts.values())


class _Overlay:
    """Lays one entry after the other.

    Attributes:
        parts: by id; the shipped ones, and those of the document so far.
        problems: found so far.
    """

    def __init__(self, document: Source, shipped: Iterable[Part]):
        self.parts = {part.id: part for part in shipped}
        self.problems: list[Problem] = []
        self._document = document
        self._plain = _plain(document)
        self._names = called.names(self.parts.values())
        self._written: dict[str, Where] = {}  # the ids of the document's own entries, right or wrong

    def lay(self, where: Where) -> None:
        """Lay the entry at `where` over the parts."""
        entry, kind = self._document.get(where), self._kind(where)
        if kind is None or not self._new(where, entry):
            return
        base = self._base(where, entry, kind)
        checked = [self._key(where, key, entry[key], kind) for key in entry]
        part = self._part(where, entry, kind, base)
        if part and all(checked) and self._free(where, entry, part):
            self._put(part.model_copy(update={"facts": self._facts(entry, part, base)}))

    def refer(self) -> None:
        """Find the parts that systems of the document name, and write their ids there."""
        for id, where in self._written.items():
            system, entry = self.parts.get(id), self._document.get(where)
            if isinstance(system, System):
                ids = {key: self._reference(where, key, system) for key in _REFERENCES if key in entry}
                self.parts[id] = system.model_copy(update=ids)

    def _reference(self, where: Where, key: str, system: System) -> str | None:
        name = getattr(system, key)
        if name is None or (name.lower() in self._written and name.lower() not in self.parts):
            return name  # none; or one whose own entry is wrong
        try:
            return called.find(self.parts, self._names, _REFERENCES[key], name).id
        except UsageError as error:
            self._complain((*where, key), *problems.split(error))
            return name

    def _complain(self, where: Where, message: str, remedy: str, *, key: bool = False) -> None:
        self.problems.append(self._plain.problem(where, message, remedy, key=key))

    def _kind(self, where: Where) -> type[Part] | None:
        """The class that the entry says it is of; None, with the problem noted, where there is none."""
        entry = self._document.get(where)
        if not isinstance(entry, dict):
            self._complain(where, f"{printed(entry)} is not a part", "Write `kind:` and `id:`, and what it has.")
            return None
        written, known = cast("Entry", entry).get("kind"), self.parts.get(str(cast("Entry", entry).get("id")))
        if isinstance(written, str) and written in KINDS:
            if known is None or isinstance(known, KINDS[written]):
                return KINDS[written]
            kind = called.word(type(known))
            message = f"{known.id} is {called.a(kind)} of the catalogue, not {called.a(written)}"
            self._complain((*where, "kind"), message, f"Write `kind: {kind}`, or another id.")
        elif "kind" in entry:
            remedy = near.hint(str(written), KINDS, f"Write one of {', '.join(KINDS)}.")
            self._complain((*where, "kind"), f"there is no kind {printed(written)}", remedy)
        else:
            remedy = f"Write `kind: {called.word(type(known)) if known else 'switch'}`."
            self._complain((*where, "kind"), "is missing", remedy)
        return None

    def _new(self, where: Where, entry: Entry) -> bool:
        """Note the entry's id; False, with the problem noted, where it is not its own."""
        id = entry.get("id")
        if not isinstance(id, str):
            return True  # the class says so
        other = self._names.get(id.lower(), id)
        if self._written.setdefault(id, where) != where:
            message = f"{printed(id)} stands here twice, first on line {self._document.mark(self._written[id]).line}"
            self._complain((*where, "id"), message, "Make one entry of both.")
        elif other != id:
            remedy = f"Write `id: {other}` to change that part, or another id."
            self._complain((*where, "id"), f"{printed(id)} is what {other} is called", remedy)
        else:
            return True
        return False

    def _base(self, where: Where, entry: Entry, kind: type[Part]) -> Part | None:
        """The part that an entry changes or is based on."""
        known, key = self.parts.get(str(entry.get("id"))), next((key for key in entry if _is_base(key, kind)), None)
        if key is None:
            return known
        way, name = (*where, key), entry[key]
        if known:
            self._complain(way, f"has no effect: {known.id} is in the catalogue", "Remove it, or write another id.")
            return known
        try:
            return called.find(self.parts, self._names, kind, str(name))
        except UsageError as error:
            self._complain(way, *problems.split(error))
        # Any part of the kind will do to check what is written; nothing is said to be missing then.
        return next(part for part in self.parts.values() if isinstance(part, kind))

    def _key(self, where: Where, key: str, value: Any, kind: type[Part]) -> bool:
        """What the class itself does not check of a key is right: a slip of `based_on`, and what a source may hold."""
        way = (*where, key)
        if key in kind.model_fields and key not in HEADER and isinstance(value, dict):
            return self._provenance(way, cast("Entry", value), kind.model_fields[key])
        if key == "facts":
            self._complain(way, 'unknown key "facts"', "Write a source as `{value: ..., source: ...}`.", key=True)
            return False
        if key != "based_on" and _is_base(key, kind):
            self._complain(way, f"unknown key {printed(key)}", 'Did you mean "based_on"?', key=True)
            return False
        return True

    def _provenance(self, where: Where, fact: Entry, info: FieldInfo) -> bool:
        """A mapping of a value and its source is right."""
        if "value" not in fact:
            example = shape.example(info.rebuild_annotation(), info)
            remedy = f"Write `{{value: {example}, source: ..., standing: ...}}`."
            self._complain(where, "a mapping without `value`", remedy)
            return False
        try:
            Provenance.model_validate({"source": "", "standing": "user", **_without(fact, "value")})
        except ValidationError as error:
            self.problems += problems.found(error, self._document, Provenance, where)
            return False
        return True

    def _part(self, where: Where, entry: Entry, kind: type[Part], base: Part | None) -> Part | None:
        written: Entry = self._plain.get(where)
        plain = {key: value for key, value in written.items() if key != "facts" and not _is_base(key, kind)}
        try:
            return kind.model_validate({**self._inherited(entry, base), **plain})
        except ValidationError as error:
            self.problems += problems.found(error, self._plain, kind, where)
            return None

    def _inherited(self, entry: Entry, base: Part | None) -> Entry:
        """What an entry need not write."""
        if base is None:
            return {}
        values = base.model_dump(mode="json", exclude={"id", "facts"})
        if base.id == entry.get("id"):
            return values
        # A part of its own has its own name, and is not what the other's source is about.
        own: Entry = {"aliases": (), "source": self._file, "standing": "user", "note": ""}
        return {**values, "name": str(entry.get("id")), **own}

    @property
    def _file(self) -> str:
        return Path(self._document.mark(()).file).name

    def _facts(self, entry: Entry, part: Part, base: Part | None) -> dict[str, Provenance]:
        """The sources of those numbers that have another than the part's own."""
        own = Provenance(source=part.source, standing=part.standing, note=part.note)
        facts: dict[str, Provenance] = {}
        for field in sorted(type(part).model_fields.keys() - HEADER):
            inherited = base.provenance(field) if base else own
            found = self._told(entry, field) if field in entry else inherited
            if found != own and getattr(part, field) is not None:
                facts[field] = found
        return facts

    def _told(self, entry: Entry, field: str) -> Provenance:
        """Where a written number is from: what stands beside it, else beside the entry, else the document."""
        beside = cast("Entry", entry[field]) if isinstance(entry[field], dict) else {}
        told: Entry = {"source": self._file, "standing": "user"}
        for says in (entry, beside):
            told |= {key: says[key] for key in ("source", "standing", "note") if key in says}
        return Provenance.model_validate(told)

    def _free(self, where: Where, entry: Entry, part: Part) -> bool:
        """No other part has the name or an alias of this one."""
        ways: list[tuple[Where, str]] = [((*where, "name"), part.name)] if "name" in entry else []
        ways += [((*where, "aliases", n), alias) for n, alias in enumerate(part.aliases)] if "aliases" in entry else []
        taken = [(way, name) for way, name in ways if self._names.get(name.lower(), part.id) != part.id]
        for way, name in taken:
            self._complain(way, f"{printed(name)} is what {self._names[name.lower()]} is called", "Choose another.")
        return not taken

    def _put(self, part: Part) -> None:
        self._names = {name: id for name, id in self._names.items() if id != part.id} | called.names((part,))
        self.parts[part.id] = part


def _is_base(key: str, kind: type[Part]) -> bool:
    """The key is `based_on`, or nearer to it than to any field."""
    return key not in kind.model_fields and near.nearest(key, [*kind.model_fields, "based_on"]) == ["based_on"]


def _without(mapping: Entry, key: str) -> Entry:
    return {name: value for name, value in mapping.items() if name != key}


def _plain(document: Source) -> Source:
    """The document with each number that has a source of its own (`{value: ..., source: ...}`) as a plain value."""
    values, broken = dict(document.values), set(document.broken)
    entries = list(cast("list[Any]", document.value))
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            entries[index] = plain = dict(cast("Entry", entry))
            for key, fact in plain.items():
                if key in HEADER or not isinstance(fact, dict):
                    continue
                if "value" in fact:
                    plain[key] = fact["value"]
                    values[(index, key)] = values[(index, key, "value")]
                else:
                    broken.add((index, key))
    return replace(document, value=entries, values=values, broken=frozenset(broken))
