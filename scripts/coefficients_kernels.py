#!/usr/bin/env python3
"""Fits kernels and collectives to measurements/kernels, and writes what ships of each room. Takes some six minutes."""

from __future__ import annotations

import sys

from pages import ROOT
from scoreboards_kernels import TIMINGS

from firstlight.network.collectives.timed.operations import OPERATIONS as COLLECTIVES
from firstlight.operate.calibration import calibrate_kernels
from firstlight.performance.kernels.timed.operations import OPERATIONS as KERNELS
from firstlight.spec import catalog
from firstlight.timings.coefficients import save

DATA = ROOT / "src" / "firstlight" / "data"


def main() -> None:
    """Fit, and write both folders."""

    def tell(step: str) -> None:
        print(step, file=sys.stderr)

    for room, operations in (("kernels", KERNELS), ("collectives", COLLECTIVES)):
        found = calibrate_kernels(TIMINGS, catalog.shipped(), operations=operations, progress=tell)
        save(found, DATA / room / "fitted")


if __name__ == "__main__":
    main()
