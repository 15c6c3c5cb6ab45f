#!/usr/bin/env python3
"""Writes the scoreboards of docs/ anew from the measurements that the project carries; with --check: did one drift?

Those of what was left out are written by scripts/coefficients.py, with the fit, and scripts/scoreboards_kernels.py.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from pages import NOTE, ROOT, same, share, table
from scoreboards_device import DEVICE, device_page
from scoreboards_kernels import KERNELS_FITTED, LOOSE, kernels_fitted_page

from firstlight.operate.calibration import Calibration
from firstlight.operate.validation import validate_memory, validate_serving, validate_throughput, validate_training
from firstlight.operate.validation.score import score, weighted_quantile
from firstlight.spec import catalog
from firstlight.spec.parts import Accelerator

CASES, PEAKS = ROOT / "measurements" / "training.csv", ROOT / "measurements" / "memory.csv"
MEMORY = ROOT / "docs" / "accuracy-memory.md"
FITTED, LEFT_OUT = ROOT / "docs" / "accuracy-training.md", ROOT / "docs" / "accuracy-training-left-out.md"
SERVED, THROUGHPUT = ROOT / "measurements" / "serving.csv", ROOT / "measurements" / "throughput.csv"
SERVING = ROOT / "docs" / "accuracy-serving.md"
GIB = 2.0**30
_WHAT = {"peak_memory_bytes": "peak", "activation_bytes": "activations", "state_bytes": "states"}
PEAK_COLUMNS = """
| case | what | published [GiB] | firstlight [GiB] | error |
|---|---|---|---|---|
"""
FITTED_HEAD = """# Accuracy of training

Published training runs (`measurements/training.csv`, tiers A and B, weighted) against the step model as it is shipped,
by `firstlight validate training --cases measurements/training.csv`. Errors are |predicted / measured - 1|.

**These are not left-out errors.** The shipped coefficients are fitted to these rows (`python scripts/coefficients.py`).
What to expect of a run of a source that was never seen is in [groups left out](accuracy-training-left-out.md).
"""
MEMORY_HEAD = """# Accuracy of training memory

Published peaks (`measurements/memory.csv`, tiers A and B, weighted) against the memory model, by
`firstlight validate memory --cases measurements/memory.csv`. Errors are |predicted / measured - 1|. Nothing was fitted
to these rows: bytes are counted from shapes, number formats and what the frameworks keep.

KORTH is figures 1 and 7 of Korthikanti et al. (arXiv 2205.05198): states and stored activations of the layers. SIMUMAX
is what the allocator handed out at most on 8 B200 under Megatron-Core. TITAN is what the allocator reserved under
PyTorch FSDP (torchtitan): its allocator reserves more around tensor parallelism than is counted here (TITAN-011), and
eager kernels keep what compiled ones fuse.
"""
LEFT_OUT_HEAD = """# Accuracy of training, groups left out

The coefficients of the step model fitted to the published runs from their priors
(`firstlight calibrate training --cases measurements/training.csv`), and each run predicted with its whole group left
out of the fit, of the coefficients and of the intervals' widths.

| groups left out | target | here |
|---|---|---|
| median / 90th percentile of absolute error, weighted | 5 % / 16 % | {median} / {tail} |
| signed bias | within 1.5 % | {bias} |
| 80 % interval covers | 75-85 % | {covered} |
| its median half width, in the logarithm | 0.15 | {width} |
| dense on Hopper and newer, median | 5 % | {dense} |
| mixture of experts, median | 10 % | {experts} |

On the rows that were fitted to: median {fitted_median}, P90 {fitted_tail}. The gap between the two sits where one
source alone determines something: BLOOM and vTrain for DeepSpeed on the A100 (BLOOM's hidden size of 14,400 is no
multiple of 64 on a rank, and no other source tells what that costs), TPU v5e and v6e for each other, the long sequences
of NeMo on H100 (attention is predicted too fast), NeMo of 2023 on A100 (too fast, cause unknown), and mixtures of
experts, whose speed moved in one step with a release of June 2026 on GB200 that a date as input only smooths.
"""


SERVING_HEAD = """# Accuracy of serving

Published serving runs (`measurements/serving.csv`, tiers A and B, weighted) and throughputs
(`measurements/throughput.csv`) against the serving model with the engines' fitted values, by
`firstlight validate serving` and `firstlight validate throughput`. Errors are |predicted / measured - 1|.

**These are not left-out errors.** The values are fitted to these rows (`python scripts/coefficients_serving.py`). What
to expect of a model, accelerator or engine that was never seen is in [groups left out](accuracy-serving-left-out.md).

Where the error sits: rows whose load is not recorded; pools whose workers are not recorded; the start of runs of two
pools (seconds where twins show a fraction of one); twelve rows of an FP8 checkpoint on H200 that hit a prefix cache;
two DeepSeek-V3.1 rows and a few of Qwen3-32B on GB200 that contradict their neighbours. MLPerf's GPT-J runs a beam
search of width four, which is not modelled; Inferentia was in no fit.
"""


def fitted_page() -> str:
    """The shipped model on all rows."""
    return NOTE.format(script="scoreboards.py") + FITTED_HEAD + table(validate_training(CASES, catalog.shipped()))


def memory_page() -> str:
    """Peaks of memory: by slice, and row by row."""
    board = validate_memory(PEAKS, catalog.shipped())
    rows = [
        f"| {one.case_id} | {_WHAT[one.metric]} | {one.measured / GIB:.2f} | {one.predicted.p50 / GIB:.2f} | "
        f"{100 * (one.ratio - 1):+.1f} % |"
        for one in board.outcomes
        if one.predicted
    ]
    return NOTE.format(script="scoreboards.py") + MEMORY_HEAD + table(board) + PEAK_COLUMNS + "\n".join(rows) + "\n"


def serving_page() -> str:
    """The serving model on all rows, by metric."""
    text, parts = NOTE.format(script="scoreboards.py") + SERVING_HEAD, catalog.shipped()
    for board in (validate_serving(SERVED, parts), validate_throughput(THROUGHPUT, parts)):
        for metric in board.metrics:
            text += f"\n## {board.suite}: {metric}\n{table(board.of(metric))}"
    return text


def left_out_page(found: Calibration) -> str:
    """The fitted model on each group that was left out."""
    if found.left_out is None:
        sys.exit("the cases are all of one group")
    scores, fitted, parts = found.left_out.to_dict(), found.fitted.to_dict(), catalog.shipped()
    modern = [
        one
        for one in found.left_out.outcomes
        if one.slices["model"] == "dense"
        and parts.part(Accelerator, one.slices["accelerator"]).architecture in ("hopper", "blackwell")
    ]
    predicted = [(one.predicted, one.weight) for one in found.left_out.outcomes if one.predicted]
    widths = np.array([math.log(each.p90 / each.p10) / 2 for each, _ in predicted])
    head = LEFT_OUT_HEAD.format(
        median=share(scores["weighted_median_ape"]),
        tail=share(scores["weighted_p90_ape"]),
        bias=share(scores["signed_bias"]),
        covered=share(scores["interval80_coverage"]),
        width=f"{weighted_quantile(widths, np.array([weight for _, weight in predicted]), 0.5):.2f}",
        dense=share(score(modern)["weighted_median_ape"]),
        experts=share(scores["by"]["model"]["mixture of experts"]["weighted_median_ape"]),
        fitted_median=share(fitted["weighted_median_ape"]),
        fitted_tail=share(fitted["weighted_p90_ape"]),
    )
    return NOTE.format(script="coefficients.py") + head + table(found.left_out)


def main() -> None:
    """Write a page, or check it."""
    pages = ((FITTED, fitted_page, 0.0), (MEMORY, memory_page, 0.0), (KERNELS_FITTED, kernels_fitted_page, LOOSE),
             (DEVICE, device_page, LOOSE), (SERVING, serving_page, LOOSE))  # fmt: skip
    for path, page, loose in pages:
        text = page()
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or not same(text, path.read_text("utf-8"), loose):
            sys.exit(f"{path.relative_to(ROOT)} has drifted; run python scripts/scoreboards.py and say why")


if __name__ == "__main__":
    main()
