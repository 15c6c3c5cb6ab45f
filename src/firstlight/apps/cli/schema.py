"""`firstlight schema DOCUMENT`."""

from __future__ import annotations

import click

from firstlight.apps.cli.console import print_json


@click.command(short_help="Print the JSON Schema of a document.")
@click.argument("document", type=click.Choice(["plan", "site", "demand", "workload", "design", "catalog"]))
def schema(document: str) -> None:
    """Print the JSON Schema of a document, which editors use for completion and checks."""
    from firstlight.spec import schema as schemas

    print_json(schemas.schema(document))
