"""All timed operations: kernels of `performance` and collectives of `network`, with what is shipped for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from firstlight.network.collectives.timed import operations as exchanged
from firstlight.performance.kernels.timed import operations as computed
from firstlight.timings import coefficients
from firstlight.timings.coefficients import Coefficients
from firstlight.timings.formula import Formula

COLLECTIVES = tuple(exchanged.OPERATIONS)
OPERATIONS: Mapping[str, str] = {**computed.OPERATIONS, **exchanged.OPERATIONS}
"""Formula of each operation."""


@cache
def formulas() -> Mapping[str, Formula]:
    """The formula of each operation."""
    return {**computed.kernels(), **exchanged.collectives()}


@cache
def shipped() -> Coefficients:
    """All coefficients that come with firstlight."""
    return coefficients.joined(computed.shipped(), exchanged.shipped())


def load(folder: Path | None) -> Coefficients:
    """The coefficients of a folder that `calibrate kernels` or `calibrate collectives` wrote; None for those shipped.

    Raises:
        DocumentError: the folder lacks a file, or one is not what was written.
    """
    return shipped() if folder is None else coefficients.read(folder, formulas(), str(folder))
