"""Traffic that a user asks for in words: by file or pattern."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.flows.traffic import Traffic, traffic, waits
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
    return _PATTERNS[name](endpoints, each, np.random.default_rng(seed))


def _permutation(n: int, size: float, rng: np.random.Generator) -> Traffic:
    """Each endpoint sends to one other and receives from one other."""
    circle = rng.permutation(n)
    return traffic(circle, np.roll(circle, -1), size)


def _all_to_all(n: int, size: float, _: np.random.Generator) -> Traffic:
    source, target = (ends.ravel() for ends in np.indices((n, n)))
    apart = source != target
    return traffic(source[apart], target[apart], size)


def _shift(n: int, size: float, _: np.random.Generator) -> Traffic:
    """Each endpoint sends to the one half of all further on."""
    return traffic(np.arange(n), (np.arange(n) + n // 2) % n, size)


def _ring(n: int, size: float, _: np.random.Generator) -> Traffic:
    """Ring all-reduce: 2 (n - 1) steps to the next endpoint, each after the step that brought the piece."""
    steps = 2 * (n - 1)
    step, place = (index.ravel() for index in np.indices((steps, n)))
    later = np.flatnonzero(step > 0)
    before = (step[later] - 1) * n + (place[later] - 1) % n
    return traffic(place, (place + 1) % n, size, after=waits(later, before, steps * n), chain=place)


def _incast(n: int, size: float, _: np.random.Generator) -> Traffic:
    """All endpoints send to the first."""
    return traffic(np.arange(1, n), 0, size)


_PATTERNS: dict[str, Callable[[int, float, np.random.Generator], Traffic]] = {
    "permutation": _permutation, "all-to-all": _all_to_all, "shift": _shift, "ring": _ring, "incast": _incast,
}  # fmt: skip
