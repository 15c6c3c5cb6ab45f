"""What a user asks for in words: traffic by file or pattern, and links that are broken or slow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.flows.traffic import Traffic, traffic, waits
from firstlight.network.formats import read_flows
from firstlight.spec import near
from firstlight.twin.protocols import Floats, Ints, Topology

_FAIL = re.compile(r"(?P<bundle>[\w-]+)(?P<how>[:#])(?P<number>\d+)(?:@(?P<share>[\d.]+) ?%)?")


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


def broken(topology: Topology, share: Floats, fails: Sequence[str], seed: int) -> Floats:
    """What each directed link has left after links were broken or slowed, both ways [2 * links].

    Args:
        topology: fabric.
        share: what it has left before.
        fails: "bundle:count" draws links of a bundle, "bundle#number" names one; "@25%" slows it to that share.
        seed: of the draws.

    Raises:
        UsageError: not so written, no such bundle, or more links than it has.
    """
    left, rng = share.copy(), np.random.default_rng(seed)
    for one in fails:
        links, rest = _links(topology, one, rng)
        left[links] *= rest
        left[links + topology.links] *= rest
    return left


def _links(topology: Topology, one: str, rng: np.random.Generator) -> tuple[Ints, float]:
    """Links that an option names, and the share that they keep."""
    found = _FAIL.fullmatch(one)
    if not found:
        raise UsageError(f'--fail: "{one}" is not understood; write leaf-spine:3, or leaf-spine#17@25%')
    names = [bundle.name for bundle in topology.bundles]
    if found["bundle"] not in names:
        known = f"Bundles are {', '.join(names)}."
        raise UsageError(f'--fail: no bundle "{found["bundle"]}". {near.hint(found["bundle"], names, known)}')
    bundle = names.index(found["bundle"])
    count, number = topology.bundles[bundle].count, int(found["number"])
    if number > count - (found["how"] == "#"):
        raise UsageError(f"--fail: {one}: {found['bundle']} has {count:,} links, numbered from 0")
    share = float(found["share"]) / 100 if found["share"] else 0.0
    if share > 1:
        raise UsageError(f"--fail: {one}: {found['share']} % is more than the whole speed")
    chosen = np.array([number]) if found["how"] == "#" else np.sort(rng.choice(count, number, replace=False))
    return topology.offsets[bundle] + chosen.astype(np.int64), share
