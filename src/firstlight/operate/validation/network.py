"""Packet-level simulations of traffic against `network.simulate`, row by row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from firstlight.errors import DocumentError, FirstlightError, Problem
from firstlight.network.flow_result import FlowResult
from firstlight.network.formats.fabric_file import FabricFile
from firstlight.network.formats.topo import GBPS, read_topo
from firstlight.network.formats.traffic_text import read_traffic
from firstlight.network.simulate import simulate
from firstlight.network.transport.pattern import pattern
from firstlight.operate.validation import table
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.table import CellError, Row
from firstlight.twin.result import Prediction

COLUMNS = ("topology", "routing", "traffic_file", "seed", "makespan_us")
CHECKED = ("nodes", "link_gbps", "flows", "finished")
"""Columns that a row need not have, and must agree with its files where it has them."""
UNREAD = (
    *CHECKED, "cc", "flow_bytes", "mean_fct_us", "p50_fct_us", "p99_fct_us", "max_fct_us", "data_packets",
    "retransmits", "sim_wall_s", "max_rss_kb", "sim_cpu_s",
)  # fmt: skip
METRIC = "makespan_us"
MICRO = 1e6
SEED = 0
"""Of the draws; a row's own seed is that of another simulator and says nothing here."""


def validate_network(
    cases: Path, topologies: Path, traffic: Path, progress: Callable[[str], None] = lambda _: None
) -> Scoreboard:
    """Predict the makespan of every packet-level run of a case file.

    A row that cannot be predicted is told with its reason, and the others go on. Runs of one case with other seeds
    weigh as one case together.

    Args:
        cases: CSV with `COLUMNS`.
        topologies: folder of `.topo` files; traffic: of `.tm` files, gzip or not. Files are found by their base name.
        progress: called with each case.

    Raises:
        DocumentError: the case file cannot be read, has misspelt columns, or a folder is not there.
    """
    for folder in (topologies, traffic):
        if not folder.is_dir():
            raise DocumentError((Problem("", "there is no such folder", "Check the path.", str(folder)),))
    rows = table.read(cases, COLUMNS, UNREAD)
    repeats = Counter(case_of(row) for row in rows)
    fabric_of = cache(lambda name: read_topo(find(topologies, name, ".topo")))

    @cache
    def answered(case: tuple[str, str, str]) -> tuple[FlowResult, dict[str, str]]:
        progress("/".join(case))
        return _answer(fabric_of(case[0]), find(traffic, case[2], ""), case[1])

    return Scoreboard("network", tuple(_outcome(row, 1 / repeats[case_of(row)], answered, fabric_of) for row in rows))


def count(cases: Path) -> int:
    """Cases of a file, repeats counted once.

    Raises:
        DocumentError: as `validate_network`.
    """
    return len({case_of(row) for row in table.read(cases, COLUMNS, UNREAD)})


def case_of(row: Row) -> tuple[str, str, str]:
    """Topology, routing and traffic file, without its folder."""
    return row.text("topology"), row.text("routing"), Path(row.text("traffic_file")).name


def _outcome(
    row: Row,
    weight: float,
    answered: Callable[[tuple[str, str, str]], tuple[FlowResult, dict[str, str]]],
    fabric_of: Callable[[str], FabricFile],
) -> Outcome:
    case = case_of(row)
    name = "/".join((*case, row.text("seed")))
    slices = {"routing": case[1], "pattern": "", "topology": case[0], "links": "", "method": ""}
    measured = float("nan")
    try:
        measured = row.number(METRIC) or float("nan")
        if not all(case):
            empty = next(column for column, text in zip(COLUMNS, case, strict=False) if not text)
            raise CellError(f"{empty} is empty")
        if measured != measured:
            raise CellError(f"{METRIC} is empty")
        _require_finished(row)
        _require_same(row, fabric_of(case[0]))
        result, known = answered(case)
        _require("flows", row.count("flows"), result.flows, case[2])
    except (CellError, FirstlightError) as error:
        return Outcome(name, METRIC, measured, None, weight, slices, reason=" ".join(str(error).split()))
    note = "" if result.makespan.calibrated else "; ".join(result.notes)
    return Outcome(name, METRIC, measured, _micro(result.makespan), weight, slices | known, reason=note)


def _require_finished(row: Row) -> None:
    """Refuse a run that stopped before its last flow ended: its makespan is none."""
    flows, finished = row.count("flows"), row.count("finished", 0)
    if flows is not None and finished is not None and finished != flows:
        raise CellError(f"finished is {finished:,} of {flows:,} flows, so the makespan is not that of all")


def _require_same(row: Row, fabric: FabricFile) -> None:
    """Refuse a row about another fabric than its topology file."""
    topology, name = fabric.topology, row.text("topology")
    _require("nodes", row.count("nodes"), topology.endpoints, name)
    _require("link_gbps", row.number("link_gbps"), topology.bundles[0].bandwidth / GBPS, name)


def _require(column: str, said: float | None, found: float, file: str) -> None:
    if said is not None and not math.isclose(said, found, rel_tol=1e-6):
        raise CellError(f"{column} is {said:g}, and {file} has {found:g}")


def _micro(seconds: Prediction) -> Prediction:
    return seconds.scaled(MICRO)


def _answer(fabric: FabricFile, file: Path, routing: str) -> tuple[FlowResult, dict[str, str]]:
    """The answer to a case, and what scores are split by besides."""
    flows = read_traffic(file, fabric.topology.endpoints)
    result = simulate(fabric.topology, flows, routing, fabric.share, SEED, fabric.latency)
    links = "degraded" if (fabric.share < 1).any() else "healthy"
    return result, {"pattern": pattern(flows), "links": links, "method": result.method}


def find(folder: Path, name: str, ending: str) -> Path:
    """The file of that base name, gzip or not, with or without the ending.

    Raises:
        CellError: there is none.
    """
    base = Path(name).name.removesuffix(".gz").removesuffix(ending)
    wanted = [base + ending, f"{base}{ending}.gz"]
    for path in (folder / one for one in wanted):
        if path.is_file():
            return path
    found = next((path for one in wanted for path in sorted(folder.rglob(one))), None)
    if found is None:
        raise CellError(f"{base}{ending} is not in {folder}, gzip or not")
    return found
