"""Cells of timing tables on their way to shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from firstlight.timings.cases import Texts
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Columns:
    """The cells of a table's usable rows, and their devices.

    Attributes:
        numbers, texts: by column [rows]; device: its values by name [rows].
        framework, kernel: of each row [rows].
    """

    numbers: Mapping[str, Floats]
    texts: Mapping[str, Texts]
    device: Mapping[str, Floats]
    framework: Texts
    kernel: Texts

    def number(self, name: str) -> Floats:
        """A column of numbers [rows]."""
        return self.numbers[name]

    def text(self, name: str) -> Texts:
        """A column of texts [rows]."""
        return self.texts[name]


@dataclass(frozen=True)
class Shaped:
    """What the cells of a table's rows come to.

    Attributes:
        dtype: label of number types (and phase); style: of the kernel where the columns say more than its name.
        shape: as the formula reads it; place: for distances [rows, dimensions].
    """

    dtype: Texts
    shape: Mapping[str, Floats]
    place: Floats
    style: Texts | None = None


def log(*columns: Floats) -> Floats:
    """Base-2 logarithms of some columns side by side [rows, columns]."""
    return np.stack([np.log2(np.maximum(column, 1e-3)) for column in columns], axis=1)


def both(first: Texts, second: Texts, by: str = "/") -> Texts:
    """Two texts of each row as one [rows]."""
    return np.char.add(np.char.add(first, by), second)
