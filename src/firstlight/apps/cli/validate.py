"""`firstlight validate training` and `firstlight validate kernels`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firstlight.apps.cli.console import json_option, print_json, print_table

if TYPE_CHECKING:
    from firstlight.operate.validation import Scoreboard

_NUMBERS = ("cases", "predicted", "weighted_median_ape", "weighted_p90_ape", "weighted_mean_ape", "signed_bias",
            "interval80_coverage")  # fmt: skip
_HEADER = ("slice", "cases", "predicted", "median", "P90", "mean", "bias", "covered")


@click.group(short_help="Score predictions against measurements.")
def validate() -> None:
    """Score predictions against published or your own measurements, row by row."""


@validate.command()
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path), help="CSV with the columns of measurements/training.csv."
)
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write, one line a case.")
@click.option("--tiers", default="A,B", show_default=True, help="Tiers of rows that count.")
@click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")
@json_option
def training(cases: Path, out: Path | None, tiers: str, parts: Path | None, as_json: bool) -> None:
    """Training runs: step time, tokens per second or FLOP/s of each row of CASES against the model."""
    from firstlight.operate.validation import validate_training
    from firstlight.spec import catalog

    board = validate_training(cases, catalog.load(parts), tiers=tuple(tier.strip() for tier in tiers.split(",")))
    _report(board, out, as_json)


@validate.command()
@click.option(
    "--cases",
    required=True,
    type=click.Path(path_type=Path),
    help="Parquet file <accelerator>.<operation>.parquet with the columns of measurements/kernels, or their folder.",
)
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write, one line a case and target.")
@click.option(
    "--coefficients",
    type=click.Path(path_type=Path),
    help="Folder that `firstlight calibrate kernels -o FOLDER` wrote, in place of the shipped coefficients.",
)
@click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")
@json_option
def kernels(cases: Path, out: Path | None, coefficients: Path | None, parts: Path | None, as_json: bool) -> None:
    """Kernels and collectives: the time of each row of CASES against the formula and what was timed nearby."""
    from firstlight.operate.validation import validate_kernels
    from firstlight.performance.kernels.timed.coefficients import load
    from firstlight.spec import catalog

    _report(validate_kernels(cases, catalog.load(parts), load(coefficients)), out, as_json)


def _report(board: Scoreboard, out: Path | None, as_json: bool) -> None:
    """Write the lines, and print the summary."""
    if out:
        board.write(out)
    summary = board.to_dict()
    if as_json:
        print_json(summary)
        return
    lines = [_line("all", summary)]
    for name, parted in summary["by"].items():
        lines += [_line(f"{name} {value}", scores) for value, scores in parted.items()]
    print_table(lines, _HEADER)


def _line(name: str, scores: dict[str, Any]) -> list[str]:
    counts = [str(scores[key]) for key in _NUMBERS[:2]]
    shares = ["" if scores[key] is None else f"{100 * scores[key]:.1f} %" for key in _NUMBERS[2:]]
    return [name, *counts, *shares]
