"""Every layout of a served model, with one pool and with two, tried at every batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.serving.choose import too_large, too_slow
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.scheduling import scheduled
from firstlight.performance.serving.search.found import (
    ONE,
    TWO,
    Machinery,
    Prices,
    ServingFront,
    ServingPoint,
    ServingSearch,
)
from firstlight.performance.serving.search.points import BATCHES, LOADS, Points, one_pool, together, two_pools
from firstlight.performance.serving.space import space
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host
from firstlight.spec.workload import Serving
from firstlight.twin.protocols import Floats, Ints

CAPS = (0.85, 0.7, 0.55)
"""Power limits that fronts are told for, beside none."""


@dataclass(frozen=True)
class Asked:
    """One served model and what it runs on, but for the system's size.

    Attributes:
        workload: rate, lengths and limits. accelerator, host: parts. most: accelerators at hand.
        prices: of an accelerator.
    """

    workload: Serving
    model: Model
    accelerator: Accelerator
    host: Host
    most: int
    prices: Prices
    a: Assumptions


def search(asked: Asked, systems: Mapping[int, Machinery], own: int) -> ServingSearch:
    """The best layout within the limits, and fronts of throughput against the speed that one user sees.

    Args:
        asked: the model, and what it runs on.
        systems: with scale-up domains of several sizes, by size. own: the size of the system itself.

    Raises:
        InfeasibleError: no layout fits the memory, or none meets a limit; says how near the best one comes.
    """
    tried, fronts, found = 0, list[ServingFront](), dict[str, ServingPoint]()
    variants = [(own, 1.0), *((size, 1.0) for size in systems if size != own), *((own, cap) for cap in CAPS)]
    for size, cap in variants:
        variant = Variant(asked, systems[size], cap)
        if not fronts:
            found = variant.best()
        tried += variant.tried
        fronts.append(ServingFront(size, cap, tuple(variant.front())))
    best = min(found.values(), key=lambda point: (_for_all(point, asked), -point.tokens_per_s_each))
    replicas = _for_all(best, asked) // best.accelerators
    return ServingSearch(
        model=asked.model.id,
        tried=tried,
        best=best,
        accelerators=_for_all(best, asked),
        replicas=replicas,
        other=next((point for point in found.values() if point.pools != best.pools), None),
        fronts=tuple(fronts),
    )


def _for_all(point: ServingPoint, asked: Asked) -> int:
    """Accelerators that the asked rate takes with a layout."""
    return max(int(np.ceil(asked.workload.requests / point.requests - 1e-9)), 1) * point.accelerators


class Variant:
    """All configurations on one system under one power cap."""

    def __init__(self, asked: Asked, built: Machinery, cap: float) -> None:
        """Try them all.

        Raises:
            InfeasibleError: no layout fits the memory.
        """
        self.asked, self.system, self.cap = asked, built.system, cap
        workload = asked.workload
        layouts = space(asked.model, scheduled(asked.a, workload), workload.prompt)
        parts = built.system, asked.accelerator, asked.host
        case = Case.asked(workload, asked.model, *parts, layouts, built.collective, asked.a, cap)
        most = slots(case)
        if not (most >= 1).any():
            raise too_large(case)
        self.case = case = case.of(np.flatnonzero(most >= 1))
        batch = np.floor(most[most >= 1] ** np.linspace(0.0, 1.0, BATCHES)[:, None])
        first = workload.first_token or np.inf
        single = one_pool(case, batch, cap)
        pairs = two_pools(case, batch, first, cap) if workload.answer > 1 else single.take(np.empty(0, np.int64))
        self.tried = len(single) + (len(case.layouts) * len(LOADS) * batch.size if workload.answer > 1 else 0)
        every = together((single, pairs))
        if not (every.accelerators <= asked.most).any():
            raise _too_few(asked, int(every.accelerators.min()))
        self.every = every.take(every.accelerators <= asked.most)
        self.points = self.every.take(self.every.first_within <= first * (1 + 1e-9))

    def best(self) -> dict[str, ServingPoint]:
        """The fewest accelerators within the limits for the asked rate, with one pool and with two.

        Raises:
            InfeasibleError: there is none.
        """
        every, workload = self.every, self.asked.workload
        points = self.points.take(self.points.token_within <= (workload.per_token or np.inf) * (1 + 1e-9))
        if not len(points):
            raise too_slow(self.case, workload, every.first_within, every.token_within, every.accelerators)
        total = points.accelerators * np.ceil(workload.requests / points.rate - 1e-9)
        order = np.lexsort((-points.each, total))
        kinds = {ONE: points.reading < 0, TWO: points.reading >= 0}
        first = {kind: order[kept[order]] for kind, kept in kinds.items()}
        return {kind: self._point(points, int(places[0])) for kind, places in first.items() if len(places)}

    def front(self) -> Iterator[ServingPoint]:
        """What nothing beats in tokens of an accelerator and in tokens of a user, by rising speed for a user."""
        several = self.asked.workload.answer > 1
        for at in _unbeaten(self.points.each, self.points.per_token if several else self.points.first_token):
            yield self._point(self.points, at)

    def _point(self, points: Points, at: int) -> ServingPoint:
        system, answer, prices = self.system, self.asked.workload.answer, self.asked.prices
        each, power = float(points.each[at]) * answer, float(points.power[at])
        watts = (system.idle_power + power * (system.power - system.idle_power)) / system.accelerators
        feed = watts * prices.pue
        return ServingPoint(
            pools=ONE if points.reading[at] < 0 else TWO,
            layout=points.layout(self.case, at),
            accelerators=int(points.accelerators[at]),
            first_token=float(points.first_token[at]),
            per_token=float(points.per_token[at]),
            requests=float(points.rate[at]),
            tokens_per_s_user=1.0 / float((points.per_token if answer > 1 else points.first_token)[at]),
            tokens_per_s_each=each,
            watts_each=watts,
            joules_per_token=watts / each,
            tokens_per_s_megawatt=each / feed * 1e6,
            tokens_per_dollar=each / (prices.hourly / units.HOUR + feed * prices.energy),
        )


def _unbeaten(each: Floats, pace: Floats) -> Ints:
    """Places of the points that none beats in throughput and in time, from the greatest throughput on."""
    order = np.lexsort((pace, -each))
    fastest = np.minimum.accumulate(pace[order])
    kept = np.append(True, fastest[1:] < fastest[:-1] * (1 - 1e-9)) if len(order) else np.empty(0, bool)
    return order[kept]


def _too_few(asked: Asked, least: int) -> InfeasibleError:
    remedy = "Give the model more accelerators, serve it in fewer bits, or choose an accelerator with more memory."
    limit = Limit("accelerators", f"{least:,} at the least", f"{asked.most:,}", remedy, least / asked.most)
    return InfeasibleError(f"{asked.model.id} does not fit:", (limit,))
