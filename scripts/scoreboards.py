#!/usr/bin/env python3
"""Writes the scoreboards of docs/ anew from the measurements that the project carries; with --check: did one drift?

Those of what was left out are written by scripts/coefficients.py, with the fit, and scripts/scoreboards_kernels.py.
"""

from __future__ import annotations

import sys

from pages import NOTE, ROOT, same, table
from scoreboards_device import DEVICE, device_page
from scoreboards_kernels import KERNELS_FITTED, LOOSE, kernels_fitted_page
from scoreboards_topologies import SIZES, TOPOLOGIES, sizes_page, topologies_page

from firstlight.operate.validation import validate_memory, validate_serving, validate_throughput, validate_training
from firstlight.operate.validation.score import Scoreboard
from firstlight.spec import catalog

CASES, PEAKS = ROOT / "measurements" / "training.csv", ROOT / "measurements" / "memory.csv"
MEMORY = ROOT / "docs" / "accuracy-memory.md"
FITTED = ROOT / "docs" / "accuracy-training.md"
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
is what the allocator handed out at most on 8 B200 under Megatron-Core, MBRIDGE on 8 H100 under Megatron Bridge with the
modules that its name says computed again (experts that random routers do not fill evenly). MCOREMOE is table 3 of
arXiv 2603.07685, DeepSeek-V3 on 256 GPUs. TITAN is what the allocator reserved under PyTorch FSDP (torchtitan). The
allocator's share for runs without expandable segments is what SIMUMAX's own runs reserved beyond what was handed out,
in the median; which buffers of torchtitan are counted was settled with the rows of TITAN in view.
"""
NOT_SCORED = """
Of tier C, and not in the scores: torchtitan with a pipeline, whose rows of equal bytes on a rank differ by 13 % among
each other, and is reckoned too low; and a run of Megatron Bridge with CUDA graphs, whose buffers are not counted.
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
    others = validate_memory(PEAKS, catalog.shipped(), tiers=("C",))
    page = NOTE.format(script="scoreboards.py") + MEMORY_HEAD + table(board) + _peaks(board)
    return page + NOT_SCORED + _peaks(others)


def _peaks(board: Scoreboard) -> str:
    rows = [
        f"| {one.case_id} | {_WHAT[one.metric]} | {one.measured / GIB:.2f} | {one.predicted.p50 / GIB:.2f} | "
        f"{100 * (one.ratio - 1):+.1f} % |"
        for one in board.outcomes
        if one.predicted
    ]
    return PEAK_COLUMNS + "\n".join(rows) + "\n"


def serving_page() -> str:
    """The serving model on all rows, by metric."""
    text, parts = NOTE.format(script="scoreboards.py") + SERVING_HEAD, catalog.shipped()
    for board in (validate_serving(SERVED, parts), validate_throughput(THROUGHPUT, parts)):
        for metric in board.metrics:
            text += f"\n## {board.suite}: {metric}\n{table(board.of(metric))}"
    return text


def main() -> None:
    """Write a page, or check it."""
    pages = (
        (FITTED, fitted_page, 0.0), (MEMORY, memory_page, 0.0), (KERNELS_FITTED, kernels_fitted_page, LOOSE),
        (DEVICE, device_page, LOOSE), (TOPOLOGIES, topologies_page, 0.0), (SIZES, sizes_page, 0.0),
        (SERVING, serving_page, LOOSE),
    )  # fmt: skip
    for path, page, loose in pages:
        text = page()
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or not same(text, path.read_text("utf-8"), loose):
            sys.exit(f"{path.relative_to(ROOT)} has drifted; run python scripts/scoreboards.py and say why")


if __name__ == "__main__":
    main()
