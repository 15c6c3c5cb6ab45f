"""Pydantic's findings as problems of the house: all of them, each with its place, in plain words, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import near, shape, words
from firstlight.spec.source import Source, Where, dotted
from firstlight.spec.words import Finding, Words

MOST = 100
_FORMS = ("tuple_type", "list_type", "float_type", "int_type", "string_type", "dict_type", "model_type")
"""What pydantic says of a value that has not even the form of a field, or of one member of its union."""
_CLAUSE = re.compile(r"[.;](?:\s|$)")
T = TypeVar("T")


def validated(source: Source, kind: TypeAdapter[T], annotation: Any) -> T:
    """The typed value of a document.

    Raises:
        DocumentError: all of its problems together.
    """
    try:
        value = kind.validate_python(source.value)
    except ValidationError as error:
        raise gathered([*source.wrong, *found(error, source, annotation)]) from None
    if source.problems:
        raise gathered(source.wrong)
    return value


def gathered(problems: Iterable[Problem]) -> DocumentError:
    """Problems as one error: by place, each once, at most a hundred."""
    unique = list(dict.fromkeys(problems))
    files = list(dict.fromkeys(problem.file for problem in unique))
    ordered = sorted(unique, key=lambda p: (files.index(p.file), p.line, p.column))
    if len(ordered) > MOST:
        rest = Problem("", f"{len(ordered) - MOST:,} more problems are not shown", "Mend these first.", ordered[0].file)
        ordered = [*ordered[:MOST], rest]
    return DocumentError(tuple(ordered))


def split(error: UsageError) -> Words:
    """A wrong call as what is wrong and the remedy, where a document made the call."""
    message, _, remedy = str(error).partition("; ")
    return message, remedy[:1].upper() + remedy[1:] + ("" if remedy[-1:] in ("", "?", ".") else ".")


def found(error: ValidationError, source: Source, annotation: Any, root: Where = ()) -> list[Problem]:
    """Pydantic's findings as problems.

    Args:
        error: of validating the part of `source` at `root`.
        source: the document.
        annotation: type of that part.
        root: way to that part.
    """
    problems: dict[Where, Problem] = {}
    details = error.errors(include_url=False)[: 10 * MOST]
    for detail in details:
        if _other_form(detail, details, source.get(root)):
            continue
        if detail["type"] == "too_short" and detail["input"]:
            continue  # pydantic counts only the valid entries; the others have findings of their own
        where, problem = _problem(detail, source, annotation, root)
        if source.readable((*root, *where)):
            problems[where] = problem
    return list(problems.values())


def _other_form(detail: ErrorDetails, details: Sequence[ErrorDetails], top: Any) -> bool:
    """The value has another form of a union, in which something nearer the mark is wrong with it."""
    where = _way(detail["loc"], top, missing=False)
    if detail["type"] not in _FORMS or len(where) == len(detail["loc"]):
        return False
    return any(
        other["type"] not in _FORMS and other["loc"] != detail["loc"]
        and _way(other["loc"], top, missing=False)[: len(where)] == where
        for other in details
    )  # fmt: skip


def _problem(detail: ErrorDetails, source: Source, annotation: Any, root: Where) -> tuple[Where, Problem]:
    top, kind = source.get(root), detail["type"]
    where = _way(detail["loc"], top, missing=kind == "missing")
    if kind == "extra_forbidden":
        message, remedy = _unknown(where, top, annotation)
        return where, source.problem((*root, *where), message, remedy, key=True)
    info = shape.field(annotation, where, top)
    expected = shape.at(annotation, where, top)
    finding = Finding(
        where=where,
        value=source.get((*root, *where)),
        kind=expected,
        example=shape.example(expected, info),
        required=info is None or info.is_required(),
        context=detail.get("ctx", {}),
    )
    if kind == "missing":
        return where, _missing(source, (*root, *where), finding, info)
    message, remedy = words.say(kind, finding)
    return where, source.problem((*root, *where), message, remedy)


def _missing(source: Source, where: Where, finding: Finding, info: FieldInfo | None) -> Problem:
    """A key that is not there, said at the key of the mapping that it is missing from."""
    told = f" ({_CLAUSE.split(info.description)[0]})" if info and info.description else ""
    around, inside = source.mark(where[:-1], key=True), source.mark(where[:-1])
    mark = around if around.file == inside.file else inside
    return mark.problem(dotted(where), "is missing", finding.instead[:-1] + told + ".")


def _way(loc: tuple[int | str, ...], value: Any, *, missing: bool) -> Where:
    """Pydantic's location without the names of union members, which stand in no document."""
    where: list[str | int] = []
    for step in loc:
        keyed = isinstance(value, dict) and step in value
        if keyed or (isinstance(value, list) and isinstance(step, int) and step < len(cast("list[Any]", value))):
            where.append(step)
            value = cast("Any", value)[step]
    return (*where, loc[-1]) if missing else tuple(where)


def _unknown(where: Where, top: Any, annotation: Any) -> Words:
    around, name = shape.at(annotation, where[:-1], top), str(where[-1])
    value = top
    for step in where[:-1]:
        value = value[step]
    owner = shape.model(around, value)
    known = [key for key in owner.model_fields if key != "facts"] if owner else []
    homes = list(dict.fromkeys(shape.homes(annotation, name)))
    close = near.nearest(name, known)
    if homes and not close:
        return f"unknown key {units.printed(name)} here", f"It belongs below `{homes[0]}:`."
    return f"unknown key {units.printed(name)}", near.hint(name, known, f"Known here: {', '.join(known)}.")
