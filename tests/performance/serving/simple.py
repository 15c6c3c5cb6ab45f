"""Eight H200 in a node on a fabric of two lines, for tests of serving."""

from __future__ import annotations

import numpy as np

from firstlight.spec import assumptions, catalog
from firstlight.spec.parts import Accelerator, Host, System

PARTS = catalog.shipped()
SYSTEM = PARTS.part(System, "hgx-h200")
CHIP, HOST = PARTS.part(Accelerator, SYSTEM.accelerator), PARTS.part(Host, SYSTEM.host)
MACHINE = SYSTEM, CHIP, HOST
A = assumptions.with_overrides(assumptions.shipped(), {})


def wire(operation, size, group):
    """400 GB/s inside a domain, 50 GB/s and 20 us beyond, whatever the collective."""
    inner, outer = (np.asarray(level, float) for level in group)
    time = np.where(outer > 1, 20e-6 + np.asarray(size, float) / 50e9, 5e-6 + np.asarray(size, float) / 400e9)
    return np.where(inner * outer > 1, time, 0.0)
