"""`firstlight network build`, and what else there is to ask of a fabric: one file a command."""

from __future__ import annotations

import click

from firstlight.apps.cli.network.build import build
from firstlight.apps.cli.network.collective import collective
from firstlight.apps.cli.network.export import export
from firstlight.apps.cli.network.simulate import simulate


@click.group(short_help="Build and examine the fabric of FILE.")
def network() -> None:
    """The fabric of a plan: every switch and cable of it, how long collectives take on it, and traffic."""


network.add_command(build)
network.add_command(collective)
network.add_command(export)
network.add_command(simulate)
