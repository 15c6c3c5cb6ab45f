"""`firstlight network export`."""

from __future__ import annotations

from pathlib import Path

import click

from firstlight.apps.cli.console import json_option, print_json, set_option
from firstlight.apps.cli.network.case import FAIL, TRAFFIC, case, require_one


@click.command(short_help="Hand a fabric and traffic to a packet simulator.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--topo", type=click.Path(path_type=Path), help="A .topo file in the place of the plan FILE, gzip or not."
)
@click.option("--traffic", required=True, metavar="FILE|PATTERN", help=f"{TRAFFIC}.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path),
    help="Folder for topology.topo (or links, where that format has no word for the fabric), flows.tm and flows.",
)  # fmt: skip
@click.option("--fail", "fails", multiple=True, metavar="WHAT[@SHARE]", help=FAIL)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of what is drawn.")
@set_option
@json_option
def export(
    file: Path | None, topo: Path | None, traffic: str, output: Path, fails: tuple[str, ...], seed: int,
    sets: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    """Write the fabric of the plan FILE, or of a topology file, and traffic on it as text of the packet simulator htsim
    and as tables, which `network simulate` reads again.
    """
    from dataclasses import replace

    from firstlight.errors import UsageError
    from firstlight.export.traffic import summary, write_case

    require_one(file, topo, sets)
    if traffic == "step":
        raise UsageError(
            "--traffic step is reckoned from the loads of whole collectives and has no flows to write; name a pattern, "
            "such as ring:1MB, or a file"
        )
    asked = case(file, topo, traffic, fails, seed, sets)
    handed = write_case(asked.topology, asked.latencies, asked.share, asked.flows, output)
    handed = replace(handed, untold=(*handed.untold, *asked.notes))
    if as_json:
        print_json({
            "kind": asked.topology.kind, "endpoints": asked.topology.endpoints, "flows": len(asked.flows),
            "files": [str(path) for path in handed.files], "notes": list(handed.untold),
        })  # fmt: skip
    else:
        click.echo(summary(asked.topology, asked.flows, handed))
