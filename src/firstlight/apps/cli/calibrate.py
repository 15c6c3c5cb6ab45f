"""`firstlight calibrate`: training, serving, throughput, kernels, collectives, network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from firstlight.apps.cli.console import json_option, print_json, print_table, quiet_option


@click.group(short_help="Fit the models to measurements.")
def calibrate() -> None:
    """Fit the coefficients of a model to measured runs, from where they are believed to lie."""


@calibrate.command()
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path), help="CSV with the columns of measurements/training.csv."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="YAML to write: an `assumptions:` block for a plan."
)
@click.option("--tiers", default="A,B", show_default=True, help="Tiers of rows that are fitted to.")
@click.option("--steps", type=click.IntRange(1, 50), default=6, show_default=True, help="Most Gauss-Newton steps.")
@click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")
@json_option
@quiet_option
def training(
    cases: Path, output: Path | None, tiers: str, steps: int, parts: Path | None, as_json: bool, quiet: bool
) -> None:
    """Training runs: the coefficients of the step model that fit CASES, with scores of what was left out."""
    from firstlight.apps.cli.console import progress
    from firstlight.operate.calibration import calibrate_training
    from firstlight.spec import catalog

    tell = progress(steps + 2, quiet)
    found = calibrate_training(cases, catalog.load(parts), tiers=_tiers(tiers), steps=steps, progress=tell)
    if output:
        _write(output, found.assumptions())
    if as_json:
        left_out = found.left_out.to_dict() if found.left_out else None
        fitted = {"assumptions": found.assumptions(), "fitted": found.fitted.to_dict(), "left_out": left_out}
        print_json(fitted)
        return
    print_table(
        [
            [f"{p.family} {p.name}".strip(), f"{p.prior:.4g}", f"{value:.4g}", f"{100 * math.expm1(spread):.1f} %"]
            for p, value, spread in zip(found.parameters, found.values, found.spread, strict=True)
        ],
        ("coefficient", "prior", "fitted", "spread"),
    )
    for name, board in (("fitted", found.fitted), ("groups left out", found.left_out)):
        if board:
            click.echo(f"{name}: {_words(board.to_dict())}")


@calibrate.command()
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path), help="CSV with the columns of measurements/serving.csv."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="YAML to write: an `assumptions:` block for a plan that serves with --engine on --accelerator.",
)  # fmt: skip
@click.option("--engine", default="vllm", show_default=True, help="Whose values are written: vllm, sglang or trtllm.")
@click.option("--accelerator", help="Part id of the accelerators whose values are written; needed with -o.")
@click.option("--tiers", default="A,B", show_default=True, help="Tiers that are scored; others weigh less in the fit.")
@click.option("--steps", type=click.IntRange(1, 50), default=5, show_default=True, help="Most Gauss-Newton steps.")
@click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")
@json_option
@quiet_option
def serving(
    cases: Path, output: Path | None, engine: str, accelerator: str | None, tiers: str, steps: int,
    parts: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Serving runs: the coefficients of engines and accelerators that fit CASES, with scores of what was left out."""
    from firstlight.apps.cli.console import progress
    from firstlight.errors import UsageError
    from firstlight.operate.calibration import calibrate_serving
    from firstlight.performance.machine import family
    from firstlight.performance.serving.events import engine as policy
    from firstlight.spec import catalog
    from firstlight.spec.parts import Accelerator

    policy(engine)
    if (output is None) != (accelerator is None):
        raise UsageError("-o writes the values of an engine on an accelerator; give --accelerator with it, or neither")
    known = catalog.load(parts)
    made = family(known.part(Accelerator, accelerator).architecture) if accelerator else ""
    found = calibrate_serving(cases, known, tiers=_tiers(tiers), steps=steps, progress=progress(steps + 3, quiet))
    if output:
        _write(output, found.assumptions(engine, made))
    boards = {"fitted": found.fitted, **{f"{kind} left out": board for kind, board in found.left_out.items()}}
    _told(found.written(), boards, as_json)


@calibrate.command()
@click.option(
    "--cases", required=True, type=click.Path(path_type=Path),
    help="CSV with the columns of measurements/throughput.csv.",
)  # fmt: skip
@click.option("--tiers", default="A,B", show_default=True, help="Tiers of rows that are fitted to.")
@click.option("--steps", type=click.IntRange(1, 50), default=8, show_default=True, help="Most Gauss-Newton steps.")
@click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")
@json_option
@quiet_option
def throughput(cases: Path, tiers: str, steps: int, parts: Path | None, as_json: bool, quiet: bool) -> None:
    """Throughput without clients: the coefficients that fit CASES, with scores of what was left out."""
    from firstlight.apps.cli.console import progress
    from firstlight.operate.calibration import calibrate_throughput
    from firstlight.spec import catalog

    tell = progress(steps + 3, quiet)
    found = calibrate_throughput(cases, catalog.load(parts), tiers=_tiers(tiers), steps=steps, progress=tell)
    boards = {"fitted": found.fitted, **{f"{kind} left out": board for kind, board in found.left_out.items()}}
    _told(found.written(), boards, as_json)


def _told(values: Mapping[str, Mapping[str, str]], boards: Mapping[str, Any], as_json: bool) -> None:
    """Fitted values by family, and the scores."""
    if as_json:
        print_json({"engines": values, "scores": {name: board.to_dict() for name, board in boards.items()}})
        return
    rows = [[family, name, value] for family, known in values.items() for name, value in known.items()]
    print_table(rows, ("of", "coefficient", "fitted"))
    for name, board in boards.items():
        for metric in board.metrics:
            click.echo(f"{name}, {metric}: {_words(board.of(metric).to_dict())}")


def _tiers(text: str) -> tuple[str, ...]:
    return tuple(tier.strip() for tier in text.split(","))


def _write(output: Path, values: Mapping[str, str | float]) -> None:
    """An `assumptions:` block for a plan."""
    from firstlight.errors import UsageError

    text = "assumptions:\n" + "".join(f"  {name}: {value}\n" for name, value in values.items())
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from error


_TABLES = click.option(
    "--cases",
    required=True,
    type=click.Path(path_type=Path),
    help="Parquet file <accelerator>.<operation>.parquet with the columns of measurements/kernels, or their folder.",
)
_FOLDER = click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder to write, for `--coefficients` of `validate kernels` and `validate collectives`.",
)  # fmt: skip
_PARTS = click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")


@calibrate.command()
@_TABLES
@_FOLDER
@_PARTS
@json_option
@quiet_option
def kernels(cases: Path, output: Path | None, parts: Path | None, as_json: bool, quiet: bool) -> None:
    """Kernels and collectives: parameters, residuals and interval widths of each operation that CASES hold."""
    from firstlight.operate.validation.timings.registry import OPERATIONS

    _timings(cases, output, parts, as_json, quiet, tuple(OPERATIONS))


@calibrate.command()
@_TABLES
@_FOLDER
@_PARTS
@json_option
@quiet_option
def collectives(cases: Path, output: Path | None, parts: Path | None, as_json: bool, quiet: bool) -> None:
    """Collectives and exchanges of tokens alone: tables of other kernels among CASES are left out."""
    from firstlight.operate.validation.timings.registry import COLLECTIVES

    _timings(cases, output, parts, as_json, quiet, COLLECTIVES)


@calibrate.command()
@click.option(
    "--cases", required=True, multiple=True, type=click.Path(path_type=Path),
    help="CSV with the columns of measurements/network/packet_level.csv. May be given often.",
)  # fmt: skip
@click.option("--topo-dir", required=True, type=click.Path(path_type=Path), help="Folder of the .topo files.")
@click.option("--traffic-dir", required=True, type=click.Path(path_type=Path), help="Folder of the .tm files.")
@json_option
@quiet_option
def network(cases: tuple[Path, ...], topo_dir: Path, traffic_dir: Path, as_json: bool, quiet: bool) -> None:
    """Traffic too large for packets: what packets add to the busiest trunk, with topologies left out in turn."""
    from dataclasses import asdict

    from firstlight.apps.cli.console import progress
    from firstlight.operate.calibration import calibrate_network
    from firstlight.operate.calibration.network import STEPS

    found = calibrate_network(cases, topo_dir, traffic_dir, progress(STEPS, quiet))
    if as_json:
        print_json(asdict(found))
        return
    print_table(
        [
            [name, f"{value:.3g}", f"{100 * math.expm1(found.spread[name]):.0f} %"]
            for name, value in found.values.items()
        ],
        ("constant", "fitted", "spread"),
    )
    for name, errors in (("fitted", found.fitted), ("topologies left out", found.left_out)):
        if errors:
            middle, tail, worst = (f"{100 * error:.1f} %" for error in errors)
            click.echo(f"{name}: {found.rows} runs, median {middle}, P90 {tail}, worst {worst}")


def _timings(
    cases: Path, output: Path | None, parts: Path | None, as_json: bool, quiet: bool, operations: tuple[str, ...]
) -> None:
    from firstlight.apps.cli.console import complain, progress
    from firstlight.operate.calibration import calibrate_kernels
    from firstlight.operate.calibration.timings.kernels import steps
    from firstlight.spec import catalog
    from firstlight.timings.coefficients import save

    tell = progress(steps(cases, operations), quiet)
    warn = (lambda _: None) if quiet else complain
    found = calibrate_kernels(cases, catalog.load(parts), operations=operations, progress=tell, warn=warn)
    if output:
        save(found, output)
    summary = found.summary()
    if as_json:
        print_json(summary)
        return
    print_table(
        [
            [name, f"{one['rows']:,}", str(one["nodes"]), *(f"{100 * one['half_width'][key]:.0f} %" for key in _WIDTHS)]
            for name, one in summary["operations"].items()
        ],
        ("operation", "rows", "nodes", *(f"+- {words}" for words in _WIDTHS.values())),
    )


_WIDTHS = {"far": "far from shapes", "sisters": "sisters only", "style": "style only", "generations": "others only"}


def _words(scores: dict[str, Any]) -> str:
    median, tail, bias = (100 * scores[key] for key in ("weighted_median_ape", "weighted_p90_ape", "signed_bias"))
    return f"{scores['predicted']} runs, median {median:.1f} %, P90 {tail:.1f} %, bias {bias:+.1f} %"
