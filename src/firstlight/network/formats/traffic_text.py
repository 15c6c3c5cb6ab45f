"""Traffic in the text that the packet simulator htsim reads (`.tm`, `.cm`), gzip or not.

    Nodes 128
    Connections 2
    Triggers 1
    0->26 id 1 start 0 size 4194304 recv_done_trigger 1
    26->3 id 2 trigger 1 size 4194304
    trigger id 1 oneshot

Sizes are in bytes, starts in picoseconds. A flow with a trigger starts when the flows that fire it have ended: a
oneshot has one of them, a barrier as many as its count. A flow fires one trigger when it has been sent and one when it
has been received, which are both its end here.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.network.flows.traffic import Traffic, traffic, waits
from firstlight.network.formats.lines import Line, lines, written
from firstlight.network.formats.triggers import triggers

PS = units.parse("1 ns", "time") / 1000
_KEYS = ("id", "start", "size", "trigger", "send_done_trigger", "recv_done_trigger", "prio", "msg")
_KINDS = ("oneshot", "multishot", "barrier")
_HEADER = ("nodes", "connections", "triggers", "failures")


@dataclass
class _Raw:
    """The file as it is written."""

    header: dict[str, int] = field(default_factory=dict[str, int])
    flows: list[tuple[Line, int, int, Mapping[str, str]]] = field(
        default_factory=list[tuple[Line, int, int, Mapping[str, str]]]
    )
    triggers: dict[str, tuple[Line, str, int]] = field(default_factory=dict[str, tuple[Line, str, int]])


def read_traffic(path: Path, endpoints: int | None = None) -> Traffic:
    """The traffic of a `.tm` or `.cm` file.

    Args:
        path: of the file.
        endpoints: of the fabric that it is meant for; None: not known.

    Raises:
        DocumentError: it cannot be read, names endpoints that do not exist, an id or trigger twice or never, or flows
            that wait for each other in a circle; names file and line.
    """
    raw = _Raw()
    for line in lines(path):
        words = line.text.split("#")[0].split()
        if words:
            _take(raw, line, words)
    _counts(raw, path)
    said = raw.header.get("nodes")
    if said is not None and endpoints is not None and said != endpoints:
        told = f"Nodes says {said:,}, and the fabric has {endpoints:,} endpoints"
        remedy = f"Take traffic of this fabric, or write Nodes {endpoints} if these flows are meant for it."
        raise DocumentError((Problem("", told, remedy, str(path)),))
    nodes = min(n for n in (said, endpoints, 1 << 31) if n is not None)
    if not raw.flows:
        remedy = 'Write lines such as "0->1 id 1 start 0 size 8388608".'
        raise DocumentError((Problem("", "there are no flows", remedy, str(path)),))
    for line, source, target, _ in raw.flows:
        wrong = next((end for end in (source, target) if end >= nodes), None)
        if wrong is not None:
            line.refuse(f"endpoint {wrong} does not exist", f"There are 0 to {nodes - 1}.")
    return _traffic(raw, path)


def _take(raw: _Raw, line: Line, words: list[str]) -> None:
    key = words[0].lower()
    if "->" in words[0]:
        raw.flows.append(_flow(line, words))
    elif key == "trigger":
        name, *rest = _trigger(line, words[1:])
        if name in raw.triggers:
            line.refuse(f"trigger {name} is there twice")
        raw.triggers[name] = (line, str(rest[0]), int(rest[1]))
    elif key in _HEADER:
        raw.header[key] = line.count_of(words[0], words[1] if len(words) > 1 else "", 0)
    elif key == "failure":
        line.refuse("links that fail are not read from traffic", "Name them with --fail, or in the topology's file.")
    else:
        known = "A line is a flow (0->1 ...), a trigger, Nodes, Connections or Triggers."
        line.refuse(f'unknown word "{words[0]}"', known)


def _flow(line: Line, words: list[str]) -> tuple[Line, int, int, Mapping[str, str]]:
    ends = words[0].split("->")
    source, target = (line.count_of("endpoint", end, 0) for end in ends)
    values = dict(zip(words[1::2], words[2::2], strict=False))
    unknown = [word for word in words[1::2] if word not in _KEYS]
    if unknown or len(words) % 2 == 0:
        line.refuse(f'"{(unknown or words[-1:])[0]}" is not one of {", ".join(_KEYS)}, each with a value')
    if len(values) != len(words) // 2:
        line.refuse("a key is there twice")
    if "size" not in values:
        line.refuse("size is missing", 'Write "size 8388608" (bytes).')
    if ("start" in values) == ("trigger" in values):
        line.refuse("a flow has either a start or a trigger", 'Write "start 0" (picoseconds), or "trigger 1".')
    return line, source, target, values


def _trigger(line: Line, words: list[str]) -> tuple[str, str, int]:
    """Name, kind and count of a trigger."""
    kind = next((word for word in words if word in _KINDS), "")
    values = {key: value for key, value in pairwise(words) if key in ("id", "count")}
    if "id" not in values or not kind:
        line.refuse(
            "a trigger has an id and a kind", 'Write "trigger id 1 oneshot", or "trigger id 1 barrier count 4".'
        )
    return values["id"], kind, line.count_of("count", values.get("count", "1"), 1)


def _counts(raw: _Raw, path: Path) -> None:
    for key, found in (("connections", len(raw.flows)), ("triggers", len(raw.triggers))):
        said = raw.header.get(key, found)
        if said != found:
            told = f"{key.capitalize()} says {said:,}, and there are {found:,}"
            raise DocumentError((Problem("", told, f"Write {key.capitalize()} {found}.", str(path)),))


def _traffic(raw: _Raw, path: Path) -> Traffic:
    _ids(raw)
    rows = raw.flows
    sizes = [line.count_of("size", v["size"], 1, "Write it in bytes.") for line, _, _, v in rows]
    starts = [
        line.number_of("start", v.get("start", "0"), 0, "Write it in picoseconds.") * PS for line, _, _, v in rows
    ]
    pairs = _waits(raw)
    after = waits([p[0] for p in pairs], [p[1] for p in pairs], len(rows)) if pairs else None
    try:
        return traffic([r[1] for r in rows], [r[2] for r in rows], sizes, starts, after)
    except UsageError as error:
        raise DocumentError((Problem("", str(error), "", str(path)),)) from None


def _ids(raw: _Raw) -> None:
    seen = dict[str, Line]()
    for line, _, _, values in raw.flows:
        name = values.get("id")
        if name is not None and name in seen:
            line.refuse(f"flow id {name} is there twice, first on line {seen[name].number}")
        if name is not None:
            seen[name] = line


def _waits(raw: _Raw) -> list[tuple[int, int]]:
    """Flow and earlier flow of each wait."""
    fires = dict[str, list[int]]()
    for number, (line, _, _, values) in enumerate(raw.flows):
        for key in ("send_done_trigger", "recv_done_trigger"):
            if values.get(key, "0") != "0":
                if values[key] not in raw.triggers:
                    line.refuse(f"trigger {values[key]} is not in the file", f'Add "trigger id {values[key]} oneshot".')
                fires.setdefault(values[key], []).append(number)
    for name, numbers in fires.items():
        line, kind, count = raw.triggers[name]
        wanted = count if kind == "barrier" else 1
        if len(numbers) != wanted:
            line.refuse(f"trigger {name} is a {kind} of {wanted}, and {len(numbers)} flows fire it",
                        f'Write "trigger id {name} barrier count {len(numbers)}".')  # fmt: skip
    pairs = list[tuple[int, int]]()
    for number, (line, _, _, values) in enumerate(raw.flows):
        if "trigger" in values:
            if values["trigger"] not in fires:
                line.refuse(f"no flow fires trigger {values['trigger']}, so this one never starts")
            pairs += [(number, earlier) for earlier in fires[values["trigger"]]]
    return pairs


def write_traffic(flows: Traffic, path: Path, endpoints: int) -> None:
    """Write traffic as a `.tm` file, gzip where the name ends in `.gz`.

    Args:
        flows: sizes are rounded to whole bytes, starts to picoseconds.
        path: of the file.
        endpoints: of the fabric.

    Raises:
        UsageError: the format has no word for these flows (see `triggers`), or the file cannot be written.
    """
    text = traffic_text(flows, endpoints).encode("utf-8")
    with written(path):
        path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def traffic_text(flows: Traffic, endpoints: int) -> str:
    """The text of `write_traffic`."""
    found = triggers(flows)
    out = [f"Nodes {endpoints}", f"Connections {len(flows)}"]
    out += [f"Triggers {len(found.counts)}"] if found.counts else []
    rows = zip(flows.source.tolist(), flows.target.tolist(), flows.start.tolist(), flows.size.tolist(), strict=True)
    for f, (source, target, start, size) in enumerate(rows):
        begins = f"trigger {found.starts[f]}" if f in found.starts else f"start {round(start / PS)}"
        ends = "".join(f" {word} {trigger}" for word, trigger in found.fires.get(f, {}).items())
        out.append(f"{source}->{target} id {f + 1} {begins} size {max(round(size), 1)}{ends}")
    for trigger, count in found.counts.items():
        out.append(f"trigger id {trigger} " + ("oneshot" if count == 1 else f"barrier count {count}"))
    return "\n".join(out) + "\n"
