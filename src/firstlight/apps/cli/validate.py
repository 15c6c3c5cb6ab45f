"""`firstlight validate training`, `memory`, `kernels`, `collectives`, `network`, `serving` and `throughput`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firstlight.apps.cli.console import complain, json_option, print_json, print_table, quiet_option

if TYPE_CHECKING:
    from firstlight.operate.validation import Outcome, Scoreboard
    from firstlight.operate.validation.serving.score import ServingScoreboard

_NUMBERS = ("cases", "predicted", "weighted_median_ape", "weighted_p90_ape", "weighted_mean_ape", "signed_bias",
            "interval80_coverage")  # fmt: skip
SHOWN = 20
"""Refused rows that are printed."""
_HEADER = ("slice", "cases", "predicted", "median", "P90", "mean", "bias", "covered")


@click.group(short_help="Score predictions against measurements.")
def validate() -> None:
    """Score predictions against published or your own measurements, row by row.

    Rows that cannot be predicted are told with their reason, and the others go on; where none can, the exit code is 1.
    """


_CASES = click.option("--cases", required=True, type=click.Path(path_type=Path), help="CSV with the rows to predict.")
_OUT = click.option("--out", type=click.Path(path_type=Path), help="CSV to write, one line a case.")
_TIERS = click.option("--tiers", default="A,B", show_default=True, help="Tiers of rows that count.")
_PARTS = click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")


def _rows(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that scores whole runs."""
    return reduce(lambda made, option: option(made), (json_option, _PARTS, _TIERS, _OUT, _CASES), command)


@validate.command()
@_rows
def training(cases: Path, out: Path | None, tiers: str, parts: Path | None, as_json: bool) -> None:
    """Training runs: step time, tokens per second or FLOP/s of each row of CASES against the model.

    CASES has the columns of measurements/training.csv.
    """
    from firstlight.operate.validation import validate_training
    from firstlight.spec import catalog

    _show(validate_training(cases, catalog.load(parts), tiers=_words(tiers)), out, as_json)


@validate.command()
@_rows
def memory(cases: Path, out: Path | None, tiers: str, parts: Path | None, as_json: bool) -> None:
    """Memory of training runs: the published peak of each row of CASES against the model.

    CASES has the columns of measurements/memory.csv.
    """
    from firstlight.operate.validation import validate_memory
    from firstlight.spec import catalog

    _show(validate_memory(cases, catalog.load(parts), tiers=_words(tiers)), out, as_json)


_TABLES = click.option(
    "--cases",
    required=True,
    type=click.Path(path_type=Path),
    help="Parquet file <accelerator>.<operation>.parquet with the columns of measurements/kernels, or their folder.",
)
_TARGETS = click.option("--out", type=click.Path(path_type=Path), help="CSV to write, one line a case and target.")
_COEFFICIENTS = click.option(
    "--coefficients",
    type=click.Path(path_type=Path),
    help="Folder that `firstlight calibrate kernels -o FOLDER` or `calibrate collectives` wrote, in place of the "
    "shipped coefficients.",
)


def _timings(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that scores timed kernels or collectives."""
    return reduce(lambda made, option: option(made), (json_option, _PARTS, _COEFFICIENTS, _TARGETS, _TABLES), command)


@validate.command()
@_timings
def kernels(cases: Path, out: Path | None, coefficients: Path | None, parts: Path | None, as_json: bool) -> None:
    """Kernels and collectives: the time of each row of CASES against the formula and what was timed nearby."""
    from firstlight.operate.validation import validate_kernels
    from firstlight.operate.validation.timings.registry import load
    from firstlight.spec import catalog

    _show(validate_kernels(cases, catalog.load(parts), load(coefficients)), out, as_json)


@validate.command()
@_CASES
@click.option("--topo-dir", required=True, type=click.Path(path_type=Path), help="Folder of the .topo files.")
@click.option("--traffic-dir", required=True, type=click.Path(path_type=Path), help="Folder of the .tm files.")
@_OUT
@json_option
@quiet_option
def network(cases: Path, topo_dir: Path, traffic_dir: Path, out: Path | None, as_json: bool, quiet: bool) -> None:
    """Traffic on fabrics: the makespan of each packet-level run of CASES against the simulation.

    CASES has the columns of measurements/network/packet_level.csv; files are found by base name, gzip or not.
    """
    from firstlight.apps.cli.console import progress
    from firstlight.operate.validation import validate_network
    from firstlight.operate.validation.network import count

    tell = progress(count(cases), quiet)
    _show(validate_network(cases, topo_dir, traffic_dir, tell), out, as_json)


@validate.command()
@_timings
def collectives(cases: Path, out: Path | None, coefficients: Path | None, parts: Path | None, as_json: bool) -> None:
    """Collectives and exchanges of tokens alone: tables of other kernels among CASES are left out.

    A part in --parts that states `all_reduce_latency` takes the factor on all latencies from it.
    """
    from firstlight.operate.validation import validate_collectives
    from firstlight.operate.validation.timings.registry import load
    from firstlight.spec import catalog

    _show(validate_collectives(cases, catalog.load(parts), load(coefficients)), out, as_json)


@validate.command()
@_rows
def serving(cases: Path, out: Path | None, tiers: str, parts: Path | None, as_json: bool) -> None:
    """Serving runs: time to the first token and per further token of each row of CASES against the model.

    CASES has the columns of measurements/serving.csv.
    """
    from firstlight.operate.validation import validate_serving
    from firstlight.spec import catalog

    _show_metrics(validate_serving(cases, catalog.load(parts), tiers=_words(tiers)), out, as_json)


@validate.command()
@_rows
def throughput(cases: Path, out: Path | None, tiers: str, parts: Path | None, as_json: bool) -> None:
    """Throughput tables: the metric of each row of CASES (tokens per second, latencies) against the model.

    CASES has the columns of measurements/throughput.csv.
    """
    from firstlight.operate.validation import validate_throughput
    from firstlight.spec import catalog

    _show_metrics(validate_throughput(cases, catalog.load(parts), tiers=_words(tiers)), out, as_json)


def _words(tiers: str) -> tuple[str, ...]:
    return tuple(tier.strip() for tier in tiers.split(","))


def _show(board: Scoreboard, out: Path | None, as_json: bool) -> None:
    if out:
        board.write(out)
    summary = board.to_dict()
    if as_json:
        print_json(summary)
    else:
        _print(board, summary)
    _refuse_if_none(board.outcomes)


def _refuse_if_none(outcomes: Sequence[Outcome]) -> None:
    if not any(one.predicted for one in outcomes):
        first = next((one.reason for one in outcomes), "there are no rows")
        complain(f"none of {len(outcomes):,} rows could be predicted; the first one: {first}")
        raise click.exceptions.Exit(1)


def _print(board: Scoreboard, summary: dict[str, Any]) -> None:
    print_table(_lines("all", summary), _HEADER)
    _tell_refused([one for one in board.outcomes if not one.predicted])


def _show_metrics(board: ServingScoreboard, out: Path | None, as_json: bool) -> None:
    if out:
        board.write(out)
    summary = board.to_dict()
    if as_json:
        print_json(summary)
    else:
        _print_metrics(board, summary)
    _refuse_if_none(board.outcomes)


def _print_metrics(board: ServingScoreboard, summary: dict[str, Any]) -> None:
    for metric in board.metrics:
        scores = summary[metric]
        print_table(_lines(metric, scores), _HEADER)
        if scores["spearman"] is not None:
            click.echo(f"{metric}: rank correlation {scores['spearman']:.3f}, median of groups alike")
    _tell_refused([one for one in board.outcomes if not one.predicted])


def _lines(name: str, summary: dict[str, Any]) -> list[list[str]]:
    lines = [_line(name, summary)]
    for slice_, parted in summary["by"].items():
        lines += [_line(f"{slice_} {value}", scores) for value, scores in parted.items()]
    return lines


def _tell_refused(refused: list[Outcome]) -> None:
    for one in refused[:SHOWN]:
        click.echo(f"refused {one.case_id or 'a row without case_id'}: {one.reason}")
    if len(refused) > SHOWN:
        click.echo(f"and {len(refused) - SHOWN:,} more; --out writes them all")


def _line(name: str, scores: dict[str, Any]) -> list[str]:
    counts = [str(scores[key]) for key in _NUMBERS[:2]]
    shares = ["" if scores[key] is None else f"{100 * scores[key]:.1f} %" for key in _NUMBERS[2:]]
    return [name, *counts, *shares]
