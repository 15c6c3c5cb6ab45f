"""What it costs: capital and running cost as trees, and the price of a token."""

from __future__ import annotations

from collections.abc import Iterable

from firstlight.economics.result import CostLine
from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Code, Fact, Facts, Node, Section, Side, Table, Tree, rows, standing
from firstlight.twin.result import Prediction


def section(evaluation: Evaluation) -> Section:
    """What the factory costs."""
    cost = evaluation.economics
    hour = words.spread(cost.per_accelerator_hour, "money")
    lead = (
        f"{words.money(cost.capital)} to build and {words.money(cost.running)} a year to run: with capital written "
        f"off, {words.money(cost.annual)} a year or {hour} an accelerator-hour."
    )
    roots = dict.fromkeys(line.path[0] for line in cost.lines)
    trees = tuple(_tree(root, cost.lines) for root in roots)
    blocks = (_facts(evaluation), *_workloads(evaluation), Side(trees), _lines(cost.lines), _bill(evaluation))
    return Section("cost", "What it costs", lead, blocks, "Cost")


def _facts(evaluation: Evaluation) -> Facts:
    cost = evaluation.economics
    hour = cost.per_accelerator_hour
    return Facts((
        Fact("Capital", words.money(cost.capital), f"{words.show(cost.per_watt, 'power price')} of peak power"),
        Fact("Running", words.money(cost.running), "a year"),
        Fact("Electricity", words.money(cost.energy_cost), "a year, part of running"),
        Fact("All costs", words.money(cost.annual), "a year, capital written off"),
        Fact("Accelerator-hour", words.money(hour.p50), words.p10_p90(hour, "money")),
        Fact("Interval rests on", "calibrated" if hour.calibrated else "not calibrated", hour.basis),
    ))  # fmt: skip


def _workloads(evaluation: Evaluation) -> Iterable[Table]:
    lines = (
        (work.model, work.kind, words.count(work.accelerators),
         *_priced(work.per_run), *_priced(work.per_million_tokens), words.show(work.carbon_per_million_tokens, "mass"))
        for work in evaluation.economics.workloads
    )  # fmt: skip
    price = ("Million tokens", "P10–P90", "CO2e of them")
    columns = ("Model", "Work", "Accelerators", "One run", "P10–P90", *price)
    if evaluation.economics.workloads:
        yield Table("The price of a token", columns, "llrrrrrr", rows(lines))


def _priced(price: Prediction | None) -> tuple[str, str]:
    """A price and its interval; serving has no run, it goes on all year."""
    return (words.money(price.p50), words.interval(price, "money")) if price else ("all year", "")


def _tree(root: str, lines: Iterable[CostLine]) -> Tree:
    """One root of the cost tree, its dearest branch first."""
    mine = [(line.path[1:], line.amount) for line in lines if line.path[0] == root]
    return Tree(_node(root + (f",{_per(root)}" if _per(root) else ""), mine, sum(amount for _, amount in mine) or 1.0))


def _per(root: str) -> str:
    """What the amounts below a root are counted by."""
    return " a year" if root == "Running" else ""


def _node(name: str, lines: list[tuple[tuple[str, ...], float]], total: float) -> Node:
    """The node of some lines, given by their paths below it."""
    amount = sum(amount for _, amount in lines)
    below = dict.fromkeys(path[0] for path, _ in lines if path)
    children = [_node(each, [(path[1:], n) for path, n in lines if path[:1] == (each,)], total) for each in below]
    ordered = tuple(sorted(children, key=lambda child: -child.share))
    return Node(name, words.money(amount), amount / total, ordered)


def _lines(lines: tuple[CostLine, ...]) -> Table:
    shown = (
        (" › ".join(line.path), words.count(line.quantity) if line.quantity else "",
         words.money(line.amount) + _per(line.path[0]), line.source, standing(line.standing))
        for line in lines
    )  # fmt: skip
    columns = ("Line", "Count", "Amount", "Source of the price", "Standing")
    return Table("Every line of the cost tree", columns, "lrrll", rows(shown), folded=True)


def _bill(evaluation: Evaluation) -> Table:
    lines = (
        (line.item, line.category, Code(line.part) if line.part else "", words.counted(line.count, line.unit),
         words.money(line.unit_price), words.money(line.amount), standing(line.standing))
        for line in evaluation.bill
    )  # fmt: skip
    columns = ("Item", "Kind", "Part", "Count", "Each", "Amount", "Price is")
    return Table("Bill of materials", columns, "lllrrrl", rows(lines), folded=len(evaluation.bill) > 40)
