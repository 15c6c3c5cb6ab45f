"""`firstlight network simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from firstlight.apps.cli.console import json_option, print_json, set_option


@click.command(short_help="Send traffic over a fabric.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--topo", type=click.Path(path_type=Path), help="A .topo file in the place of the plan FILE, gzip or not."
)
@click.option(
    "--traffic", required=True, metavar="FILE|PATTERN",
    help="A .tm, .cm, .csv or .parquet file; or permutation:8MB, all-to-all:64kB, shift:8MB, ring:1MB or incast:1MB "
    "over all endpoints (sizes of one flow).",
)  # fmt: skip
@click.option("--routing", default="spray", show_default=True, help="spray, reps, adaptive, ecmp or roce-ecmp.")
@click.option(
    "--fail", "fails", multiple=True, metavar="WHAT[@SHARE]",
    help="Links to break, or to slow to a share of their speed: leaf-spine:3 breaks three links of that bundle at "
    "random, leaf-spine#17@25% slows link 17. May be given often.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of hashes and draws.")
@set_option
@json_option
def simulate(
    file: Path | None, topo: Path | None, traffic: str, routing: str, fails: tuple[str, ...], seed: int,
    sets: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    """Send traffic over the fabric of the plan FILE, or of a topology file: makespan, completion of each flow, and the
    links in front of which packets find no room.
    """
    import numpy as np

    from firstlight import design
    from firstlight.errors import UsageError
    from firstlight.export.flows import summary
    from firstlight.network.asked import broken, flows
    from firstlight.network.formats import read_topo
    from firstlight.network.simulate import simulate as run

    if (file is None) == (topo is None):
        raise UsageError("name either a plan FILE or --topo X.topo")
    if topo is not None and sets:
        raise UsageError("--set changes a plan, and --topo is none; leave one of the two out")
    if topo is not None:
        read = read_topo(topo)
        topology, latencies, share = read.topology, read.latency, read.share
    else:
        topology, latencies = design.fabric(file or Path(), sets=sets)
        share = np.ones(2 * topology.links)
    share = broken(topology, share, fails, seed)
    result = run(topology, flows(traffic, topology.endpoints, seed), routing, share, seed, latencies)
    if as_json:
        print_json(result.to_dict() | {"units": result.units()})
    else:
        click.echo(summary(result))
