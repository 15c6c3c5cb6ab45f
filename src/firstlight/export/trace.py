"""A timeline in the Trace Event Format, which chrome://tracing and ui.perfetto.dev open."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from firstlight.performance.training.timeline import Event, Timeline

STREAMS = {"compute": 0, "communication": 1}
"""Thread of each stream."""


def trace(timeline: Timeline) -> str:
    """The timeline as JSON text: a process for each pipeline rank, a thread for each stream, times in microseconds.

    Complete events ("X") with `ts` and `dur`, in order of time within each thread; names in metadata events ("M").
    What is shorter than a nanosecond is left out.
    Format: "Trace Event Format" (Google, 2016), JSON object form.
    """
    ranks = sorted({event.rank for event in timeline.events})
    body = {
        "traceEvents": [*_names(ranks), *(told for told in map(_event, timeline.events) if told["dur"])],
        "displayTimeUnit": "ms",
        "otherData": {
            "model": timeline.model,
            "schedule": timeline.schedule,
            "layout": timeline.layout.model_dump(mode="json"),
            "micro_batches": timeline.micro_batches,
            "step_time_s": timeline.step_time,
            "schedule_scale": timeline.scale,
            "pipeline_ranks": timeline.ranks,
            "pipeline_ranks_told": len(ranks),
        },
    }
    return json.dumps(body, separators=(",", ":"), allow_nan=False) + "\n"


def _names(ranks: Iterable[int]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for rank in ranks:
        found.append(_meta("process_name", rank, 0, {"name": f"pipeline rank {rank}"}))
        found.append(_meta("process_sort_index", rank, 0, {"sort_index": rank}))
        found += [_meta("thread_name", rank, thread, {"name": name}) for name, thread in STREAMS.items()]
    return found


def _meta(name: str, rank: int, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": rank, "tid": thread, "args": args}


def _event(event: Event) -> dict[str, Any]:
    """Both ends are rounded to nanoseconds, so that what meets still meets."""
    begin, end = round(event.start * 1e6, 3), round((event.start + event.duration) * 1e6, 3)
    told: dict[str, Any] = {
        "name": event.name, "cat": event.stream, "ph": "X", "pid": event.rank, "tid": STREAMS[event.stream],
        "ts": begin, "dur": round(end - begin, 3),
    }  # fmt: skip
    if event.micro_batch >= 0:
        told |= {"args": {"micro_batch": event.micro_batch, "chunk": event.chunk}}
    return told
