"""The page of the verb `serve`: what each model reaches, and what a search over its layouts has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from firstlight import units
from firstlight.evaluate import ServingAnswer, ServingRun
from firstlight.export.report import words
from firstlight.export.report.answer import Answer, Tile
from firstlight.export.report.blocks import Chart, Fact, Facts, Section, Side, Table, rows
from firstlight.export.report.charts.curve import Axis, Curve, Point, Series
from firstlight.export.report.layouts import layout_words
from firstlight.export.report.work import served
from firstlight.performance.serving.fleet import FleetResult
from firstlight.performance.serving.search import PACES, ServingFront, ServingPoint, ServingSearch
from firstlight.spec.workload import Serving
from firstlight.twin.protocols import Floats, Ints

_SHOWN = 288
"""Windows that a chart over time has at the most."""
_USER = Axis("Tokens/s, one user", "number")

_FIELDS = {"requests": "the rate", "first_token": "the first token", "per_token": "the time per token",
           "memory": "the memory"}  # fmt: skip
Value = Callable[[ServingPoint], float]


def answer(found: ServingAnswer) -> Answer:
    """The headline: whether the replicas take the asked rates within the limits."""
    missed = [
        f"{run.result.model}: {words.listed([f'{_FIELDS[field]} {over} over' for field, over in _missed(run)])}"
        for run in found.runs
        if not run.met
    ]
    verdict = f"Not served as asked: {'; '.join(missed)}" if missed else "The asked rates are served within the limits"
    sentence = f"{words.count(found.accelerators)} accelerators in {found.system} serve " + words.listed(
        [f"{words.per_second(run.result.requests)} requests a second of {run.result.model}" for run in found.runs]
    )
    return Answer(found.met, verdict, sentence + ".", tuple(tile for run in found.runs for tile in _tiles(run)))


def _missed(run: ServingRun) -> Iterator[tuple[str, str]]:
    """Limits that are broken, and by how much."""
    for margin in run.margins:
        if margin.broken:
            yield margin.name.rpartition(".")[2], words.share(margin.share - 1.0)


def _tiles(run: ServingRun) -> Iterator[Tile]:
    result = run.result
    for label, value, dimension in (
        ("First token", result.first_token, "time"), ("Per token", result.per_token, "time"),
        ("Requests at the most", result.capacity, "rate"),
    ):  # fmt: skip
        number, _, unit = words.show(value.p50, dimension).partition("\u202f")
        yield Tile(f"{label}, {result.model}", number, unit, words.interval(value, dimension))


def sections(found: ServingAnswer) -> tuple[Section, ...]:
    """Of each model what it reaches, what requests see one by one, and the search."""
    return tuple(section for run in found.runs for section in _sections(found, run))


def _sections(found: ServingAnswer, run: ServingRun) -> Iterator[Section]:
    workload, name = found.plan.demand[run.demand], f"{run.result.model}"
    if not isinstance(workload, Serving):
        return
    each = words.plural(run.result.replica_accelerators, "accelerator")
    lead = f"{words.plural(run.result.replicas, 'replica')} of {each}: {layout_words(run.result.layout)}."
    blocks = (*served(run.result, workload, named=False), _traffic(run))
    yield Section(f"serving-{run.demand}", f"How {name} is served", lead, blocks, name)
    if run.fleet:
        yield _fleet(run.fleet, run.demand)
    if run.search:
        yield _searched(run.search, run.demand, workload)


def _traffic(run: ServingRun) -> Table:
    """Percentiles of the requests that were played."""
    traffic = run.traffic
    lines = [
        (name.upper(), words.show(first.p50, "time"), words.show(traffic.per_token[name].p50, "time"))
        for name, first in traffic.first_token.items()
        if name in traffic.per_token
    ]
    note = f"{traffic.source}; {traffic.engine}, {traffic.router}; {words.count(traffic.requests)} requests count."
    note += f" {traffic.note[0].upper()}{traffic.note[1:]}." if traffic.note else ""
    return Table("Request by request", ("Percentile", "First token", "Per token"), "lrr", rows(lines), note=note)


def _fleet(fleet: FleetResult, demand: int) -> Section:
    """Hours of the fleet: requests and replicas over time, and what requests see."""
    up = f"{words.count(fleet.up.min())} to {words.count(fleet.up.max())} replicas answer"
    hours = words.plural(len(fleet.rate) * fleet.window / units.HOUR, "hour")
    used = words.share(float(fleet.used.mean()))
    lead = f"{hours} with {words.show(fleet.requests, 'count')} requests: {up}, used at {used} on average."
    facts = Facts((
        Fact("Within the limits", "no limits" if fleet.within is None else words.share(fleet.within),
             f"{words.share(fleet.refused)} never answered"),
        Fact("Accelerator hours", words.show(fleet.accelerator_hours, "count"),
             f"{words.share(fleet.share_of_hours)} of all replicas'"),
        Fact("Replicas that failed", words.count(fleet.failures), f"{words.share(fleet.lost)} of requests hit"),
        Fact("Cold start", words.show(fleet.cold_start, "time"), "until a started replica answers"),
        Fact("Requests played", words.show(fleet.played, "count"),
             f"{fleet.samples} samples of {words.plural(fleet.replicas_each, 'replica')}; standard error of P90: "
             f"{words.share(fleet.sampling['first_token'])} and {words.share(fleet.sampling['per_token'])}"),
    ))  # fmt: skip
    charts = Side((
        _over_time("Requests", "Requests a second", fleet, fleet.rate),
        _over_time("Replicas", "Replicas that answer", fleet, fleet.up),
    ))  # fmt: skip
    lines = (
        (name.upper(), words.show(first.p50, "time"), words.show(fleet.per_token[name].p50, "time"))
        for name, first in fleet.first_token.items()
        if name in fleet.per_token
    )
    table = Table("What requests see", ("Percentile", "First token", "Per token"), "lrr", rows(lines))
    return Section(f"fleet-{demand}", f"The fleet of {fleet.model} over hours", lead, (facts, charts, table), "Fleet")


def _over_time(title: str, unit: str, fleet: FleetResult, values: Floats | Ints) -> Chart:
    """A value by window, of at most `_SHOWN` windows; hours that pass midnight go on."""
    every = max(1, -(-len(values) // _SHOWN))
    points = tuple(
        Point((fleet.begin + at * fleet.window) / units.HOUR, float(values[at]),
              f"{_clock(fleet.begin + at * fleet.window)}: {words.show(float(values[at]), 'number')}")
        for at in range(0, len(values), every)
    )  # fmt: skip
    return Chart.of(f"{title} over time", f"{unit} by hour of the day",
                    Curve(Axis("Hour", "number"), Axis(unit, "number"), (Series(title, points),)))  # fmt: skip


def _clock(time: float) -> str:
    minutes = round(time / 60.0)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _searched(search: ServingSearch, demand: int, workload: Serving) -> Section:
    best, own = search.best, search.fronts[0]
    domains = [front for front in search.fronts if front.cap == 1.0]
    capped = [front for front in search.fronts if front.domain == own.domain]
    lead = (
        f"Of {words.count(search.tried)} configurations the fewest accelerators for the asked rate within the limits: "
        f"{words.count(search.accelerators)}, in {best.pools}."
    )
    charts = (
        Side((
            _front("By scale-up domain", domains, "Tokens/s an accelerator", lambda p: p.tokens_per_s_each, workload),
            _front("Under power caps", capped, "Tokens/s a megawatt", lambda p: p.tokens_per_s_megawatt, workload),
        )),
        Side((
            _front("For a dollar", [own], "Tokens a dollar", lambda p: p.tokens_per_dollar, workload),
            _front("Energy", [own], "Joules a token", lambda p: p.joules_per_token, workload),
        )),
    )  # fmt: skip
    blocks = (_facts(search), *charts, _paces(domains), _points(own))
    return Section(f"search-{demand}", f"Every layout of {search.model}", lead, blocks, "Every layout")


def _facts(search: ServingSearch) -> Facts:
    best, other = search.best, search.other
    told = [
        Fact("Best layout", words.plural(best.accelerators, "accelerator"), layout_words(best.layout)),
        Fact("For the asked rate", words.count(search.accelerators), words.plural(search.replicas, "replica")),
        Fact("Time per token", words.show(best.per_token, "time"), f"first {words.show(best.first_token, 'time')}"),
        Fact("Energy", words.show(best.joules_per_token, "energy"), f"{words.show(best.watts_each, 'power')} each"),
    ]
    if other:
        less = words.share(1.0 - other.tokens_per_s_each / best.tokens_per_s_each)
        told.append(Fact(f"The best of {other.pools}", f"{less} fewer tokens", layout_words(other.layout)))
    return Facts(tuple(told))


def _front(title: str, fronts: list[ServingFront], unit: str, value: Value, workload: Serving) -> Chart:
    series = tuple(Series(_name(front, fronts), tuple(_dots(front, value))) for front in fronts if front.points)
    limit = (
        (1.0 / workload.per_token, f"limit {words.show(workload.per_token, 'time')}") if workload.per_token else None
    )
    return Chart.of(title, f"{title}: {unit} against tokens per second of one user",
                    Curve(_USER, Axis(unit, "number", log=True), series, limit))  # fmt: skip


def _dots(front: ServingFront, value: Value) -> Iterator[Point]:
    for point in front.points:
        tip = f"{words.show(value(point), 'number')} at {words.show(point.tokens_per_s_user, 'rate')}: {point.pools}, "
        yield Point(point.tokens_per_s_user, value(point), tip + layout_words(point.layout))


def _name(front: ServingFront, fronts: list[ServingFront]) -> str:
    if len({one.domain for one in fronts}) > 1:
        return f"{front.domain}"
    return f"{front.cap:.0%}" if len(fronts) > 1 else ""


def _paces(fronts: list[ServingFront]) -> Table:
    """What the domain buys: tokens of an accelerator at given speeds of a user."""
    lines = (
        (words.count(front.domain), *(_at_least(front, pace) for pace in PACES))
        for front in sorted(fronts, key=lambda front: front.domain)
    )
    columns = ("Scale-up domain", *(f"at {pace:g} tokens/s a user" for pace in PACES))
    return Table("Output tokens of an accelerator per second", columns, "rrrrr", rows(lines))


def _at_least(front: ServingFront, pace: float) -> str:
    reached = front.at(pace)
    return words.show(reached, "rate") if reached else "not reached"


def _points(front: ServingFront) -> Table:
    lines = (
        (point.pools, words.count(point.accelerators), layout_words(point.layout), words.count(point.layout.batch),
         words.show(point.first_token, "time"), words.show(point.per_token, "time"),
         words.show(point.tokens_per_s_each, "rate"), words.show(point.joules_per_token, "energy"),
         words.show(point.tokens_per_dollar, "number"))
        for point in front.points
    )  # fmt: skip
    columns = ("Engines", "Accelerators", "Layout", "Batch", "First token", "Per token", "Tokens/s each", "A token",
               "Tokens a dollar")  # fmt: skip
    return Table("The front in numbers", columns, "lrlrrrrrr", rows(lines), folded=True)
