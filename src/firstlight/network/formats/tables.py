"""Flows and links as tables, CSV or Parquet by the ending of the file's name.

Flows: `source,target,size_bytes,start_s,after,chain`; `after` lists the rows (from 0) that must end first, parted by
blanks. Links: `link,bundle,lower,upper,bandwidth_bytes_per_s,share_up,share_down`.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.network.flows.traffic import MOST, Traffic, traffic, waits
from firstlight.network.formats.lines import Line, read, written
from firstlight.network.formats.traffic_text import read_traffic, write_traffic
from firstlight.spec import near
from firstlight.twin.protocols import Floats, Ints, Topology

FLOWS = ("source", "target", "size_bytes", "start_s", "after", "chain")
LINKS = ("link", "bundle", "lower", "upper", "bandwidth_bytes_per_s", "share_up", "share_down")
_NEEDED = ("source", "target", "size_bytes")
_TABLES = (".csv", ".parquet")


def read_flows(path: Path, endpoints: int | None = None) -> Traffic:
    """Traffic of a table, or of htsim's text, by the file's name.

    Args:
        path: `.csv`, `.parquet`, `.tm`, `.cm` (the text also gzip).
        endpoints: of the fabric that it is meant for; None: not known.

    Raises:
        DocumentError: it cannot be read, or something in it cannot be; names file and line.
    """
    if path.suffix.lower() not in _TABLES:
        return read_traffic(path, endpoints)
    columns = _columns(path, FLOWS, _NEEDED)
    rows = [Line(path, number, "") for number in range(2, len(columns["source"]) + 2)]
    source, target = (_ends(rows, name, columns[name], endpoints) for name in ("source", "target"))
    size = [row.number_of("size_bytes", text, 1) for row, text in zip(rows, columns["size_bytes"], strict=True)]
    start = [row.number_of("start_s", text or "0") for row, text in zip(rows, columns["start_s"], strict=True)]
    pairs = _waits(rows, columns["after"])
    try:
        after = waits([p[0] for p in pairs], [p[1] for p in pairs], len(rows)) if pairs else None
        return traffic(source, target, size, start, after, _chains(rows, columns["chain"]))
    except UsageError as error:
        raise DocumentError((Problem("", str(error), "", str(path)),)) from None


def _waits(rows: Sequence[Line], texts: Sequence[str]) -> list[tuple[int, int]]:
    """Flow and earlier flow of each wait."""
    pairs = list[tuple[int, int]]()
    for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
        for word in text.split():
            earlier = row.count_of("after", word, 0)
            if earlier >= len(rows):
                row.refuse(f"after: row {word[:40]} does not exist", f"There are 0 to {len(rows) - 1}.")
            pairs.append((number, earlier))
    return pairs


def _chains(rows: Sequence[Line], texts: Sequence[str]) -> Ints:
    """Queue pair of each flow; one that names none has its own, which no other names."""
    named = [row.count_of("chain", text, 0) if text else None for row, text in zip(rows, texts, strict=True)]
    for row, name in zip(rows, named, strict=True):
        if name is not None and name > MOST:
            row.refuse(f"chain {name} is beyond {MOST:,}", "Number the queue pairs from 0.")
    own = itertools.count(max((name for name in named if name is not None), default=-1) + 1)
    return np.array([next(own) if name is None else name for name in named], np.int64)


def _ends(rows: Sequence[Line], name: str, texts: Sequence[str], endpoints: int | None) -> list[int]:
    found = [row.count_of(name, text, 0) for row, text in zip(rows, texts, strict=True)]
    for row, end in zip(rows, found, strict=True):
        if endpoints is not None and end >= endpoints:
            row.refuse(f"{name} {end} does not exist", f"There are 0 to {endpoints - 1}.")
    return found


def write_flows(flows: Traffic, path: Path, endpoints: int) -> None:
    """Write traffic as a table, or as htsim's text, by the file's name.

    Args:
        flows: to write.
        path: as `read_flows`.
        endpoints: of the fabric.
    """
    if path.suffix.lower() not in _TABLES:
        write_traffic(flows, path, endpoints)
        return
    indptr, indices = flows.after
    after = [" ".join(map(str, indices[indptr[f] : indptr[f + 1]])) for f in range(len(flows))]
    own = (flows.source, flows.target, flows.size, flows.start, after, flows.chain)
    _write(path, dict(zip(FLOWS, own, strict=True)))


def write_links(topology: Topology, share: Floats, path: Path) -> None:
    """Write every link of a fabric with both ends as a table; `share` is left of each directed link [2 * links]."""
    ends = [topology.ends(b, np.arange(bundle.count)) for b, bundle in enumerate(topology.bundles)]
    counts = [bundle.count for bundle in topology.bundles]
    columns = (
        np.arange(topology.links),
        np.repeat([bundle.name for bundle in topology.bundles], counts),
        np.concatenate([lower for lower, _ in ends]),
        np.concatenate([upper for _, upper in ends]),
        topology.capacity()[: topology.links],
        share[: topology.links],
        share[topology.links :],
    )
    _write(path, dict(zip(LINKS, columns, strict=True)))


def read_links(path: Path, topology: Topology) -> Floats:
    """What a table of links says is left of each directed link of a fabric [2 * links].

    Raises:
        DocumentError: it cannot be read, or a link does not exist, is there twice, or has more than its whole speed.
    """
    columns = _columns(path, LINKS, ("link", "share_up", "share_down"))
    share, seen = np.ones(2 * topology.links), set[int]()
    for number, text in enumerate(columns["link"]):
        row = Line(path, number + 2, "")
        link = row.count_of("link", text, 0)
        if link >= topology.links or link in seen:
            told = "is there twice" if link in seen else "does not exist"
            row.refuse(f"link {link} {told}", f"There are 0 to {topology.links - 1}.")
        seen.add(link)
        for name, place in (("share_up", link), ("share_down", link + topology.links)):
            share[place] = row.number_of(name, columns[name][number] or "1")
            if share[place] > 1:
                row.refuse(f"{name} {share[place]:g} is more than 1")
    return share


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    if path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as parquet

        with written(path):
            parquet.write_table(pa.table({name: list(values) for name, values in columns.items()}), path)
        return
    with written(path), path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))


def _columns(path: Path, known: Sequence[str], needed: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a table as text; those that it lacks are empty."""
    rows = _parquet(path) if path.suffix.lower() == ".parquet" else list(csv.reader(io.StringIO(read(path))))
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()  # blank lines at the end
    header, body = ([name.strip() for name in rows[0]] if rows else []), rows[1:]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DocumentError((Problem("", f'column "{twice}" is there twice', "Leave one of them out.", str(path)),))
    wrong = [name for name in header if name not in known]
    missing = [name for name in needed if name not in header]
    if wrong or missing or not body:
        told = (
            f'no column "{missing[0]}"' if missing else f'unknown column "{wrong[0]}"' if wrong else "there are no rows"
        )
        word = wrong[0] if wrong else ""
        raise DocumentError((Problem("", told, near.hint(word, known, f"Columns are {', '.join(known)}."), str(path)),))
    for number, row in enumerate(body):
        if len(row) != len(header):
            Line(path, number + 2, "").refuse(f"{len(row)} cells, and the header has {len(header)}")
    found = {name: [row[i].strip() for row in body] for i, name in enumerate(header)}
    return {name: found.get(name, [""] * len(body)) for name in known}


def _parquet(path: Path) -> list[list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DocumentError((Problem("", f"cannot be read: {error}", "Check the path.", str(path)),)) from None
    columns = [["" if v is None else str(v) for v in table.column(name).to_pylist()] for name in table.column_names]
    return [list(table.column_names), *(list(row) for row in zip(*columns, strict=True))]
