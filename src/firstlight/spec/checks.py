"""What no single field can know: ids that must exist, fields that must fit each other, fields without effect.

Each check is given only sections that are valid by themselves (None where one is not), so that one run reports what is
wrong everywhere. What can be built or met is not decided here: that is planning.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import assumptions as entries
from firstlight.spec import models, places, teachers
from firstlight.spec import parts as kinds
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import MOST_ACCELERATORS, Design
from firstlight.spec.fabric import without_effect
from firstlight.spec.model import Experts, Model
from firstlight.spec.parts import Part
from firstlight.spec.problems import split
from firstlight.spec.questions import questions
from firstlight.spec.site import Site
from firstlight.spec.source import Source, Where
from firstlight.spec.workload import Drafts, Serving, Training

P = TypeVar("P", bound=Part)
Demand = tuple[Training | Serving | None, ...]


@dataclass(frozen=True)
class Sections:
    """The sections of a plan that are valid by themselves, and what they are checked against.

    Attributes:
        source: the document.
        catalog: the parts that its ids may name.
        models: the models of the workloads, by the way to them; those that nobody knows are left out.
        site, demand, design: None where the section (or the entry of the demand) is wrong.
    """

    source: Source
    catalog: Catalog
    models: Mapping[Where, Model]
    site: Site | None
    demand: Demand | None
    design: Design | None


_PARTS: Mapping[Where, tuple[type[Part], bool]] = {
    ("system",): (kinds.System, False),
    ("fabric", "switch"): (kinds.Switch, False),
    ("fabric", "spine_switch"): (kinds.Switch, False),
    ("power", "ups"): (kinds.Ups, True),
    ("power", "transformer"): (kinds.Transformer, False),
    ("power", "generator"): (kinds.Generator, True),
    ("power", "battery"): (kinds.Battery, True),
    ("cooling", "cdu"): (kinds.Cdu, False),
}
"""The ids of a design: the kind of part, and whether "none" may stand there."""


def parts(source: Source, root: Where, catalog: Catalog) -> Iterator[Problem]:
    """Ids of a design (at `root`) that the catalogue does not have."""
    for where, (kind, none) in _PARTS.items():
        name = source.get((*root, *where))
        if not isinstance(name, str) or not name or (none and name == "none"):
            continue
        try:
            catalog.part(kind, name)
        except UsageError as error:
            yield source.problem((*root, *where), *split(error))


def model_names(source: Source, roots: Iterable[Where], base: Path) -> tuple[dict[Where, Model], list[Problem]]:
    """The models of the workloads (at `roots`), by the way to the workload, and of their teachers, by the way to the
    field; problems with those that nobody knows."""
    found, problems = dict[Where, Model](), list[Problem]()
    for where in ((*root, key) for root in roots for key in ("train", "serve", "teacher")):
        name = source.get(where)
        if not isinstance(name, str) or not name:
            continue
        try:
            found[where if where[-1] == "teacher" else where[:-1]] = models.find(name, base)
        except UsageError as error:
            problems.append(source.problem(where, *split(error)))
        except DocumentError as error:
            problems += error.problems
    return found, problems


def weather(source: Source, root: Where, base: Path) -> Iterator[Problem]:
    """A weather file of a site (at `root`) that is not there, or that holds no year of weather."""
    file, where = source.get((*root, "weather")), (*root, "weather")
    if not isinstance(file, str) or not file:
        return
    if not os.path.isfile(base / file):
        remedy = "Paths are relative to the document."
        yield source.problem(where, f"no such file: {units.printed(str(base / file), 1000)}", remedy)
        return
    try:
        from firstlight.spec import epw  # brings numpy

        epw.read(base / file)
    except UsageError as error:
        yield source.problem(where, *split(error))


def place(source: Source, root: Where) -> Iterator[Problem]:
    """A place of a site (at `root`) that nobody knows."""
    name = source.get((*root, "place"))
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        return
    try:
        places.find(name)
    except UsageError as error:
        yield source.problem((*root, "place"), *split(error))


def assumptions(source: Source, overrides: Mapping[str, str | float]) -> Iterator[Problem]:
    """Assumptions that do not exist, or that cannot have the value given."""
    for name, value in overrides.items():
        try:
            entries.with_overrides(entries.shipped(), {name: value})
        except DocumentError as error:
            for problem in error.problems:
                message, _, remedy = problem.message.partition("; write ")
                told = problem.remedy or (f"Write {remedy}." if remedy else "")
                yield source.problem(("assumptions", name), message, told, key=problem.message.startswith("unknown"))


def dates(source: Source, start: dt.date | None, ready_by: dt.date | float | None, today: dt.date) -> Iterator[Problem]:
    """First light before the first order, or before today."""
    if ready_by is None:
        return
    first = start or today
    ready = ready_by if isinstance(ready_by, dt.date) else first + dt.timedelta(seconds=ready_by)
    if start and ready < start:
        yield source.problem(("ready_by",), f"{ready} is before the start, {start}", "Write a later date.")
    elif ready < today:
        remedy = "Write a date that is still to come" + (", or a later start." if start else ".")
        yield source.problem(("ready_by",), f"{ready} is in the past (today is {today})", remedy)


def site(given: Sections) -> Iterator[Problem]:
    """Fields of the site that do not fit each other."""
    if given.site and given.site.supply_temperature is not None and "liquid" not in given.site.cooling:
        where, message = ("site", "supply_temperature"), "has no effect: the site takes no liquid cooling"
        yield given.source.problem(where, message, "Remove it, or add liquid to site.cooling.", key=True)
    if given.site and given.site.halls is not None and given.site.halls < given.site.buildings:
        halls = f"{given.site.halls:,} {'hall' if given.site.halls == 1 else 'halls'}"
        message = f"{halls} cannot fill {given.site.buildings:,} buildings"
        yield given.source.problem(("site", "halls"), message, f"Write {given.site.buildings:,} or more.")


def workloads(given: Sections) -> Iterator[Problem]:
    """Fields of each workload that do not fit each other or its model."""
    for index, workload in enumerate(given.demand or ()):
        where, model = ("demand", index), given.models.get(("demand", index))
        if isinstance(workload, Training) and workload.batch is not None and workload.batch < workload.sequence:
            message = f"a batch of {units.show(workload.batch, 'tokens')} is less than one sequence"
            yield given.source.problem((*where, "batch"), message, f"Write {workload.sequence} tokens or more.")
        if isinstance(workload, Training):
            yield from _teacher(given, where, workload)
        if isinstance(workload, Serving):
            yield from questions(given.source, (*where, "traffic"), workload, model)
        if isinstance(workload, Serving) and workload.drafts:
            yield from _drafts(given.source, (*where, "drafts"), workload, workload.drafts)
        if isinstance(workload, Serving) and model and model.one_pass:
            yield from _one_pass(given.source, where, workload, model)
        elif isinstance(workload, Serving) and model and workload.prompt + workload.answer > model.context:
            message = f"prompt and answer are {workload.prompt + workload.answer:,} tokens together"
            remedy = f"{model.name} reads and writes at most {model.context:,}: shorten them."
            yield given.source.problem((*where, "prompt"), message, remedy)


def _teacher(given: Sections, where: Where, workload: Training) -> Iterator[Problem]:
    """Fields of distillation without effect, and a teacher that does not suit the student."""
    if workload.teacher is None and workload.distil is not None:
        message, remedy = "has no effect without a teacher", "Remove it, or name a model to learn from: `teacher:`."
        yield given.source.problem((*where, "distil"), message, remedy, key=True)
    if not workload.beforehand and workload.prompt is not None:
        message, remedy = "has no effect: no teacher writes text", "Remove it, or write a teacher and distil: text."
        yield given.source.problem((*where, "prompt"), message, remedy, key=True)
    student, teacher = given.models.get(where), given.models.get((*where, "teacher"))
    if student and teacher and (found := teachers.unsuited(workload, student, teacher)):
        field, message, remedy = found
        yield given.source.problem((*where, field if given.source.get((*where, field)) else "teacher"), message, remedy)


def _drafts(source: Source, where: Where, workload: Serving, drafts: Drafts) -> Iterator[Problem]:
    """Drafts without effect."""
    if workload.answer == 1:
        yield source.problem(where, "has no effect: answers of one token are read, not written", "Remove it.", key=True)
    if drafts.tokens == 1 and drafts.later is not None:
        message, remedy = "has no effect: one token is drafted, and none after it", "Remove it, or raise `tokens`."
        yield source.problem((*where, "later"), message, remedy, key=True)


def _one_pass(source: Source, where: Where, workload: Serving, model: Model) -> Iterator[Problem]:
    """Limits and lengths that a model which writes nothing token after token does not have."""
    if workload.prompt > model.context:
        message, remedy = f"is {workload.prompt:,} tokens", f"{model.name} reads at most {model.context:,}: shorten it."
        yield source.problem((*where, "prompt"), message, remedy)
    if workload.answer != 1:
        message = f"{model.name} reads all tokens in one pass and writes none after another"
        remedy = "Write answer: 1; a request is then one pass (a video of 50 denoising steps is 50 of them)."
        yield source.problem((*where, "answer"), message, remedy)
    if workload.per_token is not None:
        message = f"has no effect: {model.name} writes no token after another"
        yield source.problem((*where, "per_token"), message, "Remove it; first_token limits the pass.", key=True)


def spares(given: Sections) -> Iterator[Problem]:
    """Hot spares that leave nothing to work, or ask for more accelerators than any design may have."""
    if given.design is None or given.design.spare is None:
        return
    where, working = ("design", "spare"), 1 - given.design.spare
    placed = sum(placement.accelerators for placement in given.design.placements or ())
    if not working:
        yield given.source.problem(where, "leaves no accelerator to work", "Write less than 100 %.")
    elif given.design.accelerators is None and placed > working * MOST_ACCELERATORS:
        message = (
            f"of {MOST_ACCELERATORS:,} accelerators, the most there may be, it leaves less than the {placed:,} placed"
        )
        yield given.source.problem(where, message, "Write a smaller share.")


def fabric(given: Sections) -> Iterator[Problem]:
    """Fields of the fabric that would have no effect, and systems that cannot be joined so."""
    if given.design is None:
        return
    design = given.design.fabric
    for name, where in without_effect(design):
        remedy = f"Remove `{name}`, or choose another kind of fabric."
        message = "has no effect: a torus has no switches" if design.kind == "torus" else f"has no effect {where}"
        yield given.source.problem(("design", "fabric", name), message, remedy, key=True)
    for field in ("switch", "spine_switch"):
        switch = _named(given, kinds.Switch, getattr(design, field))
        if switch and switch.protocol == "nvlink":
            message = f"{switch.id} joins the accelerators of one system, and no fabric"
            yield given.source.problem(("design", "fabric", field), message, "Name an Ethernet or InfiniBand switch.")
    system = _system(given)
    if system and system.nic is None and design.kind not in (None, "torus"):
        message = f"{system.id} has no NICs; its accelerators are joined by a torus"
        yield given.source.problem(("design", "fabric", "kind"), message, "Write torus, or leave the kind out.")
    if system and system.nic is not None and design.kind == "torus":
        message = f"{system.id} joins its nodes by NICs, and makes no torus"
        yield given.source.problem(("design", "fabric", "kind"), message, "Write clos, or leave the kind out.")


def _system(given: Sections) -> kinds.System | None:
    return _named(given, kinds.System, given.design.system if given.design else None)


def _named(given: Sections, kind: type[P], name: str | None) -> P | None:
    """The part that a design names; None where it names none, or one that is not there (which is said elsewhere)."""
    try:
        return given.catalog.part(kind, name) if name else None
    except UsageError:
        return None


def power(given: Sections) -> Iterator[Problem]:
    """Fields of the power chain that would have no effect."""
    if given.design and given.design.power.ups == "none" and given.design.power.redundancy is not None:
        where = ("design", "power", "redundancy")
        message = "has no effect: the racks are fed without a UPS"
        yield given.source.problem(where, message, "Remove it, or name a UPS.", key=True)


def cooling(given: Sections) -> Iterator[Problem]:
    """Fields of the cooling plant that would have no effect."""
    if given.design is None or given.design.cooling.cdu is None:
        return
    where, remedy = ("design", "cooling", "cdu"), "Remove it"
    system = _system(given)
    if given.site and "liquid" not in given.site.cooling:
        message = "has no effect: the site takes no liquid cooling"
        yield given.source.problem(where, message, f"{remedy}, or add liquid to site.cooling.", key=True)
    elif system and system.liquid == 0:
        message = f"has no effect: {system.id} gives no heat to liquid"
        yield given.source.problem(where, message, f"{remedy}, or choose a liquid-cooled system.", key=True)


def has_experts(model: Model) -> bool:
    """The model is a mixture of experts."""
    return any(isinstance(block.feed_forward, Experts) for tower in model.towers for block in tower.blocks)


Check = Callable[[Sections], Iterator[Problem]]
CHECKS: tuple[Check, ...] = (site, workloads, spares, fabric, power, cooling)
