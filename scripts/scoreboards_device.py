"""The scoreboard of what was measured on GPUs of one's own: kernels, one layer, training steps, memory, clocks."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from pages import COLUMNS, NOTE, ROOT, line

from firstlight.operate.calibration import calibrate_kernels
from firstlight.operate.validation import (
    Outcome,
    Scoreboard,
    software,
    validate_kernels,
    validate_memory,
    validate_training,
)
from firstlight.operate.validation.timings import registry, tables
from firstlight.operate.validation.timings.kernels import accelerator
from firstlight.performance.kernels.elementwise import elementwise
from firstlight.performance.machine import machine
from firstlight.performance.shapes import layers
from firstlight.spec import catalog, models
from firstlight.spec.parts import Host, System

MEASURED = ROOT / "measurements" / "device"
DEVICE = ROOT / "docs" / "accuracy-device.md"
TOKENS, MODEL = 8192, "llama-3.1-8b"
CORE_TOKENS = 16384
"""Of the timed attention; a layer's are in proportion."""
GIB = 2.0**30
ACCUMULATED = "x4"
"""What the names of stacks with four micro-batches have."""
PASSES = {"rms_norm": 2, "residual": 2, "rope": 1, "swiglu": 1}
"""Passes of a layer, and how often; a residual's backward is another sum like it."""
TILED = ((6144, 4096), (4096, 4096), (28672, 4096), (4096, 14336))
"""Columns and inner length of its products."""
HEAD = """# Accuracy on GPUs of our own

What `firstlight measure kernels` and `firstlight measure training` timed on one H100 and one H200
([how](../measurements/device/README.md)) against what firstlight predicts. **Nothing is fitted to these rows**, and
none may be: they are an exam. Errors are |predicted / measured - 1|.
"""
KERNELS_WORDS = """
## Kernels

By `firstlight validate kernels --cases measurements/device/<accelerator>`. Tables named `training_*` hold terms of the
step model, whose coefficients are fitted to whole training runs only; the others are predicted by the formulas of
kernels, from timings of serving frameworks. Of those, PyTorch's kernels are another family: FlashAttention 2 and cuDNN
where the frameworks run FlashAttention 3, a cast and a product of cuBLASLt in fp8. The cache is cleared before each
call.
"""
REFIT_WORDS = """
## A fit of one's own

What a user has who times one GPU: `firstlight calibrate kernels` on the rows of {timed} alone,
by which those of {unseen} are predicted. The shipped coefficients are not touched.

| slice | cases | predicted | median | P90 | mean | bias | 80 % interval covers |
|---|---|---|---|---|---|---|---|
"""
LAYER_WORDS = """
## One layer

A layer of {model} on {tokens:,} tokens, forward and backward: the sums of its timed kernels, and the step model's
terms. Element-wise work is that of PyTorch without its compiler; compiled kernels are in the table above.

| accelerator | part | measured [ms] | predicted [ms] | error |
|---|---|---|---|---|
"""
STEPS_WORDS = """
## Training steps on one GPU

By `firstlight validate training`. In rows with "x4" the step has four micro-batches; names without it have one.

| case | measured [ms] | predicted [ms] | error |
|---|---|---|---|
"""
SPLIT_WORDS = """
What one more micro-batch takes, from steps of one and of four, and what is left of a step of one:

| stack | micro-batch [ms] | predicted [ms] | error | rest of the step [ms] | predicted [ms] |
|---|---|---|---|---|---|
"""
MEMORY_WORDS = """
## Memory

By `firstlight validate memory`, on the H100: what was in tensors at most.

| case | measured [GiB] | predicted [GiB] | error |
|---|---|---|---|
"""
CLOCK_WORDS = """
## Clock under the power limit

One product of 8,192 x 8,192 x 8,192, again and again on random numbers; medians of the first half second and of the
last two.

| accelerator | number type | first [TFLOP/s] | last [TFLOP/s] | clock then | power then |
|---|---|---|---|---|---|
"""
END_WORDS = """
## Where the error sits

- **Kernels of serving tables**: products of few rows are slower here than in the tables, the more so the smaller the
  weights: there they may still lie in the cache from the call before, here it is cleared. FlashAttention 2 counts as
  the style of FlashAttention 3 and is predicted too fast, cuDNN as a kernel that was never timed and too slow. A fit
  of one's own mends all three.
- **Products** of the step model agree: forward, both gradients and grouped ones come out as the fit to training runs
  says, on both cards. The speed of grouped weight gradients is overrated most.
- **Backward attention** is predicted too slow for both families of kernels, at widths of a head up to 128: the fitted
  share of forward speed makes up for something else in the runs. Short sequences and a width of 256 do need it.
- **Element-wise work without a compiler** is far slower than predicted: rotary positions and gated activations written
  out in PyTorch pass memory many times. Compiled kernels pass once forward, at the memory efficiency that is assumed;
  the yearly gain of software takes their prediction below one pass. Backward norms reduce over rows as well, and reach
  half of the bandwidth.
- **Loss**: written out in PyTorch it passes over fp32 copies of the outputs again and again; compiled it costs half of
  what is assumed.
- **The constant of a step** was learnt on clusters. One GPU has next to none of it: steps of one micro-batch are
  predicted too slow, and the micro-batches themselves too fast. The two errors meet in the middle.
- **Weights cast at each use** (fp32 weights under autocast, one GPU) move more bytes a parameter and micro-batch than
  accumulation inside a product's kernel; with experts, whose weights are many, that is most of the miss.
- **Memory**: with several micro-batches the peak is right. With one, PyTorch's gradients do not live beside all
  activations, which the model adds up.
"""


def device_page() -> str:
    """The whole page."""
    folders = sorted(path for path in MEASURED.iterdir() if path.is_dir())
    refit = REFIT_WORDS.format(timed=folders[0].name, unseen=folders[-1].name)
    layer = LAYER_WORDS.format(model=MODEL, tokens=TOKENS)
    parts = (
        KERNELS_WORDS, _kernels(folders), refit, _refit(folders[0], folders[-1]), layer, _lines(folders, _layer),
        STEPS_WORDS, _lines(folders, _steps), SPLIT_WORDS, _lines(folders, _split), MEMORY_WORDS,
        _lines(folders, _memory), CLOCK_WORDS, _lines(folders, _clock), END_WORDS,
    )  # fmt: skip
    return NOTE.format(script="scoreboards.py") + HEAD + "".join(parts)


def _lines(folders: Sequence[Path], rows: Callable[[Path], list[str]]) -> str:
    return "".join(f"| {row} |\n" for folder in folders for row in rows(folder))


@cache
def _timed(folder: Path) -> tuple[Outcome, ...]:
    return validate_kernels(folder, catalog.shipped(), registry.shipped()).outcomes


@cache
def _run(folder: Path) -> tuple[Outcome, ...]:
    return validate_training(folder / "training.csv", catalog.shipped()).outcomes


def _kernels(folders: Sequence[Path]) -> str:
    found = [one for folder in folders for one in _timed(folder)]
    by = Scoreboard("kernels", tuple(found)).to_dict()["by"]
    rows = [line(name, scores) for name, scores in by["operation"].items()]
    for folder in folders:
        own = Scoreboard("kernels", tuple(one for one in found if one.slices["accelerator"] == folder.name))
        rows += [line(f"{folder.name}: {name}", scores) for name, scores in own.to_dict()["by"]["operation"].items()]
    rows += [line(name, scores) for name, scores in by["kernel"].items() if name != "not stated"]
    return COLUMNS + "\n".join(rows) + "\n"


def _refit(timed: Path, unseen: Path) -> str:
    """One GPU predicted from a fit to another."""
    own = calibrate_kernels(timed, catalog.shipped())
    found = validate_kernels(unseen, catalog.shipped(), own)
    fitted = tuple(one for one in found.outcomes if one.slices["operation"] in own.operations)
    by = Scoreboard("kernels", fitted).to_dict()["by"]["operation"]
    return "".join(f"{line(name, scores)}\n" for name, scores in by.items())


def _layer(folder: Path) -> list[str]:
    """Sums of the timed kernels of one layer against the terms of the step model."""
    times = {one.case_id: one for one in _timed(folder)}
    products = [times[name] for name in _cases(folder, "training_gemm", _is_product)]
    cores = [times[name] for name in _cases(folder, "training_attention", _is_core)]
    rows = [
        _row(f"{folder.name} | products", sum(o.measured for o in products), sum(_p50(o) for o in products)),
        _row(f"{folder.name} | attention (FlashAttention 2)", _share(cores, lambda o: o.measured), _share(cores, _p50)),
    ]
    return [*rows, _row(f"{folder.name} | element-wise", _passes(folder), _elementwise(folder.name))]


def _share(cores: Sequence[Outcome], value: Callable[[Outcome], float]) -> float:
    return sum(value(one) for one in cores) * TOKENS / CORE_TOKENS


def _p50(one: Outcome) -> float:
    return one.predicted.p50 if one.predicted else float("nan")


def _cases(folder: Path, operation: str, wanted: Callable[[dict[str, str]], bool]) -> list[str]:
    table = _table(folder, operation)
    return [f"{table.path.name}:{row + 1}" for row, cells in enumerate(_cells(table)) if wanted(cells)]


def _table(folder: Path, operation: str) -> tables.Table:
    return tables.read(folder / f"{folder.name}.{operation}{tables.SUFFIX}")[0]


def _cells(table: tables.Table) -> list[dict[str, str]]:
    return [{name: cells[row] for name, cells in table.cells.items()} for row in range(table.rows)]


def _is_product(cells: dict[str, str]) -> bool:
    sides = int(cells["m"]), (int(cells["n"]), int(cells["k"]))
    kind = cells["gemm_dtype"], cells["direction"]
    return sides[0] == TOKENS and sides[1] in TILED and kind[0] == "bfloat16" and kind[1] != "wgrad_fp32"


def _is_core(cells: dict[str, str]) -> bool:
    shape = tuple(int(cells[name]) for name in ("isl", "num_heads", "num_key_value_heads", "head_dim"))
    return shape == (4096, 32, 8, 128) and cells["kernel_source"] == "flash_attention_2"


def _passes(folder: Path) -> float:
    """Element-wise kernels of the layer forward and backward [ms]."""
    wide = {"rms_norm": "4096", "residual": "4096", "rope": "5120", "swiglu": "14336"}
    total = 0.0
    for cells in _cells(_table(folder, "training_passes")):
        name = cells["op_name"]
        if cells["kernel_source"] == "torch" and cells["rows"] == str(TOKENS) and cells["columns"] == wide.get(name):
            total += float(cells["latency_ms"]) * PASSES[name] * (2 if name == "residual" else 1)
    return total


def _elementwise(name: str) -> float:
    """The step model's element-wise work of the layer [ms]."""
    parts = catalog.shipped()
    part = accelerator(parts, name)
    system = next(one for one in parts.parts(System) if one.accelerator == part.id)
    a, _ = software.assumptions("FSDP", (), "")
    work = machine(part, parts.part(Host, system.host), system, "bf16", a)
    return 1e3 * float(sum(elementwise(float(TOKENS), layers(models.find(MODEL))[0], 1.0, work, a)))


def _row(name: str, measured: float, predicted: float, unit: str = ".2f") -> str:
    return f"{name} | {measured:{unit}} | {predicted:{unit}} | {100 * (predicted / measured - 1):+.1f} %"


def _steps(folder: Path) -> list[str]:
    return [_row(one.case_id, 1e3 * one.measured, 1e3 * _p50(one), ".1f") for one in _run(folder)]


def _split(folder: Path) -> list[str]:
    """Time of a further micro-batch, and of what a step has once."""
    found = {one.case_id: one for one in _run(folder)}
    rows = []
    for name, four in found.items():
        one = found.get(name.replace(ACCUMULATED, ""))
        if ACCUMULATED in name and one:
            further = [1e3 * (b - a) / 3.0 for a, b in ((one.measured, four.measured), (_p50(one), _p50(four)))]
            rest = 1e3 * one.measured - further[0], 1e3 * _p50(one) - further[1]
            rows.append(f"{_row(one.case_id, *further, '.1f')} | {rest[0]:.1f} | {rest[1]:.1f}")
    return rows


def _memory(folder: Path) -> list[str]:
    if not (folder / "memory.csv").exists():
        return []
    board = validate_memory(folder / "memory.csv", catalog.shipped())
    allocated = (one for one in board.outcomes if one.case_id.endswith("-allocated"))
    return [_row(one.case_id.removesuffix("-allocated"), one.measured / GIB, _p50(one) / GIB) for one in allocated]


def _clock(folder: Path) -> list[str]:
    with (folder / f"{folder.name}.sustained.csv").open(encoding="utf-8", newline="") as file:
        samples = list(csv.DictReader(file))
    rows = []
    for kind in sorted({one["gemm_dtype"] for one in samples}):
        own = [one for one in samples if one["gemm_dtype"] == kind]
        end = max(float(one["elapsed_s"]) for one in own)
        first = [one for one in own if float(one["elapsed_s"]) <= 0.5]
        last = [one for one in own if float(one["elapsed_s"]) >= end - 2.0]
        clock, power = (statistics.median(float(one[name]) for one in last) for name in ("clock_hz", "power_w"))
        rates = " | ".join(f"{_rate(part):.0f}" for part in (first, last))
        rows.append(f"{folder.name} | {kind} | {rates} | {clock / 1e6:.0f} MHz | {power:.0f} W")
    return rows


def _rate(samples: Sequence[dict[str, str]]) -> float:
    """TFLOP/s of a product."""
    one = samples[0]
    flops = 2.0 * int(one["m"]) * int(one["n"]) * int(one["k"])
    return flops / statistics.median(float(sample["latency_ms"]) for sample in samples) / 1e9
