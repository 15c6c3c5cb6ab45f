"""Settings of serving engines that workloads give themselves, as assumptions of the models."""

from __future__ import annotations

from dataclasses import replace

from firstlight import units
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.workload import Serving


def scheduled(a: Assumptions, workload: Serving) -> Assumptions:
    """The assumptions with the workload's own settings of its engine."""
    given = workload.scheduler
    own = {"prefill_chunk": given.token_budget, "sequences": given.sequences, "memory_share": given.memory}
    return a.given({
        entry.name: entry
        for name, value in own.items() if value is not None
        for entry in (_entry(a, f"performance.serving_{name}", float(value)),)
    })  # fmt: skip


def _entry(a: Assumptions, name: str, value: float) -> Assumption:
    entry = a.entry(name)
    text = units.show(value, entry.dimension)
    return replace(entry, value=value, text=text, source="the workload's scheduler", standing="user")
