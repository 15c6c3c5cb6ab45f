#!/usr/bin/env python3
"""Writes the scoreboard of collectives that were left out: fits without sizes, accelerators and generations.

Takes some minutes, and is not checked by CI.
"""

from __future__ import annotations

import sys

from pages import NOTE, ROOT, share
from scoreboards_kernels import TIMINGS, section

from firstlight.operate.calibration.timings import kernels as timings
from firstlight.operate.calibration.timings import left_out
from firstlight.operate.validation import Outcome, Scoreboard
from firstlight.operate.validation.timings.registry import COLLECTIVES, shipped
from firstlight.spec import catalog

PAGE = ROOT / "docs" / "accuracy-collectives.md"
NCCL = "nccl"
TARGETS = (
    ("NCCL", ("nccl",), 4.0, 5.0, 8.0),
    ("DeepEP", ("deepep_ll", "deepep_normal"), 3.0, None, None),
    ("NVLink all-to-all, up to 64 ranks", ("trtllm_alltoall",), 3.0, None, None),
    ("exchanges on one node", ("moe_a2a",), 3.0, None, None),
    ("one-kernel all-reduce", ("custom_allreduce",), None, None, None),
)
"""Words, operations, and medians to reach in per cent: of unseen sizes, of a sister, of a generation."""
HEAD = """# Accuracy of collectives

Timings of collectives and of exchanges of routed tokens (`measurements/kernels`), predicted by fits that have not seen
them. Errors are |predicted / measured - 1|; "covers" is how often P10 to P90 holds the measured time (80 % is wanted).

- **Unseen sizes**: three in ten configurations left out, all releases of one together.
- **Sister accelerator**: all rows of one accelerator left out; another of its generation stays in.
- **New generation, one measured latency**: all accelerators of a generation left out but for one row each, the smallest
  all-reduce on most ranks. It sets the factor on latencies (`all_reduce_latency` of a part) and is not scored.

| median error | target, unseen sizes | here | target, sister | here | target, new generation | here |
|---|---|---|---|---|---|---|
{targets}

The formulas were chosen while all rows were looked at, so the numbers are mildly optimistic; coefficients, anchors and
widths never saw the rows they are scored on. Where the error sits: exchanges on one node differ between B200 and GB200
(four ranks a node, an Arm host) and between two releases of one backend on H100; one-kernel all-reduces use multicast
in some releases on GB200. No row here crosses nodes but DeepEP's; what is known of collectives across nodes is compared
in [accuracy](accuracy.md), and was not fitted.
"""


def page() -> str:
    """All three tests of all collectives."""
    sizes, sisters, latency = list[Outcome](), list[Outcome](), list[Outcome]()
    fitted = shipped().operations
    for name, rows in timings.read(TIMINGS, catalog.shipped(), operations=COLLECTIVES).items():
        print(name, file=sys.stderr)
        sizes += left_out.shapes(rows)
        sisters += left_out.accelerators(rows, fitted[name], "sisters")
        if name == NCCL:
            latency += left_out.one_latency(rows, fitted[name])
    parts = (
        ("Unseen sizes", sizes, ("operation", "accelerator", "dtype")),
        ("Sister accelerator", sisters, ("operation", "accelerator")),
        ("New generation, one measured latency", latency, ("operation", "accelerator", "dtype")),
    )
    head = HEAD.format(targets="\n".join(targets(sizes, sisters, latency)))
    return NOTE.format(script="scoreboards_collectives.py") + head + "".join(section(*part) for part in parts)


def targets(*tests: list[Outcome]) -> list[str]:
    """Rows of the table of targets."""
    lines = list[str]()
    for words, operations, *wanted in TARGETS:
        cells = list[str]()
        for outcomes, most in zip(tests, wanted, strict=True):
            chosen = tuple(one for one in outcomes if one.slices["operation"] in operations)
            median = Scoreboard("collectives", chosen).to_dict()["weighted_median_ape"]
            cells += ["" if most is None else f"{most:g} %", share(median)]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
