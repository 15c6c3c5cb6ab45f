"""`firstlight network simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from firstlight.apps.cli.console import json_option, print_json, set_option

if TYPE_CHECKING:
    from firstlight.network.jobs import Place, Steering

STEP = "step"
_PLACES = ("packed", "spread", "rail-aligned", "topology-aware")


@click.command(short_help="Send traffic over a fabric.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--topo", type=click.Path(path_type=Path), help="A .topo file in the place of the plan FILE, gzip or not."
)
@click.option(
    "--traffic", required=True, metavar="FILE|PATTERN|step",
    help="A .tm, .cm, .csv or .parquet file; or permutation:8MB, all-to-all:64kB, shift:8MB, ring:1MB or incast:1MB "
    "over all endpoints (sizes of one flow); or step: training steps of the plan's jobs on its nodes.",
)  # fmt: skip
@click.option("--routing", default="spray", show_default=True, help="spray, reps, adaptive, ecmp or roce-ecmp.")
@click.option(
    "--fail", "fails", multiple=True, metavar="WHAT[@SHARE]",
    help="What to break, or to slow to a share of its speed, by number (spine#3, leaf-spine#17, plane#1, rail#2) or "
    "drawn at random with the seed (spine:2, leaf-spine:0.5%, leaf-spine:4@25%). May be given often.",
)  # fmt: skip
@click.option("--place", type=click.Choice(_PLACES), help="Of step: where the jobs sit. Left out: packed.")
@click.option(
    "--queue-pairs", type=click.IntRange(1, 1024), help="Of step with ecmp: paths of a connection. Left out: 1."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of hashes and draws.")
@set_option
@json_option
def simulate(
    file: Path | None, topo: Path | None, traffic: str, routing: str, fails: tuple[str, ...], place: str | None,
    queue_pairs: int | None, seed: int, sets: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    """Send traffic over the fabric of the plan FILE, or of a topology file: makespan, completion of each flow, and the
    links in front of which packets find no room. Of training steps: what failures and placement do to each job.
    """
    from firstlight.errors import UsageError

    if (file is None) == (topo is None):
        raise UsageError("name either a plan FILE or --topo X.topo")
    if topo is not None and sets:
        raise UsageError("--set changes a plan, and --topo is none; leave one of the two out")
    if traffic == STEP:
        _step(file, routing, fails, place, queue_pairs, seed, sets, as_json)
        return
    given = [name for name, value in (("--place", place), ("--queue-pairs", queue_pairs)) if value is not None]
    if given:
        raise UsageError(f"{' and '.join(given)} has no effect on {traffic}; leave it out, or ask for --traffic step")
    _flows(file, topo, traffic, routing, fails, seed, sets, as_json)


def _flows(
    file: Path | None, topo: Path | None, traffic: str, routing: str, fails: tuple[str, ...], seed: int,
    sets: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    from firstlight import design
    from firstlight.export.flows import summary
    from firstlight.network.asked import flows
    from firstlight.network.formats import read_topo
    from firstlight.network.routing import fail
    from firstlight.network.simulate import simulate as run

    share = 1.0
    if topo is not None:
        read = read_topo(topo)
        topology, latencies, share = read.topology, read.latency, read.share
    else:
        topology, latencies = design.fabric(file or Path(), sets=sets)
    share = share * fail(topology, fails, seed).shares(topology)
    result = run(topology, flows(traffic, topology.endpoints, seed), routing, share, seed, latencies)
    if as_json:
        print_json(result.to_dict() | {"units": result.units()})
    else:
        click.echo(summary(result))


def _step(
    file: Path | None, routing: str, fails: tuple[str, ...], place: str | None, queue_pairs: int | None, seed: int,
    sets: dict[str, str], as_json: bool,
) -> None:  # fmt: skip
    from firstlight import design
    from firstlight.errors import UsageError
    from firstlight.evaluate.effects import WhatIf
    from firstlight.export.whatif import summary
    from firstlight.network.jobs import ROUTINGS
    from firstlight.spec import near

    if file is None:
        raise UsageError("--traffic step needs a plan FILE, whose jobs it places; --topo has none")
    if routing not in ROUTINGS:
        known = f"Of steps known are {', '.join(ROUTINGS)}."
        raise UsageError(f'unknown routing "{routing}". {near.hint(routing, ROUTINGS, known)}')
    if queue_pairs is not None and routing != "ecmp":
        raise UsageError(f"--queue-pairs has no effect on {routing}, which spreads every message; leave it out")
    asked = WhatIf(fails, cast("Place", place or "packed"), cast("Steering", routing), queue_pairs or 1, seed)
    result = design.whatif(file, asked, sets=sets)
    if as_json:
        print_json(result.to_dict() | {"units": result.units()})
    else:
        click.echo(summary(result))
