"""What every command shares: options, the progress line on stderr, JSON on stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
file_argument = click.argument("file", type=click.Path(path_type=Path))


def _pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> Mapping[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f'"{value}" is not path=value, such as site.power="75 MW"', ctx, param)
    return dict(value.split("=", 1) for value in values)


set_option = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", callback=_pairs,
    help='Change one value of the document for this run: --set site.power="75 MW". May be given often.',
)  # fmt: skip


def print_json(value: Any) -> None:
    """JSON on stdout; not-a-number never gets here (results turn it into null)."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """A plain table on stdout, columns aligned."""
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, ["-" * width for width in widths], *rows):
        click.echo("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def complain(text: str) -> None:
    """An error on stderr; on a terminal in the place of the progress bar."""
    clear()
    click.echo(text, err=True)


def clear() -> None:
    """Take the progress bar away, where work was over sooner than in so many steps."""
    if _bars():
        click.echo("\r\x1b[K", err=True, nl=False)


def _bars() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def progress(steps: int, quiet: bool) -> Callable[[str], None]:
    """A function to call at the start of each step: a bar that is redrawn on a terminal, plain lines elsewhere."""
    began, done = time.monotonic(), 0

    def line(step: str) -> None:
        nonlocal done
        done += 1
        click.echo(f"{time.monotonic() - began:6.1f} s  {step}", err=True)

    def bar(step: str) -> None:
        nonlocal done
        done += 1
        filled = min(done * 20 // steps, 20)
        click.echo(f"\r\x1b[K[{'#' * filled}{' ' * (20 - filled)}] {step}", err=True, nl=False)
        if done >= steps:
            click.echo("\r\x1b[K", err=True, nl=False)

    if quiet:
        return lambda _: None
    return bar if _bars() else line
