"""How many accelerators a site has power and floor for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstlight.evaluate.build import build
from firstlight.evaluate.hand import Steady
from firstlight.facility import year
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan

_TRIAL = 4096
_CLOSE = 0.99


@dataclass(frozen=True)
class Room:
    """What binds the size of a factory.

    Attributes:
        accelerators: the most that the site holds.
        binds: "site.power" or "site.floor".
    """

    accelerators: int
    binds: str
