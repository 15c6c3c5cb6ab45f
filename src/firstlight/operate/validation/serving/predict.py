"""Many measured runs predicted side by side: rows of one model on one machine under one engine as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from firstlight.evaluate.build import Parts
from firstlight.network.collectives import FabricTime
from firstlight.operate.validation.runs import machine_of
from firstlight.operate.validation.serving.engines import Values, assumptions
from firstlight.operate.validation.serving.layouts import Engine
from firstlight.operate.validation.serving.reading import Served
from firstlight.operate.validation.table import Row
from firstlight.performance.machine import family, machine
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.loops import Latency, Loop, aggregated, disaggregated
from firstlight.spec import assumptions as spec_assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator
from firstlight.twin.protocols import Floats, Ints

DOMAINS = 16
"""Scale-up domains of the fabric between engines."""


class Machines:
    """Systems of the catalogue and their fabrics, each built once."""

    def __init__(self, catalog: Catalog):
        self.catalog = catalog
        self.known: dict[str, tuple[Parts, FabricTime]] = {}

    def of(self, accelerator: str) -> tuple[Parts, FabricTime]:
        """The largest system with an accelerator, and the time of collectives between many of it."""
        if accelerator not in self.known:
            a = spec_assumptions.with_overrides(spec_assumptions.shipped(), {})
            chip = self.catalog.part(Accelerator, accelerator)
            count = DOMAINS * max(chip.scale_up_domain or 1, 72 * 8)
            self.known[accelerator] = machine_of(Row(0, {"accelerator": accelerator}), self.catalog, count, a)
        return self.known[accelerator]


@dataclass(frozen=True)
class Batch:
    """Runs of one model, machine, type, engine and cache; `index` of each among all runs."""

    runs: tuple[Served, ...]
    index: Ints
    parts: Parts
    time: FabricTime

    def latency(self, values: Values | None = None) -> Latency:
        """What their clients see (..., n): with values that are arrays over fits (fits, 1), (fits, n)."""
        first, a = self.runs[0], self._assumptions(values)
        work = machine(self.parts.accelerator, self.parts.host, self.parts.system, first.kind, a)

        def case(engines: Layouts) -> Case:
            return Case(first.model, self._prompt, self._answer, work, engines, self.time, a)

        writing = case(self._writing)
        if not first.split:
            return aggregated(writing, self._loop)
        return disaggregated(case(self._reading), writing, self._loop, self._readers, self._writers)

    def _assumptions(self, values: Values | None):
        first = self.runs[0]
        made = family(self.parts.accelerator.architecture)
        return assumptions(first.engine, made, first.wide_cache, values)

    @cached_property
    def _prompt(self) -> Floats:
        return np.array([run.prompt for run in self.runs])

    @cached_property
    def _answer(self) -> Floats:
        return np.array([run.answer for run in self.runs])

    @cached_property
    def _readers(self) -> Floats:
        return np.array([run.readers for run in self.runs])

    @cached_property
    def _writers(self) -> Floats:
        return np.array([run.writers for run in self.runs])

    @cached_property
    def _writing(self) -> Layouts:
        return _layouts([run.writing for run in self.runs])

    @cached_property
    def _reading(self) -> Layouts:
        return _layouts([run.reading for run in self.runs])

    @cached_property
    def _loop(self) -> Loop:
        names = ("clients", "equal", "together", "drafts", "early")
        return Loop(*(np.array([float(getattr(run, name)) for run in self.runs]) for name in names))


def _layouts(engines: Sequence[Engine]) -> Layouts:
    rows = [(one.tensor, 1, one.data, min(one.expert, one.tensor * one.data), 1, 1, 0) for one in engines]
    return Layouts(*np.asarray(rows, dtype=np.int64).T)


def batches(runs: Sequence[Served], machines: Machines) -> list[Batch]:
    """Runs by what they share."""
    parted: dict[tuple[object, ...], list[int]] = {}
    for index, run in enumerate(runs):
        key = (run.model.id, run.accelerator, run.kind, run.engine, run.wide_cache, run.split)
        parted.setdefault(key, []).append(index)
    return [
        Batch(tuple(runs[i] for i in index), np.array(index), *machines.of(runs[index[0]].accelerator))
        for index in parted.values()
    ]


def latencies(parts: Sequence[Batch], values: Values | None = None) -> tuple[Floats, Floats]:
    """Time to the first token and per token of all runs [s], (..., runs)."""
    found = [(one.index, one.latency(values)) for one in parts]
    shape = np.broadcast_shapes(*(each.per_token.shape[:-1] for _, each in found))
    total = sum(len(index) for index, _ in found)
    first, token = np.empty((*shape, total)), np.empty((*shape, total))
    for index, each in found:
        first[..., index], token[..., index] = each.first_token, each.per_token
    return first, token
