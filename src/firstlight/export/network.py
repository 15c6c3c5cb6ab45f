"""The answer of `network build`: as text, and as files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from firstlight import units
from firstlight.evaluate import NetworkAnswer
from firstlight.export import wiring
from firstlight.export.files import complaints, publish, stage, table
from firstlight.spec import load

_SHOWN = 12
"""Lines of the cable bill that the text tells; cable-bill.csv has them all."""


def write_network(answer: NetworkAnswer, folder: Path) -> tuple[Path, ...]:
    """Write the JSON, the resolved plan and the tables; what an earlier run left there is replaced.

    Returns:
        The files, in the order network.json, design.yaml, cables, ports, switches, cable-bill, spares.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    factory, plan, tiers = answer.twin, answer.cable_plan, answer.twin.topology.tiers
    with complaints(folder), stage(folder) as hidden:
        text = json.dumps(answer.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (hidden / "network.json").write_text(text, "utf-8")
        (hidden / "design.yaml").write_text(load.dump(answer.plan, base=answer.base, to=folder), "utf-8")
        ports = sum(tier.switches * tier.links_each for tier in tiers)
        written = [
            table(hidden, "cables", wiring.cables(factory, plan), len(plan)),
            table(hidden, "ports", wiring.ports(factory, plan), ports),
            table(hidden, "switches", [wiring.switches(factory, plan)], sum(tier.switches for tier in tiers)),
            table(hidden, "cable-bill", [wiring.cable_bill(plan.lines)], len(plan.lines)),
            table(hidden, "spares", [wiring.spares(answer.spares)], len(answer.spares)),
        ]
        return publish(hidden, folder, ["network.json", "design.yaml", *written])


def network_summary(answer: NetworkAnswer) -> str:
    """The fabric in words: switches, links, what it costs and takes, its cables, and what to keep on the shelf."""
    net = answer.network
    lines = [f"{answer.name}: {net.kind} of {net.endpoints:,} endpoints at {units.show(net.link, 'bandwidth')}", ""]
    lines += [f"  {label:<9} {text}" for label, text in _rows(answer)]
    lines += ["", *(f"  proposed  {text}" for text in answer.proposed)]
    return "\n".join([*lines, f"  assumed   {len(answer.assumptions)} assumptions, which --json lists"])


def _rows(answer: NetworkAnswer) -> Iterator[tuple[str, str]]:
    net = answer.network
    for name, switch, count in net.tiers:
        yield "switches", f"{count:,} {name} of {switch}"
    for name, count, bandwidth in net.links:
        yield "links", f"{count:,} {name} at {units.show(bandwidth, 'bandwidth')}"
    if net.planes > 1:
        yield "planes", f"{net.planes}"
    yield "across", f"bisection {units.show(net.bisection, 'bandwidth')}, {net.hops} hops, {_time(net.latency)} one way"
    watts = units.show(net.switch_power + net.optics_power, "power")
    yield "power", f"{watts}, of it optics {units.show(net.optics_power, 'power')}"
    priced = "no price for a switch" if math.isnan(net.switch_cost) else f"switches {net.switch_cost:,.0f} USD"
    yield "cost", f"{priced}, cables and modules {net.cable_cost:,.0f} USD"
    longest = sorted(net.cables, key=lambda line: -line.count)
    for line in longest[:_SHOWN]:
        module = " / ".join(name for name, _ in line.modules)
        yield (
            "cables",
            f"{line.count:>9,}  {line.length:g} m {line.medium}  {line.part}{f'  {module}' if module else ''}",
        )
    if len(longest) > _SHOWN:
        yield "", f"and {len(longest) - _SHOWN} shorter lines, in cable-bill.csv with -o"
    yield "spares", f"{sum(line.keep for line in answer.spares):,} pieces of {len(answer.spares)} parts"


def _time(seconds: float) -> str:
    return units.show(seconds, "time")
