"""What breaks, how often, and how close the plan comes to its limits."""

from __future__ import annotations

from collections.abc import Iterable

from firstlight import units
from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.answer import TOLERANCE, margin_name
from firstlight.export.report.blocks import Bar, Code, Fact, Facts, Notes, Section, Shares, Side, Table, rows
from firstlight.reliability.result import RunReliability


def limits(evaluation: Evaluation) -> Section:
    """How close it comes to each limit."""
    lines = (
        (margin_name(margin, evaluation), words.show(margin.used, margin.dimension),
         words.show(margin.available, margin.dimension), Bar(margin.share / 1.25, _tone(margin.share), 1 / 1.25),
         words.share(margin.share), margin.kind, Code(margin.name))
        for margin in evaluation.margins
    )  # fmt: skip
    columns = ("Limit", "Used", "Available", "Closeness", "Share", "Kind", "In the document")
    note = "Beyond a hard limit the site or the memory does not hold it; beyond a target the demand is not met."
    table = Table("Margins, the closest first", columns, "lrrmrll", rows(lines), note=note)
    broken = sum(margin.share > 1 + TOLERANCE for margin in evaluation.margins)
    lead = f"{broken} of {len(evaluation.margins)} limits are broken." if broken else (
        f"All {len(evaluation.margins)} limits are met."
    )  # fmt: skip
    notes = (
        (Notes("What a careful reader should know", tuple(map(words.sentence, evaluation.warnings)), "warn"),)
        if evaluation.warnings
        else ()
    )
    return Section("limits", "What limits it", lead, (table, *notes), "Limits")


def _tone(share: float) -> str:
    return "bad" if share > 1 + TOLERANCE else "warn" if share > 0.9 else "good"


def reliability(evaluation: Evaluation) -> Section:
    """How often it breaks and what that costs."""
    result = evaluation.reliability
    lead = (
        f"A job over the whole factory runs {words.show(result.mtti.p50, 'time')} between interruptions on average; "
        f"{words.share(result.availability)} of the accelerators are in working order."
    )
    goodput = tuple(_run(run) for run in result.runs)
    blocks = (_facts(evaluation), *goodput, Side((*_rates(result.rates), *_spares(evaluation))))
    return Section("reliability", "How often it breaks", lead, blocks, "Reliability")


def _facts(evaluation: Evaluation) -> Facts:
    result = evaluation.reliability
    facts = [Fact("Between interruptions", words.show(result.mtti.p50, "time"),
                  f"whole factory, {words.p10_p90(result.mtti, 'time')}"),
             Fact("Working accelerators", words.share(result.availability), "on average")]  # fmt: skip
    for run in result.runs:
        every, blocked = (words.show(time, "time") for time in (run.checkpoint_interval, run.checkpoint_write))
        facts += [
            Fact(f"Goodput, {run.model}", words.share(run.goodput.p50), words.p10_p90(run.goodput, "fraction")),
            Fact("Interruptions of the run", words.show(run.interruptions, "number"),
                 f"one every {words.show(run.mtti.p50, 'time')}"),
            Fact("Checkpoint", words.show(run.checkpoint_bytes, "bytes"), f"every {every}, blocks {blocked}"),
            Fact("Restart", words.show(run.restart, "time"), words.plural(run.hot_spares, "hot spare node")),
        ]  # fmt: skip
    return Facts(tuple(facts))


def _run(run: RunReliability) -> object:
    parts = {"training": run.goodput.p50, **run.losses}
    return Shares(parts, "fraction", 1.0).stack(f"Where the time of {run.model} goes")


def _rates(rates: dict[str, float]) -> Iterable[Table]:
    if not rates:
        return
    most, total = max(rates.values()), sum(rates.values())
    lines = (
        (name, words.show(rate * 30 * units.DAY, "number"), Bar(rate / most if most else 0.0),
         words.share(rate / total if total else 0.0))
        for name, rate in sorted(rates.items(), key=lambda item: -item[1])
    )  # fmt: skip
    columns = ("Component", "In 30 days", "", "Share")
    yield Table("Interruptions of the whole factory by cause", columns, "lrmr", rows(lines))


def _spares(evaluation: Evaluation) -> Iterable[Table]:
    lines = (
        (Code(spare.part), words.count(spare.installed), words.show(spare.failures_a_year, "number"),
         words.count(spare.keep))
        for spare in evaluation.reliability.spares
    )  # fmt: skip
    if evaluation.reliability.spares:
        yield Table("Parts on the shelf", ("Part", "Installed", "Fail a year", "Keep"), "lrrr", rows(lines))
