"""`firstlight check FILE`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from firstlight.apps.cli.console import file_argument, json_option, print_json, set_option


@click.command(short_help="Check a document.")
@file_argument
@click.option(
    "--as", "kind", type=click.Choice(["plan", "site", "demand", "workload", "design", "catalog"]),
    help="What the document is. Left out: what its keys say.",
)  # fmt: skip
@set_option
@json_option
def check(file: Path, kind: str | None, sets: dict[str, str], as_json: bool) -> None:
    """Check a document and say everything that is wrong with it, with file:line:col and the remedy."""
    from firstlight.errors import DocumentError, UsageError
    from firstlight.spec import load

    kind = kind or load.kind_of(file)
    if sets and kind != "plan":
        raise UsageError(f"--set changes a plan; it has no effect on a {kind} document")
    try:
        if kind == "plan":
            load.load_plan(file, sets=sets, today=dt.date.today())
        else:
            load.load_document(kind, file)
    except DocumentError as error:
        if as_json:
            print_json({"file": str(file), "problems": [vars(problem) for problem in error.problems]})
        raise
    if as_json:
        print_json({"file": str(file), "problems": []})
    else:
        click.echo(f"{file}: a valid {kind}")
