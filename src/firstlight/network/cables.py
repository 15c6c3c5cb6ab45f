"""The cable plan: every link with both ends, length, medium and optics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.network.result import CableLine
from firstlight.twin.protocols import Floats, Ints


@dataclass(frozen=True)
class CablePlan:
    """Every link of the fabric. Arrays [links], bundle by bundle.

    Attributes:
        bundle_names: names of the bundles; bundle indexes them.
        lower, upper: index of the device at either end (endpoint or switch of its tier; see `Topology.ends`).
        lower_rack, upper_rack: where they stand.
        length: stock length [m].
        line: index into `lines`, which names part and transceiver.
    """

    bundle_names: tuple[str, ...]
    bundle: NDArray[np.int8]
    lower: Ints
    upper: Ints
    lower_rack: NDArray[np.int32]
    upper_rack: NDArray[np.int32]
    length: Floats
    line: NDArray[np.int16]
    lines: tuple[CableLine, ...]

    def __len__(self) -> int:
        return len(self.length)
