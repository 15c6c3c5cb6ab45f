#!/usr/bin/env python3
"""Fits the training step to the runs that the project carries, and writes what it finds.

Takes some five minutes. Coefficients that belong to a family of software go to data/software.yaml, all others with
their source to data/assumptions/performance.yaml, the score of groups that were left out to
docs/accuracy-training-left-out.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scoreboards import CASES
from scoreboards_left_out import HALVED, LEFT_OUT, left_out_page

from firstlight.operate.calibration import Calibration, calibrate_training
from firstlight.operate.calibration.parameters import written
from firstlight.spec import catalog

ROOT = Path(__file__).parent.parent
ASSUMPTIONS = ROOT / "src" / "firstlight" / "data" / "assumptions" / "performance.yaml"
SOFTWARE = ROOT / "src" / "firstlight" / "data" / "software.yaml"
FITTED = "firstlight: fit to {runs:,} published training runs of 2021-2026 (scripts/coefficients.py)"
WIDTHS = "firstlight: training runs whose group was left out of the fit (scripts/coefficients.py)"


def write_assumptions(found: Calibration) -> None:
    """The shipped assumptions with the fitted values and their source."""
    page, runs = ASSUMPTIONS.read_text("utf-8"), found.fitted.to_dict()["predicted"]
    values = {p.name: value for p, value in zip(found.parameters, found.values, strict=True) if not p.family}
    widths = {f"performance.spread_{kind}": width for kind, width in found.widths.items()}
    for name, value in {**values, **widths}.items():
        source = WIDTHS if name in widths else FITTED.format(runs=runs)
        line = re.compile(rf'^({name.removeprefix("performance.")}: {{value: )[^,]+(,.*? source: )"[^"]*"', re.M)
        page, count = line.subn(rf'\g<1>{written(name, value, 3)}\g<2>"{source}"', page)
        if count != 1:
            sys.exit(f"{ASSUMPTIONS.name} has {count} lines for {name}")
    ASSUMPTIONS.write_text(page, "utf-8")


def write_software(found: Calibration) -> None:
    """The families of software with the fitted values."""
    page = SOFTWARE.read_text("utf-8")
    for parameter, value in zip(found.parameters, found.values, strict=True):
        if parameter.family:
            own = f'"*{value:.3g}"' if parameter.factor else written(parameter.name, value, 3)
            line = re.compile(rf"(- name: {parameter.family}\b(?:(?!- name:).)*?{parameter.name}: )[^\n]+", re.S)
            page, count = line.subn(rf"\g<1>{own}", page, count=1)
            if count != 1:
                sys.exit(f"{SOFTWARE.name} has no line for {parameter.name} of {parameter.family}")
    SOFTWARE.write_text(page, "utf-8")


def main() -> None:
    """Fit, and write."""
    found = calibrate_training(
        CASES, catalog.shipped(), halved=HALVED, progress=lambda step: print(step, file=sys.stderr)
    )
    write_assumptions(found)
    write_software(found)
    LEFT_OUT.write_text(left_out_page(found), "utf-8")


if __name__ == "__main__":
    main()
