"""Documents from files: read, put together, validated and checked; all problems at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import TypeAdapter, ValidationError

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import assumptions as entries
from firstlight.spec import catalog as catalogs
from firstlight.spec import checks, near, placements, problems, references, sets, shape, source
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.dump import dump
from firstlight.spec.model import Model
from firstlight.spec.plan import Plan
from firstlight.spec.site import Site
from firstlight.spec.source import Source, Where
from firstlight.spec.workload import Workload

__all__ = ["KINDS", "TYPES", "Kind", "Loaded", "dump", "kind_of", "load_document", "load_plan"]

Kind = Literal["plan", "site", "demand", "workload", "design", "catalog"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TYPES: Mapping[Kind, Any] = {
    "plan": Plan,
    "site": Site,
    "demand": shape.at(Plan, ("demand",), {}),
    "workload": Workload,
    "design": Design,
    "catalog": tuple[catalogs.AnyPart, ...],
}
"""The type of each document."""


@dataclass(frozen=True)
class Loaded:
    """A plan that was read and found right.

    Attributes:
        plan: the plan.
        path: its file.
        base: folder that the plan's paths (weather, models) are relative to.
        catalog: the shipped catalogue with the plan's own parts laid over it.
        assumptions: the shipped ones with the plan's own values laid over them; none of them read yet.
    """

    plan: Plan
    path: Path
    base: Path
    catalog: Catalog
    assumptions: Assumptions


@cache
def _adapter(kind: Kind) -> TypeAdapter[Any]:
    return TypeAdapter(TYPES[kind])


def load_plan(path: Path, *, sets: Mapping[str, str] | None = None, today: dt.date) -> Loaded:
    """Read a plan with everything that it refers to.

    Args:
        path: of the YAML file.
        sets: values to replace in it for this run, as YAML, by dotted path.
        today: the day of the run; a plan that should be ready before it is refused.

    Raises:
        DocumentError: all that is wrong with it, each problem with its place and remedy.
    """
    document = _assembled(path, sets or {})
    catalog, found = _catalog(document, path.parent)
    plan, wrong = _typed(document)
    known, unknown = checks.model_names(document, _entries(document, ("demand",)), path.parent)
    found += [*document.wrong, *wrong, *unknown, *checks.parts(document, ("design",), catalog)]
    found += [*checks.place(document, ("site",)), *checks.weather(document, ("site",), path.parent)]
    given = _sections(document, plan, catalog, known)
    found += [problem for check in (*checks.CHECKS, placements.placements) for problem in check(given)]
    start, ready_by = (_field(document, plan, name) for name in ("start", "ready_by"))
    found += checks.dates(document, start, ready_by, today)
    found += checks.assumptions(document, _field(document, plan, "assumptions") or {})
    if found or plan is None:
        raise problems.gathered(found)
    return Loaded(plan, path, path.parent, catalog, entries.with_overrides(entries.shipped(), plan.assumptions))


def _assembled(path: Path, changes: Mapping[str, str]) -> Source:
    """The document with its references in place and its values replaced."""
    document = references.resolved(source.read(path), path)
    if not changes:
        return document
    # A replaced value may be a reference of its own.
    return references.resolved(sets.applied(document, Plan, changes), path)


def _catalog(document: Source, base: Path) -> tuple[Catalog, list[Problem]]:
    """The plan's catalogue; the shipped one, with the problems, where its own cannot be read."""
    named = document.get(("catalog",))
    if not isinstance(named, str) or not named:
        return catalogs.load(None), []
    try:
        return catalogs.load(base / named), []
    except DocumentError as error:
        if all(problem.line for problem in error.problems):
            return catalogs.load(None), list(error.problems)
        told = error.problems[0]
        message = f"{units.printed(str(base / named), 1000)}: {told.message}"
        return catalogs.load(None), [document.problem(("catalog",), message, told.remedy)]
    except UsageError as error:
        return catalogs.load(None), [document.problem(("catalog",), str(error))]


def _typed(document: Source) -> tuple[Plan | None, list[Problem]]:
    try:
        return _adapter("plan").validate_python(document.value), []
    except ValidationError as error:
        return None, problems.found(error, document, Plan)


def _sections(document: Source, plan: Plan | None, catalog: Catalog, known: Mapping[Where, Model]) -> checks.Sections:
    """The sections that are valid by themselves."""
    demand = tuple(_valid(_adapter("workload"), document.get(where)) for where in _entries(document, ("demand",)))
    return checks.Sections(
        source=document,
        catalog=catalog,
        models=known,
        site=_field(document, plan, "site"),
        demand=plan.demand if plan else demand or None,
        design=_field(document, plan, "design"),
    )


def _field(document: Source, plan: Plan | None, name: str) -> Any:
    """A field of the plan; where the plan is wrong, the field by itself, or None."""
    return getattr(plan, name) if plan else _valid(_field_adapter(name), document.get((name,)))


@cache
def _field_adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(Plan.model_fields[name].rebuild_annotation())


def _valid(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None  # its problems are reported with the whole plan's


def _entries(document: Source, where: Where) -> list[Where]:
    listed = document.get(where)
    return [(*where, index) for index in range(len(cast("list[Any]", listed)) if isinstance(listed, list) else 0)]


def _read(kind: Kind, path: Path) -> tuple[Source, Any]:
    document = source.read(path)
    if kind == "demand":
        document = references.demand(document, path)
    return document, problems.validated(document, _adapter(kind), TYPES[kind])


def load_document(kind: str, path: Path) -> Any:
    """Read a document of any kind: plan, site, demand, workload, design or catalog.

    Returns:
        Plan, Site, a tuple of workloads, a workload, Design, or Catalog (the document laid over the shipped one).

    Raises:
        UsageError: there is no such kind.
        DocumentError: all that is wrong with it.
    """
    if kind not in KINDS:
        raise UsageError(f'there is no document "{kind}"; {near.hint(kind, KINDS, "write one of " + ", ".join(KINDS))}')
    if kind == "plan":
        return load_plan(path, today=dt.date.today()).plan
    if kind == "catalog":
        return catalogs.load(path)
    document, value = _read(kind, path)
    if found := _references(kind, document, path.parent):
        raise problems.gathered(found)
    return value


def kind_of(path: Path) -> Kind:
    """What a document seems to be, by its keys; a plan where nothing can be said."""
    try:
        value = source.read(path).value
    except DocumentError:
        return "plan"
    if isinstance(value, list):
        entries = cast("list[Any]", value)
        return "catalog" if any(isinstance(entry, dict) and "kind" in entry for entry in entries) else "demand"
    keys = cast("dict[str, Any]", value).keys() if isinstance(value, dict) else set[str]()
    mappings: tuple[Kind, ...] = ("plan", "site", "workload", "design")
    return max(mappings, key=lambda kind: len(keys & shape.keys(TYPES[kind])))


def _references(kind: Kind, document: Source, base: Path) -> list[Problem]:
    """Parts, models and files that a single document names and nobody has."""
    if kind == "site":
        return [*checks.place(document, ()), *checks.weather(document, (), base)]
    if kind == "design":
        return list(checks.parts(document, (), catalogs.load(None)))
    if kind in ("demand", "workload"):
        return checks.model_names(document, _entries(document, ()) if kind == "demand" else [()], base)[1]
    return []
