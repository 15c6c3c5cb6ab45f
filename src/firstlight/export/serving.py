"""The answer of `serve` as text."""

from __future__ import annotations

from collections.abc import Iterator

from firstlight import units
from firstlight.evaluate.serving import ServingAnswer, ServingRun
from firstlight.spec.design import ServingLayout
from firstlight.twin.result import Prediction, show


def serving_summary(answer: ServingAnswer) -> str:
    """Every served model in words: layout, capacity, latencies in closed form and request by request."""
    lines = [f"{answer.name}: {answer.accelerators:,} accelerators in {answer.system}"]
    for run in answer.runs:
        lines += ["", f"{run.result.model} on {run.result.accelerators:,} accelerators, {run.result.precision}"]
        lines += [f"  {label:<9} {text}" for label, text in _rows(run)]
    lines += ["", *(f"  proposed  {text}" for text in answer.proposed)]
    return "\n".join([*lines, f"  assumed   {len(answer.assumptions)} assumptions, which --json lists"])


def _rows(run: ServingRun) -> Iterator[tuple[str, str]]:
    result, traffic = run.result, run.traffic
    replicas = f"{result.replicas:,} {'replica' if result.replicas == 1 else 'replicas'}"
    yield "layout", f"{replicas} of {result.replica_accelerators:,} accelerators: {_layout(result.layout)}"
    asked = units.show(result.requests, "rate")
    yield (
        "requests",
        f"{asked} of {result.prompt:,} + {result.answer:,} tokens; all take {show(result.capacity, '1/s')}",
    )
    yield "steady", f"first token {show(result.first_token, 's')}, then {show(result.per_token, 's')} a token"
    yield "traffic", f"{traffic.source}; {traffic.engine}, {traffic.router}"
    if traffic.played < traffic.replicas:
        yield "", f"{traffic.played:,} of the replicas are played, with their share of the requests"
    yield "first", _percentiles(traffic.first_token)
    yield "token", _percentiles(traffic.per_token)
    told = f"{units.show(traffic.tokens_per_s, 'rate')} output tokens, engines busy {traffic.busy:.0%}"
    yield "output", f"{told}, sampling error of the median first token {traffic.sampling:.1%}"
    if traffic.cached:
        yield "cache", f"{traffic.cached:.1%} of the prompts' tokens are found in the prefix cache"
    if traffic.thrown or traffic.refused:
        yield "full", f"{traffic.thrown:,} times thrown out of a full cache; {traffic.refused:,} requests fit no cache"


def _layout(layout: ServingLayout) -> str:
    told = [f"{name} {value}" for name, value in layout.model_dump().items() if value > 1]
    return ", ".join(told) or "one accelerator"


def _percentiles(found: dict[str, Prediction]) -> str:
    return ", ".join(f"{name.upper()} {show(value, 's')}" for name, value in found.items()) or "no request was answered"
