"""Checks of a design's placements: one for each workload, laid out so that the ranks come out whole."""

from __future__ import annotations

from collections.abc import Iterator

from firstlight.errors import Problem
from firstlight.spec.checks import Sections, has_experts
from firstlight.spec.design import Placement, ServingLayout, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.source import Where
from firstlight.spec.workload import Serving, Training


def placements(given: Sections) -> Iterator[Problem]:
    """Placements that do not fit the demand, the factory or themselves."""
    if given.design is None or given.design.placements is None:
        return
    yield from _counts(given, given.design.placements)
    for index, placement in enumerate(given.design.placements):
        workload = given.demand[index] if given.demand and index < len(given.demand) else None
        yield from _kind(given, index, placement, workload)
        models = [given.models.get(("demand", index))]
        if isinstance(workload, Training) and workload.beside:
            models.append(given.models.get(("demand", index, "teacher")))
        yield from _layout(given, index, placement, models)


def _counts(given: Sections, placed: tuple[Placement, ...]) -> Iterator[Problem]:
    where, total = ("design", "placements"), sum(placement.accelerators for placement in placed)
    if given.demand is not None and len(placed) != len(given.demand):
        message = f"{len(placed)} placements for {len(given.demand)} workloads"
        yield given.source.problem(where, message, "Write one for each workload, in the demand's order.", key=True)
    most = given.design.accelerators if given.design else None
    spares = round((most or 0) * (given.design.spare or 0.0)) if given.design else 0
    if most is not None and total > most - spares:
        spared = f", of which {spares:,} are hot spares" if spares else ""
        message = f"{total:,} accelerators are placed, but the design has {most:,}{spared}"
        remedy = f"Take {total - most + spares:,} out, or raise design.accelerators."
        yield given.source.problem(where, message, remedy, key=True)


def _kind(given: Sections, index: int, placement: Placement, workload: Training | Serving | None) -> Iterator[Problem]:
    """A workload is placed with a layout of its own kind."""
    if workload is None:
        return
    wanted, other = ("training", "serving") if isinstance(workload, Training) else ("serving", "training")
    where = ("design", "placements", index)
    if getattr(placement, other) is not None:
        message = f"has no effect: demand[{index}] is a {wanted} workload"
        yield given.source.problem((*where, other), message, f"Write `{wanted}:` instead.", key=True)
    elif getattr(placement, wanted) is None:
        message = f"does not say how the {wanted} workload demand[{index}] is laid out"
        yield given.source.problem(where, message, f"Add `{wanted}: {{tensor: 8}}`, or leave all placements out.")


def _layout(given: Sections, index: int, placement: Placement, models: list[Model | None]) -> Iterator[Problem]:
    for name, layout in (("training", placement.training), ("serving", placement.serving)):
        if layout is not None:
            where = ("design", "placements", index)
            yield from _ranks(given, where, placement, layout)
            yield from _experts(given, (*where, name, "expert"), placement, layout, models)
            yield from _interleave(given, (*where, name), layout)
            yield from _engines(given, (*where, name), layout)


def _group(layout: TrainingLayout | ServingLayout) -> tuple[int, str]:
    """Accelerators of one replica, and how they come about."""
    if isinstance(layout, TrainingLayout):
        words = f"tensor {layout.tensor} x pipeline {layout.pipeline} x context {layout.context}"
        return layout.tensor * layout.pipeline * layout.context, words
    words = f"tensor {layout.tensor} x pipeline {layout.pipeline} x data {layout.data}"
    words += f" x context {layout.context}" if layout.context > 1 else ""
    if layout.prefill:
        pool = layout.prefill
        words = f"{layout.engines} x {layout.engine} that decode and {pool.engines} x "
        words += f"{pool.accelerators // pool.engines} that read prompts"
    return layout.accelerators, words


def _ranks(
    given: Sections, where: Where, placement: Placement, layout: TrainingLayout | ServingLayout
) -> Iterator[Problem]:
    group, words = _group(layout)
    if placement.accelerators % group:
        low = placement.accelerators // group * group
        nearest = f"{low} or {low + group}" if low else f"{group} or a multiple of it"
        message = f"{placement.accelerators:,} accelerators do not divide into groups of {words} = {group:,}"
        yield given.source.problem((*where, "accelerators"), message, f"Write {nearest}, or another layout.")


def _experts(
    given: Sections,
    where: Where,
    placement: Placement,
    layout: TrainingLayout | ServingLayout,
    models: list[Model | None],
) -> Iterator[Problem]:
    """Expert-parallel ranks lie inside tensor (x context) x data, and only a mixture of experts has them: the model, or
    a teacher that runs beside it."""
    if layout.expert == 1:
        return
    known = [model for model in models if model is not None]
    if len(known) == len(models) and not any(has_experts(model) for model in known):
        message = f"has no effect: {' and '.join(model.name for model in known)} {'has' if len(known) < 2 else 'have'}"
        message += " no experts"
        yield given.source.problem(where, message, "Remove it.", key=True)
        return
    words, ranks = "tensor x data x context", 0
    if isinstance(layout, ServingLayout):
        ranks = layout.tensor * layout.data * layout.context
    if isinstance(layout, TrainingLayout):
        words = "tensor x context x data"
        ranks = layout.tensor * layout.context * (placement.accelerators // _group(layout)[0])
    if ranks and ranks % layout.expert:
        fitting = max(n for n in range(1, min(layout.expert, ranks) + 1) if ranks % n == 0)
        message = f"{layout.expert:,} expert-parallel ranks do not divide {words} = {ranks:,}"
        yield given.source.problem(where, message, f"Write {fitting}, or another divisor of {ranks:,}.")


def _interleave(given: Sections, where: Where, layout: TrainingLayout | ServingLayout) -> Iterator[Problem]:
    if isinstance(layout, TrainingLayout) and layout.interleave > 1 and layout.pipeline == 1:
        message = "has no effect: one pipeline stage cannot be interleaved"
        yield given.source.problem((*where, "interleave"), message, "Remove it, or raise `pipeline`.", key=True)


def _engines(given: Sections, where: Where, layout: TrainingLayout | ServingLayout) -> Iterator[Problem]:
    if isinstance(layout, ServingLayout) and layout.engines > 1 and layout.prefill is None:
        message = "has no effect: without a pool of prefill engines, more engines are more replicas"
        yield given.source.problem((*where, "engines"), message, "Remove it, or add `prefill: {engines: 1}`.", key=True)
