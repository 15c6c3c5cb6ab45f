"""`firstlight measure kernels` and `firstlight measure training`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from firstlight.apps.cli.console import complain, json_option, print_json, print_table, quiet_option


@click.group(short_help="Time an accelerator of your own.")
def measure() -> None:
    """Time kernels and training steps on the GPU of this machine, in the columns that `validate` and `calibrate` read.

    Needs PyTorch: pip install 'firstlight[measure]'.
    """


_ACCELERATOR = click.option("--accelerator", required=True, help="Id of the GPU in the catalogue.")
_OUT = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write tables to.")
_SECONDS = click.option(
    "--seconds", default=240.0, show_default=True, type=click.FloatRange(1), help="After it nothing more is begun [s]."
)
_PARTS = click.option("--parts", type=click.Path(path_type=Path), help="A Catalog document with parts of your own.")


@measure.command()
@_ACCELERATOR
@_OUT
@_SECONDS
@click.option(
    "--sustain", default=10.0, show_default=True, type=click.FloatRange(0),
    help="Time of each product that is repeated until the power limit shows [s].",
)  # fmt: skip
@_PARTS
@json_option
@quiet_option
def kernels(
    accelerator: str, out: Path, seconds: float, sustain: float, parts: Path | None, as_json: bool, quiet: bool
) -> None:
    """Kernels: products, attention, experts, and what only moves bytes, forward and backward."""
    from firstlight.operate.measurement import measure_kernels
    from firstlight.operate.measurement.on_torch.bench import TorchBench

    known = _known(accelerator, parts)
    tell = (lambda _: None) if quiet else complain
    _show(measure_kernels(out, known, TorchBench(), seconds=seconds, sustain=sustain, tell=tell), as_json)


@measure.command()
@_ACCELERATOR
@_OUT
@_SECONDS
@_PARTS
@json_option
@quiet_option
def training(accelerator: str, out: Path, seconds: float, parts: Path | None, as_json: bool, quiet: bool) -> None:
    """Training steps of stacks of few layers, and the memory that they take."""
    from firstlight.operate.measurement import measure_training
    from firstlight.operate.measurement.on_torch.steps import TorchSteps

    known = _known(accelerator, parts)
    tell = (lambda _: None) if quiet else complain
    _show(measure_training(out, known, TorchSteps(), seconds=seconds, tell=tell), as_json)


def _known(accelerator: str, parts: Path | None) -> str:
    from firstlight.spec import catalog
    from firstlight.spec.parts import Accelerator

    return catalog.load(parts).part(Accelerator, accelerator).id


def _show(rows: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        print_json(dict(rows))
        return
    print_table([[name, f"{count:,}"] for name, count in rows.items()], ("table", "rows"))
