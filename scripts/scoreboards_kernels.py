#!/usr/bin/env python3
"""Writes the scoreboard of kernels that were left out: fits without shapes, accelerators and generations.

Takes some minutes, and is not checked by CI. The page of rows that were fitted to is one of scripts/scoreboards.py.
"""

from __future__ import annotations

import sys

from pages import COLUMNS, NOTE, ROOT, line, share, table

from firstlight.operate.calibration.timings import kernels as timings
from firstlight.operate.calibration.timings import left_out
from firstlight.operate.validation import Outcome, Scoreboard, validate_kernels
from firstlight.operate.validation.timings.registry import shipped
from firstlight.spec import catalog
from firstlight.timings.predict import BASIS, SISTERS

TIMINGS = ROOT / "measurements" / "kernels"
KERNELS, KERNELS_FITTED = ROOT / "docs" / "accuracy-kernels.md", ROOT / "docs" / "accuracy-kernels-fitted.md"
LOOSE = 0.3
"""How far numbers of a checked page of kernels may differ: libraries of linear algebra round differently."""
KERNELS_FITTED_HEAD = """# Accuracy of kernels, rows that were fitted to

All kernel and collective timings (`measurements/kernels`) against the shipped coefficients, by
`firstlight validate kernels --cases measurements/kernels`. Errors are |predicted / measured - 1|.

**These are not left-out errors**: each row is an anchor of its own prediction. What to expect of shapes and
accelerators that were never timed is in [accuracy of kernels](accuracy-kernels.md). CI checks this page, to tell when
the model drifts.
"""
TARGETS = (
    ("GEMM", ("gemm",), 4.5, 6.0),
    ("attention, context and generation", ("context_attention", "generation_attention"), 5.0, 7.0),
    ("MLA, context and generation", ("context_mla", "generation_mla"), 2.0, None),
    ("MoE", ("moe",), 7.0, 9.0),
)
"""Words, operations, and medians to reach in per cent: of unseen shapes, of unseen accelerators."""
KERNELS_HEAD = """# Accuracy of kernels

Kernel and collective timings (`measurements/kernels`), predicted by fits that have not seen them. Errors are
|predicted / measured - 1|; "covers" is how often P10 to P90 holds the measured time (80 % is wanted). The shipped
coefficients are fitted to all rows; [their scores](accuracy-kernels-fitted.md) say less.

- **Unseen shapes**: three in ten configurations left out, all releases of one together.
- **Unseen accelerator**: all rows of one accelerator left out; its sister of the same generation stays in.
- **Unseen generation**: all accelerators of a generation left out; only specifications are left.

The formulas, the rules of styles and the latencies of accelerators in `data/kernels/processors.yaml` were chosen while
all rows were looked at, so the numbers are mildly optimistic; coefficients, anchors and widths never saw the rows they
are scored on. How fast likeness fades is, for unseen accelerators and generations, that of the fit on all rows.

| median error | target, unseen shapes | here | target, unseen accelerator | here | there, kernels that the sister ran |
|---|---|---|---|---|---|
{targets}
{words}
"""
KERNELS_WORDS = """
Where the error sits:

- Kernels that only one of two sisters ran. Frameworks of other dates run other kernels; no fit can know them. The last
  column leaves them out; the tables below split each operation by what its predictions rest on.
- Products: vendors' heuristics choose tiles and splits that are not always the fastest. Between sisters the same kernel
  and shape repeats within 4 % (median), so the choice itself is what an unseen shape does not tell. A row more than a
  whole step of 16 costs up to a half more with block-scaled FP8; shapes are told apart by it, by odd rows, and by how
  full the last round of tiles is. Tried without gain: more tiles, traffic of operands read again, fuller ramps of
  memory, coordinates of arithmetic intensity, rounds of other tiles.
  Rows timed through the host's launch (`launched`) have a floor of 55 to 300 us that varies from run to run.
- Context attention of H100 against H200: the same kernels ran 6 to 14 % faster on H100, which no specification tells.
- MoE: skewed rows depend on a draw that the tables do not record; untuned Triton kernels are 5 to 10 times slower
  than tuned ones at some widths.
- Exchanges on one node (`moe_a2a`) and one-kernel all-reduces between B200 and GB200: GB200 has four ranks a node and
  an Arm host; some releases use multicast there and others do not.
- A timer of 2 us steps on Blackwell adds up to 10 % to attention rows of 8 to 12 us.
"""


def kernels_fitted_page() -> str:
    """The shipped coefficients on all rows."""
    board = validate_kernels(TIMINGS, catalog.shipped(), shipped())
    return NOTE.format(script="scoreboards.py") + KERNELS_FITTED_HEAD + table(board)


def kernels_page() -> str:
    """Fits without shapes, accelerators and generations."""
    shapes: list[Outcome] = []
    sisters: list[Outcome] = []
    generations: list[Outcome] = []
    fitted = shipped().operations
    for name, rows in timings.read(TIMINGS, catalog.shipped()).items():
        print(name, file=sys.stderr)
        shapes += left_out.shapes(rows)
        sisters += left_out.accelerators(rows, fitted[name], "sisters")
        generations += left_out.accelerators(rows, fitted[name], "generations")
    head = KERNELS_HEAD.format(targets=targets(shapes, sisters), words=KERNELS_WORDS)
    parts = (
        ("Unseen shapes", shapes, ("operation", "accelerator", "dtype")),
        ("Unseen accelerator, its sister in the data", sisters, ("operation", "accelerator", "basis")),
        ("Unseen generation", generations, ("operation", "generation")),
    )
    return NOTE.format(script="scoreboards_kernels.py") + head + "".join(section(*part) for part in parts)


def section(title: str, outcomes: list[Outcome], slices: tuple[str, ...]) -> str:
    """One table of a page, with the wanted slices."""
    scores = Scoreboard("kernels", tuple(outcomes)).to_dict()
    rows = [line("all", scores)]
    rows += [line(value, one) for name in slices for value, one in scores["by"][name].items()]
    return f"\n## {title}\n{COLUMNS}" + "\n".join(rows) + "\n"


def targets(shapes: list[Outcome], sisters: list[Outcome]) -> str:
    """Rows of the table of targets."""
    known = [one for one in sisters if one.predicted and one.predicted.basis == BASIS[SISTERS]]
    lines = []
    for words, operations, unseen, sister in TARGETS:
        found = [_median(outcomes, operations) for outcomes in (shapes, sisters, known)]
        wanted = "" if sister is None else f"{sister:g} %"
        lines.append(f"| {words} | {unseen:g} % | {found[0]} | {wanted} | {found[1]} | {found[2]} |")
    return "\n".join(lines)


def _median(outcomes: list[Outcome], operations: tuple[str, ...]) -> str:
    chosen = tuple(one for one in outcomes if one.slices["operation"] in operations)
    return share(Scoreboard("kernels", chosen).to_dict()["weighted_median_ape"])


if __name__ == "__main__":
    KERNELS.write_text(kernels_page(), "utf-8")
