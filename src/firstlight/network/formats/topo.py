"""Topologies in the text that the packet simulator htsim reads (`.topo`).

    Nodes 128                    Tier 0
    Tiers 2                      Downlink_speed_Gbps 400
    Podsize 128                  Radix_Down 16
                                 Radix_Up 16
                                 Downlink_Latency_ns 500
                                 Switch_Latency_ns 300

Speeds are in Gb/s, latencies in ns, radices count links; `Bundle` the parallel links of two switches,
`Oversubscribed` the downlinks over uplinks, `Podsize` the nodes of a pod. Slow links stand in comments, for which the
simulator has no word in the file:

    # degraded: every link of the first 2 spine(s) runs at 25 % (both directions)
    # degraded: core-to-agg (down direction) links, the first 4 of pod 0 counted agg by agg, run at 25 %
    # degraded: directed link 17 runs at 25 %
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import DocumentError, Problem
from firstlight.network.formats.fabric_file import FabricFile
from firstlight.network.formats.lines import Line, lines
from firstlight.network.topology.clos import Clos
from firstlight.network.topology.stages import Shape, Stage
from firstlight.network.transport.fabric import Latency
from firstlight.spec import near
from firstlight.twin.protocols import Bundle, Floats, Tier

_NAMES = ("leaf", "spine", "core")
_HEADER = {"nodes": "Nodes", "tiers": "Tiers", "podsize": "Podsize"}
KEYS = {
    "downlink_speed_gbps": "Downlink_speed_Gbps", "radix_down": "Radix_Down", "radix_up": "Radix_Up",
    "downlink_latency_ns": "Downlink_Latency_ns", "switch_latency_ns": "Switch_Latency_ns",
    "oversubscribed": "Oversubscribed", "bundle": "Bundle", "queue_up": "Queue_up", "queue_down": "Queue_down",
}  # fmt: skip
_UNREAD = ("queue_up", "queue_down")
GBPS = units.parse("1 Gb/s", "bandwidth")
NS = units.parse("1 ns", "time")
_FASTEST_GBPS, _SLOWEST_NS = 20_000, 1e9
"""Beyond the fastest link that is announced (14.4 Tb/s, NVLink of 2026), and below 25 Gb/s written in Mb/s."""
_SPINES = re.compile(r"degraded:.*first (\d+) spine.* (?:runs?|are) at ([\d.]+) ?%", re.I)
_CORES = re.compile(r"degraded:.*core-to-agg.*first (\d+) of pod (\d+).* (?:runs?|are) at ([\d.]+) ?%", re.I)
_LINK = re.compile(r"degraded: directed link (\d+) runs at ([\d.]+) ?%", re.I)


@dataclass
class _Raw:
    """A file's numbers as they are written, and the lines that they stand on."""

    header: dict[str, int] = field(default_factory=dict[str, int])
    tiers: dict[int, dict[str, float]] = field(default_factory=dict[int, dict[str, float]])
    degraded: list[Line] = field(default_factory=list[Line])
    last: Line | None = None


def read_topo(path: Path) -> FabricFile:
    """The fabric of a `.topo` file.

    Raises:
        DocumentError: it cannot be read, misses a key, or its numbers do not fit together; names file and line.
    """
    raw = _Raw()
    tier: dict[str, float] | None = None
    for line in lines(path):
        raw.last = line
        if line.text.startswith("#") and re.search(r"\bdegraded\b", line.text, re.I):
            raw.degraded.append(line)
        words = line.text.split("#")[0].split()
        if words:
            tier = _take(raw, tier, line, words)
    _whole(raw, path)
    topology = _topology(raw, path)
    counts = range(raw.header["tiers"])
    latency = Latency(
        np.array([raw.tiers[t]["downlink_latency_ns"] * NS for t in counts]),
        np.array([raw.tiers[t].get("switch_latency_ns", 0.0) * NS for t in counts]),
    )
    return FabricFile(topology, latency, _share(topology, raw.degraded))


def _take(raw: _Raw, tier: dict[str, float] | None, line: Line, words: list[str]) -> dict[str, float] | None:
    """One line of the file; the tier that the next one is about."""
    key = words[0].lower()
    if len(words) != 2:
        line.refuse(f"a line is a key and a number, and here are {len(words)} words")
    if key == "tier":
        number = line.count_of("Tier", words[1], 0)
        if number in raw.tiers or number >= len(_NAMES):
            line.refuse(f"tier {number} is there twice" if number in raw.tiers else f"there is no tier {number}")
        return raw.tiers.setdefault(number, {})
    if tier is None:
        if key not in _HEADER:
            known = "The header has Nodes, Tiers and Podsize."
            line.refuse(f'unknown key "{words[0]}"', near.hint(words[0], _HEADER.values(), known))
        raw.header[key] = line.count_of(words[0], words[1])
        return None
    if key not in KEYS:
        known = f"Known are {', '.join(KEYS.values())}."
        line.refuse(f'unknown key "{words[0]}"', near.hint(words[0], KEYS.values(), known))
    if key in tier:
        line.refuse(f"{KEYS[key]} is there twice")
    tier[key] = _value(line, key, words[1])
    return tier


def _value(line: Line, key: str, text: str) -> float:
    if key == "downlink_speed_gbps":
        value = line.number_of(KEYS[key], text, 0.001)
        if value > _FASTEST_GBPS:
            meant = value / (1e9 if value >= 1e9 else 1e3)  # b/s, or Mb/s
            line.refuse(f"{KEYS[key]} {text}: faster than any link; the number is in Gb/s", f"Write {meant:g}.")
        return value
    if key.endswith("_ns"):
        value = line.number_of(KEYS[key], text)
        if 0 < value < 0.1 or value > _SLOWEST_NS:
            line.refuse(f"{KEYS[key]} {text} is no latency of a link or switch; the number is in ns")
        return value
    return line.count_of(KEYS[key], text)


def _whole(raw: _Raw, path: Path) -> None:
    """Refuse what misses a key, all of them together."""
    wanted = list[str](f"{name} in the header" for key, name in _HEADER.items() if key not in raw.header)
    for t in range(raw.header.get("tiers", 0)):
        if t not in raw.tiers:
            wanted.append(f"Tier {t}")
            continue
        needed = ["downlink_speed_gbps", "radix_down", "downlink_latency_ns"]
        needed += ["radix_up"] if t < raw.header["tiers"] - 1 else []
        wanted += [f"{KEYS[key]} of tier {t}" for key in needed if key not in raw.tiers[t]]
    if wanted:
        _refuse(path, f"{'; '.join(wanted)}: missing", "Add them.")
    if not 2 <= raw.header["tiers"] <= len(_NAMES):
        _refuse(path, f"Tiers {raw.header['tiers']}: a topology file has 2 or 3", "")


def _refuse(path: Path, message: str, remedy: str) -> None:
    raise DocumentError((Problem("", message, remedy, str(path)),))


def _topology(raw: _Raw, path: Path) -> Clos:
    nodes, count, pod = (raw.header[key] for key in ("nodes", "tiers", "podsize"))
    tiers = [raw.tiers[t] for t in range(count)]
    down, up = int(tiers[0]["radix_down"]), int(tiers[0]["radix_up"])
    _divides(path, "Podsize", pod, "Radix_Down of tier 0", down)
    _divides(path, "Nodes", nodes, "Podsize", pod)
    if count == 2 and nodes != pod:
        _refuse(path, f"two tiers are one pod, and Podsize is {pod} of {nodes} nodes", f"Write Podsize {nodes}.")
    stages = [_stage(path, tiers, 0, nodes // pod, pod // down, up)]
    if count == 3:
        stages.append(_stage(path, tiers, 1, 1, nodes // pod * stages[0].upper, int(tiers[1]["radix_up"])))
    _tapers(path, tiers, stages)
    radix = int(max(down + up, *(t["radix_down"] + t.get("radix_up", 0) for t in tiers)))
    shape = Shape(radix, nodes, 1, nodes // down, tuple(stages))
    names = [("node", "leaf"), ("leaf", "spine"), ("spine", "core")]
    links = [nodes, *(stage.links for stage in stages)]
    return Clos(
        "clos", nodes, 1, 1, shape,
        tuple(Tier(name, n, "", radix) for name, n in zip(_NAMES, shape.switches, strict=False)),
        tuple(
            Bundle("-".join(names[t]), t - 1, t, links[t], tiers[t]["downlink_speed_gbps"] * GBPS) for t in range(count)
        ),
    )  # fmt: skip


def _divides(path: Path, whole: str, total: int, part: str, each: int) -> None:
    if total % each:
        near_by = max(total // each, 1) * each
        remedy = f"The nearest are {near_by} and {near_by + each}."
        _refuse(path, f"{whole} {total} is no multiple of {part} {each}", remedy)


def _stage(path: Path, tiers: list[dict[str, float]], t: int, groups: int, lower: int, up: int) -> Stage:
    """The links between a tier and the next."""
    bundle, down = int(tiers[t + 1].get("bundle", 1)), int(tiers[t + 1]["radix_down"])
    _divides(path, f"Radix_Up of tier {t}", up, f"Bundle of tier {t + 1}", bundle)
    links = lower * up
    _divides(path, f"uplinks of a group of tier {t},", links, f"Radix_Down of tier {t + 1}", down)
    upper = links // down
    spread = up // bundle
    if t == 0 and upper != spread:
        _refuse(
            path,
            f"each leaf has {up} uplinks in bundles of {bundle}, so it meets {spread} switches; {lower} leaves x {up} "
            f"uplinks / Radix_Down {down} of tier 1 are {upper}",
            f"Write Radix_Down {lower * bundle} in tier 1, or Bundle {up // upper}." if up % upper == 0 else "",
        )
    return Stage(groups, lower, up, upper)


def _tapers(path: Path, tiers: list[dict[str, float]], stages: list[Stage]) -> None:
    for t in range(len(stages)):
        written = tiers[t].get("oversubscribed")
        speeds = tiers[t]["downlink_speed_gbps"], tiers[t + 1]["downlink_speed_gbps"]
        taper = tiers[t]["radix_down"] * speeds[0] / (tiers[t]["radix_up"] * speeds[1])
        if written is not None and abs(max(taper, 1.0) - written) > 0.5:
            _refuse(
                path,
                f"Oversubscribed of tier {t} is {written:g}, and {tiers[t]['radix_down']:g} x {speeds[0]:g} down over "
                f"{tiers[t]['radix_up']:g} x {speeds[1]:g} up is {taper:g}",
                f"Write Oversubscribed {taper:g}.",
            )


def _share(topology: Clos, degraded: list[Line]) -> Floats:
    share = np.ones(2 * topology.links)
    for line in degraded:
        if found := _CORES.search(line.text):
            _slow_cores(topology, share, line, *found.groups())
        elif found := _SPINES.search(line.text):
            _slow_spines(topology, share, line, *found.groups())
        elif found := _LINK.search(line.text):
            _slow_link(topology, share, line, *found.groups())
        else:
            line.refuse(
                "a line about degraded links that is not understood",
                'Write "# degraded: directed link 17 runs at 25 %", one line each.',
            )
    return share


def _slow_spines(topology: Clos, share: Floats, line: Line, count: str, percent: str) -> None:
    """All links below the first spines, both ways (of each pod where there are cores above)."""
    stage = topology.shape.stages[0]
    if int(count) > stage.upper:
        line.refuse(f"{count} spines, and there are {stage.upper}")
    links = np.arange(stage.links)
    slow = topology.offsets[1] + links[stage.ends(links)[1] % stage.upper < int(count)]
    share[slow] = share[slow + topology.links] = _left(line, percent)


def _slow_cores(topology: Clos, share: Floats, line: Line, count: str, pod: str, percent: str) -> None:
    """The first links of a pod to the cores, downwards, counted switch by switch."""
    if len(topology.shape.stages) < 2:
        line.refuse("links between cores and aggregation switches, and there are two tiers")
    stage = topology.shape.stages[1]
    each = stage.links // topology.shape.stages[0].groups
    if int(count) > each or int(pod) >= topology.shape.stages[0].groups:
        line.refuse(f"{count} links of pod {pod}, and there are {topology.shape.stages[0].groups} pods of {each}")
    first = topology.links + topology.offsets[2] + int(pod) * each
    share[first : first + int(count)] = _left(line, percent)


def _slow_link(topology: Clos, share: Floats, line: Line, link: str, percent: str) -> None:
    if int(link) >= 2 * topology.links:
        line.refuse(f"directed link {link}, and there are 0 to {2 * topology.links - 1}")
    share[int(link)] = _left(line, percent)


def _left(line: Line, percent: str) -> float:
    value = line.number_of("degraded links", percent)
    if value > 100:
        line.refuse(f"{percent} % of the speed is more than all")
    return value / 100
