"""What the answer rests on: choices that firstlight made, assumptions, and where the parts' numbers are from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Code, Section, Table, rows, standing
from firstlight.spec.assumptions import Assumption
from firstlight.spec.parts import Part
from firstlight.spec.quantity import Quantity

_NOT_NUMBERS = {"id", "name", "aliases", "vendor", "source", "standing", "note", "facts", "kind"}


def section(evaluation: Evaluation) -> Section:
    """Every assumption with its source."""
    own = sum(entry.standing == "user" for entry in evaluation.assumptions)
    guessed = sum(entry.standing == "estimate" for entry in evaluation.assumptions)
    lead = (
        f"{words.plural(len(evaluation.assumptions), 'assumption')}, each with its source: "
        f"{words.plural(guessed, 'estimate')}, {words.count(own)} set by the plan, the rest measured or published."
    )
    tables = [*_proposed(evaluation), *_assumptions(evaluation), *_parts(evaluation)]
    return Section("basis", "What it rests on", lead, tuple(tables), "Assumptions")


def _proposed(evaluation: Evaluation) -> Iterable[Table]:
    lines = []
    for entry in evaluation.proposed:
        chosen, _, why = entry.partition(": ")
        where, _, value = chosen.partition(" = ")
        lines.append((Code(where), value, why))
    if lines:
        columns = ("In the document", "Choice", "Reason")
        yield Table("What the plan left open and firstlight chose", columns, "lll", rows(lines))


def _assumptions(evaluation: Evaluation) -> Iterable[Table]:
    rooms: dict[str, list[Assumption]] = {}
    for entry in evaluation.assumptions:
        rooms.setdefault(entry.name.partition(".")[0], []).append(entry)
    for room, entries in rooms.items():
        lines = ((Code(each.name), _printed(each), standing(each.standing), each.source, each.note) for each in entries)
        columns = ("Name", "Value", "Standing", "Source", "Why")
        yield Table(f"Assumptions: {room}", columns, "lrlll", rows(lines), folded=len(evaluation.assumptions) > 20)


def _printed(entry: Assumption) -> str:
    return entry.text if entry.dimension != "fraction" or "%" in entry.text else words.share(entry.value)


def _parts(evaluation: Evaluation) -> Iterable[Table]:
    twin = evaluation.twin
    for part in (twin.system, twin.accelerator, twin.host, *([twin.nic] if twin.nic else [])):
        caption = f"{type(part).__name__}: {part.name} ({part.id})"
        yield Table(caption, ("Number", "Value", "Standing", "Source", "Note"), "lrlll", _provenance(part), folded=True)


def _provenance(part: Part) -> tuple[tuple[object, ...], ...]:
    """Every number of a part with where it is from."""
    lines: list[tuple[object, ...]] = []
    for name in type(part).model_fields:
        value = getattr(part, name)
        if name in _NOT_NUMBERS or value is None:
            continue
        fact = part.provenance(name)
        lines.append(
            (name.replace("_", " "), _value(value, name, part), standing(fact.standing), fact.source, fact.note)
        )
    return tuple(lines)


def _value(value: object, name: str, part: Part) -> str:
    """A part's number in its own unit; the unit is found in the field's type."""
    dimension = _dimension(name, part)
    if isinstance(value, float) and dimension:
        return words.amount(value, dimension)
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _dimension(name: str, part: Part) -> str | None:
    """The dimension that a field's type names; `X | None` carries it one level down."""
    field = type(part).model_fields[name]
    inside = [entry for kind in get_args(field.annotation) for entry in getattr(kind, "__metadata__", ())]
    found = [entry.dimension for entry in (*field.metadata, *inside) if isinstance(entry, Quantity)]
    return found[0] if found and found[0] in units.DIMENSIONS else None
