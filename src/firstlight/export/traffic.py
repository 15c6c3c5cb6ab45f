"""A fabric and traffic on it for a packet simulator: htsim's text where it has the words, and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from firstlight.errors import UsageError
from firstlight.export.files import complaints, publish, stage, table_name
from firstlight.network.flows.traffic import Traffic
from firstlight.network.formats import FabricFile, topo_text, traffic_text, write_flows, write_links
from firstlight.network.topology import Switched
from firstlight.network.transport.fabric import Latency
from firstlight.twin.protocols import Floats, Topology

TOPO, LINKS, TM, FLOWS = "topology.topo", "links", "flows.tm", "flows"


@dataclass(frozen=True)
class Handed:
    """What was written.

    Attributes:
        files: paths.
        untold: what htsim's text has no word for, and why.
    """

    files: tuple[Path, ...]
    untold: tuple[str, ...]


def write_case(topology: Topology, latencies: Latency, share: Floats, flows: Traffic, folder: Path) -> Handed:
    """Write a fabric and traffic on it; what an earlier run left in the folder is replaced.

    The fabric is `topology.topo`, or where the format has no word for it a table of its links; flows are a table, and
    `flows.tm` where the format can tell what they wait for. Tables beyond `CSV_ROWS` rows are Parquet.

    Args:
        topology, latencies: of the fabric.
        share: of its capacity that each directed link has left [2 * links].
        flows: between its endpoints.
        folder: to write to.

    Raises:
        UsageError: an endpoint does not exist, or the folder cannot be written; nothing has been changed then.
    """
    topology.pairs(flows.source, flows.target)
    untold = list[str]()
    with complaints(folder), stage(folder) as hidden:
        files = [_fabric(hidden, topology, latencies, share, untold)]
        try:
            text = traffic_text(flows, topology.endpoints)
        except UsageError as error:
            untold.append(f"no {TM}: {error}")
        else:
            (hidden / TM).write_text(text, "utf-8")
            files.append(TM)
            if not _own_paths(flows):
                untold.append(f"{TM} does not say which flows share a queue pair; the table does")
        files.append(table_name(FLOWS, len(flows)))
        write_flows(flows, hidden / files[-1], topology.endpoints)
        written = publish(hidden, folder, files)
        for name in {TOPO, TM, f"{LINKS}.csv", f"{LINKS}.parquet"} - set(files):
            (folder / name).unlink(missing_ok=True)
    return Handed(written, tuple(untold))


def _fabric(hidden: Path, topology: Topology, latencies: Latency, share: Floats, untold: list[str]) -> str:
    try:
        if not isinstance(topology, Switched):
            raise UsageError(f"a .topo file tells a folded Clos network, and this is a {topology.kind}")
        text = topo_text(FabricFile(topology, latencies, share))
    except UsageError as error:
        untold.append(f"no {TOPO}: {error}")
    else:
        (hidden / TOPO).write_text(text, "utf-8")
        return TOPO
    name = table_name(LINKS, topology.links)
    write_links(topology, share, hidden / name)
    return name


def _own_paths(flows: Traffic) -> bool:
    """Each flow has a queue pair of its own."""
    return len(set(flows.chain.tolist())) == len(flows)


def summary(topology: Topology, flows: Traffic, handed: Handed) -> str:
    """What was written, in lines of text."""
    lines = [f"{len(flows):,} flows over {topology.endpoints:,} endpoints ({topology.kind})"]
    lines += [f"written     {path}" for path in handed.files]
    return "\n".join([*lines, *(f"note        {told}" for told in handed.untold)])
