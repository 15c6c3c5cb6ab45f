"""The answer of `serve`: as text, and as files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from firstlight import units
from firstlight.evaluate.serving import ServingAnswer, ServingRun
from firstlight.export.files import complaints, publish, stage
from firstlight.export.report import serving_html
from firstlight.export.report.layouts import layout_words
from firstlight.export.report.words import plural
from firstlight.performance.result import ServingPower
from firstlight.performance.serving.fleet import FleetResult
from firstlight.performance.serving.search import PACES, ServingFront, ServingPoint, ServingSearch
from firstlight.spec import load
from firstlight.twin.result import Prediction, show

_KEPT_UP = 0.9
"""Share of the output tokens that are asked for, below which replicas are said not to keep up."""
_MANY = 1000
"""Requests that have to count for that: of a few the last ones are long under way."""
_SHOWN = 8
"""Points of a front that the text tells, at the most; the JSON and the page have them all."""


def write_serving(answer: ServingAnswer, folder: Path) -> tuple[Path, ...]:
    """Write the page, the JSON and the resolved plan; what an earlier run left there is replaced.

    Returns:
        serving.html, serving.json, design.yaml.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    with complaints(folder), stage(folder) as hidden:
        texts = {
            "serving.html": serving_html(answer),
            "serving.json": json.dumps(answer.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            "design.yaml": load.dump(answer.plan, base=answer.base, to=folder),
        }
        for name, text in texts.items():
            (hidden / name).write_text(text, "utf-8")
        return publish(hidden, folder, [*texts])


_WHERE = {"accelerator": "on the accelerators", "host": "in the hosts' memory", "storage": "on SSDs"}


def serving_summary(answer: ServingAnswer) -> str:
    """Every served model in words: layout, capacity, latencies in closed form and request by request."""
    lines = [f"{answer.name}: {plural(answer.accelerators, 'accelerator')} in {answer.system}"]
    for run in answer.runs:
        lines += ["", f"{run.result.model} on {plural(run.result.accelerators, 'accelerator')}, {run.result.precision}"]
        lines += [f"  {label:<9} {text}" for label, text in _rows(run)]
    lines += ["", *(f"  proposed  {text}" for text in answer.proposed)]
    return "\n".join([*lines, f"  assumed   {len(answer.assumptions)} assumptions, which --json lists"])


def _rows(run: ServingRun) -> Iterator[tuple[str, str]]:
    result, traffic = run.result, run.traffic
    each = plural(result.replica_accelerators, "accelerator")
    yield "layout", f"{plural(result.replicas, 'replica')} of {each}: {layout_words(result.layout)}"
    asked = units.show(result.requests, "rate")
    yield (
        "requests",
        f"{asked} of {result.prompt:,} + {result.answer:,} tokens; all take {show(result.capacity, '1/s')}",
    )
    several = result.answer > 1
    token = f", then {show(result.per_token, 's')} a token" * several
    yield "steady", f"first token {show(result.first_token, 's')}{token}"
    for name in [name for name in result.first_token_at if name != "p50"]:
        limit = ", where the limits hold" if name == f"p{result.percentile}" else ""
        token = f", then {show(result.per_token_at[name], 's')}" * several
        yield "", f"{name.upper()} {show(result.first_token_at[name], 's')}{token}{limit}"
    yield "limits", _limits(run)
    yield "power", _power(result.power)
    if result.tokens_per_step > 1:
        yield "drafts", f"{result.tokens_per_step:.3g} tokens a step, accepted drafts and the model's own"
    yield "traffic", f"{traffic.source}; {traffic.engine}, {traffic.router}"
    if traffic.note:
        yield "", traffic.note
    if traffic.played < traffic.replicas:
        yield "", f"{traffic.played:,} of the replicas are played, with their share of the requests"
    yield "first", _percentiles(traffic.first_token)
    if several:
        yield "token", _percentiles(traffic.per_token)
    if traffic.question:
        yield "question", _percentiles(traffic.question)
    if traffic.in_time is not None:
        yield "in time", f"{traffic.in_time:.2%} of the answers within their period"
    under_way = f"an engine has any request under way {traffic.busy:.0%} of the time"
    told = f"{units.show(traffic.tokens_per_s, 'rate')} output tokens, {under_way}"
    if traffic.rate != result.requests:  # users, who ask as fast as they are answered
        told = f"{units.show(traffic.rate, 'rate')} requests, {told}"
    if not math.isnan(traffic.sampling):
        told += f", sampling error of the median first token {traffic.sampling:.1%}"
    yield "output", told
    if traffic.requests >= _MANY and traffic.tokens_per_s < _KEPT_UP * traffic.asked_tokens_per_s:
        asked_for = units.show(traffic.asked_tokens_per_s, "rate")
        yield "", f"the replicas do not keep up with the {asked_for} that are asked for"
    if traffic.cached:
        where = ", ".join(f"{share:.1%} {_WHERE[name]}" for name, share in traffic.cached_in.items() if share)
        told = f"{traffic.cached:.1%} of the prompts' tokens are found in the prefix cache"
        yield "cache", f"{told}{': ' * bool(where)}{where}"
        yield "", "the steady state reads every prompt whole: it knows no prefix cache"
    if traffic.within is not None:
        yield "within", f"{traffic.within:.1%} of the requests played are within the limits"
    if run.fleet:
        yield from _fleet(run.fleet)
    if run.search:
        yield from _searched(run.search)
    if traffic.thrown or traffic.refused:
        yield "full", f"{traffic.thrown:,} times thrown out of a full cache; {traffic.refused:,} requests fit no cache"


def _limits(run: ServingRun) -> str:
    """How close the steady state comes to each limit."""
    told = (
        f"{margin.name.rpartition('.')[2]} {margin.share:.0%} ({units.show(margin.used, margin.dimension)} of "
        f"{units.show(margin.available, margin.dimension)}){' MISSED' * margin.broken}"
        for margin in run.margins
    )
    return "; ".join(told)


def _power(power: ServingPower) -> str:
    """Watts by phase, and joules for a token."""
    phases = [f"{units.show(power.prefill, 'power')} reading prompts ({power.prefill_share:.0%} of the time)"]
    if power.decode:
        phases.append(f"{units.show(power.decode, 'power')} writing answers ({power.decode_share:.0%})")
    mean = f"{units.show(power.mean, 'power')} an accelerator with its share of the system in the mean"
    each = f"{units.show(power.joules_per_token, 'energy')} an output token"
    return f"{mean}, {', '.join(phases)}, {units.show(power.idle, 'power')} idle; {each}"


def _fleet(fleet: FleetResult) -> Iterator[tuple[str, str]]:
    """Hours of the fleet: its replicas, and what requests see."""
    hours = len(fleet.rate) * fleet.window / units.HOUR
    clock = f"from {fleet.begin / units.HOUR % 24:05.2f} h on"
    yield "fleet", f"{f'{hours:.3g} hours' if hours != 1 else '1 hour'} {clock}, {fleet.requests:,.0f} requests"
    up = f"{fleet.up.min():,} to {fleet.up.max():,} replicas answer, used at {fleet.used.mean():.0%}"
    yield "", f"{up}; {fleet.accelerator_hours:,.0f} accelerator hours, {fleet.share_of_hours:.0%} of all"
    starts = f"a replica answers {units.show(fleet.cold_start, 'time')} after its start"
    yield "", f"{plural(fleet.failures, 'replica')} failed, {fleet.lost:.2%} of the requests were sent anew; {starts}"
    yield "first", _percentiles(fleet.first_token)
    if fleet.per_token:
        yield "token", _percentiles(fleet.per_token)
    known = [f"{fleet.sampling[name]:.1%}" for name in ("first_token", "per_token") if fleet.first_token]
    errors = f"error of P90 {' and '.join(known)} (standard)" if known else "none was answered"
    within = "no limits to keep" if fleet.within is None else f"{fleet.within:.2%} within the limits"
    yield "", f"{within}, {fleet.refused:.2%} never answered"
    each = f"{fleet.samples} samples of {plural(fleet.replicas_each, 'replica')}"
    each += f" over {fleet.time_share:.1%} of the time" if fleet.time_share < 1 else ""
    yield "sampled", f"{fleet.played:,} requests on {each}: {errors}"


def _searched(search: ServingSearch) -> Iterator[tuple[str, str]]:
    """The best layout, the best of the other kind, and some points of the front of the system."""
    best = search.best
    yield "search", f"{search.tried:,} configurations; the fewest accelerators for the asked rate within the limits:"
    yield "best", f"{_point(best)}, {best.pools}: {layout_words(best.layout)}, batch {best.layout.batch:,}"
    yield "", f"{search.accelerators:,} accelerators, {plural(search.replicas, 'replica')}, for the asked rate"
    if search.other:
        other = search.other
        yield "other", f"{_point(other)}, {other.pools}: {layout_words(other.layout)}, batch {other.layout.batch:,}"
    points = search.fronts[0].points
    for place, point in enumerate(points[:: max(1, -(-len(points) // _SHOWN))]):
        yield "front" * (place == 0), f"{_point(point)}, {point.pools}: {layout_words(point.layout)}"
    for place, front in enumerate(sorted(search.fronts, key=lambda one: (-one.cap, one.domain))):
        words = f"domain {front.domain:,}" if front.cap == 1 else f"power capped to {front.cap:.0%}"
        yield "fronts" * (place == 0), f"{words}: {_paces(front)}"


def _paces(front: ServingFront) -> str:
    """Tokens of an accelerator at the most, and at given speeds of a user, as far as the front goes."""
    if not front.points:
        return "no layout is within the limit to the first token"
    most, pace = front.points[0].tokens_per_s_each, front.points[-1].tokens_per_s_user
    between = [f"{units.show(each, 'rate')} at {given:g}" for given in PACES if (each := front.at(given))]
    told = ", ".join([f"{units.show(most, 'rate')} tokens an accelerator at the most", *between])
    return f"{told}, up to {units.show(pace, 'rate')} for one user"


def _point(point: ServingPoint) -> str:
    each, user = units.show(point.tokens_per_s_each, "rate"), units.show(point.tokens_per_s_user, "rate")
    first = units.show(point.first_token, "time")
    return f"{each} each at {user} a user, first token {first}, {units.show(point.joules_per_token, 'energy')} a token"


def _percentiles(found: dict[str, Prediction]) -> str:
    return ", ".join(f"{name.upper()} {show(value, 's')}" for name, value in found.items()) or "no request was answered"
