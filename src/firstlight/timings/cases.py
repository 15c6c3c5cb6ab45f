"""Calls of kernels, as the models take them: what ran where, as which software, of which shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstlight.timings.formula import Arrays
from firstlight.twin.protocols import Floats

Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Labels:
    """What a call is, from the general to the particular [rows].

    Attributes:
        dtype: number types, and the phase where an operation has several ("bfloat16/fp8", "dispatch").
        style: how kernels of this kind work ("flash", "triton"); kernel: which library's; release: and of which date.
        accelerator: catalogue id; generation: of its architecture.
    """

    dtype: Texts
    style: Texts
    kernel: Texts
    release: Texts
    accelerator: Texts
    generation: Texts

    def select(self, rows: Any) -> Labels:
        """Those of some rows."""
        names = ("dtype", "style", "kernel", "release", "accelerator", "generation")
        return Labels(*(getattr(self, name)[rows] for name in names))


@dataclass(frozen=True)
class Cases:
    """Calls of one operation.

    Attributes:
        operation: a key of `OPERATIONS`.
        labels: what each call is.
        shape: named sizes and the device's rates [rows], as the formula reads them.
        place: logarithms (base 2) of the shape that distances are measured in [rows, dimensions].
    """

    operation: str
    labels: Labels
    shape: Arrays
    place: Floats

    def __len__(self) -> int:
        return len(self.place)

    def select(self, rows: Any) -> Cases:
        """Some of the calls."""
        shape = {name: values[rows] for name, values in self.shape.items()}
        return Cases(self.operation, self.labels.select(rows), shape, self.place[rows])
