"""Traffic that a user asks for in words: by file or pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.flows import patterns
from firstlight.network.flows.traffic import Traffic
from firstlight.network.formats import read_flows
from firstlight.spec import near


def flows(asked: str, endpoints: int, seed: int) -> Traffic:
    """Traffic of a file, or of a pattern such as "permutation:8MB" over all endpoints.

    Args:
        asked: path or pattern.
        endpoints: of the fabric.
        seed: of what is drawn.

    Raises:
        UsageError: no such pattern or size. DocumentError: the file cannot be used.
    """
    name, colon, size = asked.partition(":")
    if not colon and (Path(asked).suffix or Path(asked).exists()):
        return read_flows(Path(asked), endpoints)
    if name not in _PATTERNS:
        if Path(asked).exists():
            return read_flows(Path(asked), endpoints)
        known = f"Patterns are {', '.join(_PATTERNS)}, each with a size: permutation:8MB. Or name a file."
        raise UsageError(f'--traffic: "{asked}" is no file and no pattern. {near.hint(name, _PATTERNS, known)}')
    if not colon:
        raise UsageError(f"--traffic: {name} needs the size of one flow: {name}:8MB")
    if endpoints < 2:
        raise UsageError(f"--traffic: {name} needs two endpoints, and the fabric has {endpoints}")
    try:
        each = units.parse(size, "bytes")
    except ValueError as error:
        raise UsageError(f"--traffic: {error}") from error
    return _PATTERNS[name](endpoints, each, seed)


_PATTERNS: dict[str, Callable[[int, float, int], Traffic]] = {
    "permutation": patterns.permutation,
    "all-to-all": lambda n, size, _: patterns.all_to_all(np.arange(n), size),
    "shift": lambda n, size, _: patterns.shift(n, size),
    "ring": lambda n, size, _: patterns.ring(np.arange(n), size, 2 * (n - 1)),
    "incast": lambda n, size, _: patterns.incast(np.arange(1, n), 0, size),
}
"""By name: of so many endpoints, flows of one size [B], and the seed of what is drawn. A ring is that of an all-reduce,
an incast goes to the first endpoint."""
