"""`firstlight plan FILE -o DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from firstlight.apps.cli.console import file_argument, json_option, print_json, progress, quiet_option, set_option


@click.command(short_help="Plan the whole factory of FILE.")
@file_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder for report.html, evaluation.json, design.yaml and the tables. Left out: only the answer is printed.",
)  # fmt: skip
@set_option
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of everything random.")
@click.option("--dry-run", is_flag=True, help="Check the document and estimate the time, without planning.")
@json_option
@quiet_option
def plan(
    file: Path, output: Path | None, sets: dict[str, str], seed: int, dry_run: bool, as_json: bool, quiet: bool
) -> None:
    """Check FILE, propose what it leaves open, assemble the factory, evaluate it, and write it to a folder."""
    from firstlight import design
    from firstlight.errors import UsageError
    from firstlight.evaluate.margins import require
    from firstlight.export.summary import summary

    if dry_run:
        if as_json:
            raise UsageError("--json has no effect on the estimate of --dry-run; leave one of the two out")
        click.echo(design.dry_run(file, sets=sets))
        return
    report = progress(design.STEPS + bool(output), quiet)
    evaluation = design.plan(file, sets=sets, seed=seed, progress=report)
    if output:
        from firstlight import export

        report(f"writing {output}")
        export.write(evaluation, output)
    if as_json:
        print_json(evaluation.to_dict())
    else:
        click.echo(summary(evaluation))
        if output:
            click.echo(f"The report is {output / 'report.html'}")
    require(evaluation)
