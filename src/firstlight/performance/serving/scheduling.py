"""Settings of serving engines that workloads give themselves, as assumptions of the models."""

from __future__ import annotations

from dataclasses import replace

from firstlight import units
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.workload import Serving


def scheduled(a: Assumptions, workload: Serving) -> Assumptions:
    """The assumptions with the workload's own settings of its engine."""
    given = workload.scheduler
    own = {
        "performance.serving_prefill_chunk": given.token_budget,
        "performance.serving_sequences": given.sequences,
        "performance.serving_memory_share": given.memory,
        "performance.serving_cache_share": None if given.memory is None else 1.0,
    }
    return a.given({name: _entry(a.entry(name), value) for name, value in own.items() if value is not None})


def _entry(entry: Assumption, value: float) -> Assumption:
    text = units.show(value, entry.dimension)
    return replace(entry, value=float(value), text=text, source="the workload's scheduler", standing="user")
