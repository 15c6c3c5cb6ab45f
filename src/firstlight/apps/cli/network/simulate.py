"""`firstlight network simulate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from firstlight.apps.cli.console import json_option, print_json, set_option
from firstlight.apps.cli.network.case import FAIL, TRAFFIC, case, require_one

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
    help=f"{TRAFFIC}; or step: training steps of the plan's jobs on its nodes.",
)  # fmt: skip
@click.option("--routing", default="spray", show_default=True, help="spray, reps, adaptive, ecmp or roce-ecmp.")
@click.option("--fail", "fails", multiple=True, metavar="WHAT[@SHARE]", help=FAIL)
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

    require_one(file, topo, sets)
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
    from firstlight.export.flows import summary
    from firstlight.network.simulate import simulate as run

    asked = case(file, topo, traffic, fails, seed, sets)
    result = run(asked.topology, asked.flows, routing, asked.share, seed, asked.latencies)
    result = replace(result, notes=(*result.notes, *asked.notes))
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
