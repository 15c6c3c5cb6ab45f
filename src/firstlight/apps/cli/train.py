"""`firstlight train FILE`."""

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


@click.command(short_help="Say how fast training runs are.")
@file_argument
@click.option(
    "--search", is_flag=True,
    help="Try every layout of parallelism and recomputation; where the plan leaves the placement open, take the best.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder for training.json, the resolved plan, and of each run a trace of one step and the arguments of "
    "Megatron and TorchTitan.",
)  # fmt: skip
@set_option
@click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, in the place of the plan's `catalog`.",
)  # fmt: skip
@json_option
@quiet_option
def train(
    file: Path, search: bool, output: Path | None, sets: dict[str, str], parts: Path | None, as_json: bool, quiet: bool
) -> None:
    """Step time, tokens per second, MFU, where the time goes and memory of every training run of the plan FILE."""
    from firstlight import design
    from firstlight.evaluate.training import require_memory
    from firstlight.export.training import training_summary

    report = progress(design.TRAIN_STEPS if search else 2 + bool(output), quiet)
    answer = design.train(file, search=search, sets=sets, parts=parts, progress=report)
    if output:
        from firstlight import export

        report(f"writing {output}")
        export.write(answer, output)
    clear()
    if as_json:
        print_json(answer.to_dict())
    else:
        click.echo(training_summary(answer))
    require_memory(answer)
