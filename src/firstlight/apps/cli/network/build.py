"""`firstlight network build FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from firstlight.apps.cli.console import (
    clear,
    file_argument,
    json_option,
    print_json,
    progress,
    quiet_option,
    set_option,
)


@click.command(short_help="Lay out every switch and cable.")
@file_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder for network.json, the resolved plan, every cable, the port map of every switch, the switches, the "
    "bill of cables and the spares.",
)  # fmt: skip
@set_option
@click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, in the place of the plan's `catalog`.",
)  # fmt: skip
@json_option
@quiet_option
def build(
    file: Path, output: Path | None, sets: dict[str, str], parts: Path | None, as_json: bool, quiet: bool
) -> None:
    """Switches and links of the plan FILE, cable by cable: ends, lengths, media, modules, power, cost and spares."""
    from firstlight import design
    from firstlight.export.network import network_summary

    report = progress(design.NETWORK_STEPS + bool(output), quiet)
    answer = design.build_network(file, sets=sets, parts=parts, progress=report)
    if output:
        from firstlight import export

        report(f"writing {output}")
        export.write(answer, output)
    clear()
    if as_json:
        print_json(answer.to_dict())
    else:
        click.echo(network_summary(answer))
