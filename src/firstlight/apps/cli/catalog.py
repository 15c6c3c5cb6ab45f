"""`firstlight catalog list|show|compare`."""

from __future__ import annotations

from pathlib import Path

import click

_parts_option = click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, laid over the shipped ones.",
)  # fmt: skip


@click.group(short_help="List, show and compare parts.")
def catalog() -> None:
    """List, show and compare what the catalogue holds: parts, models and assumptions."""
