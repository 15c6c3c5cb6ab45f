"""What a fabric takes from the bandwidth of NICs: simulated congestion, and the lottery of hashed paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from firstlight.twin.protocols import Floats

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Congestion:
    """How much longer patterns take on a fabric than their NICs alone would, as simulated.

    Attributes:
        domains: scale-up domains of the simulated groups, ascending [d].
        sizes: bytes that one NIC carried, ascending [s] [B].
        excess: by pattern ("ring", "tree", "all_to_all") the time over that of the NICs, less one [d, s].
    """

    domains: Floats
    sizes: Floats
    excess: Mapping[str, Floats]

    def slowdown(self, pattern: str, domains: Floats, size: Floats) -> Floats:
        """Factor on the time of NICs, at least 1, interpolated in logarithms; the nearest value beyond the table."""
        return 1.0 + np.maximum(_bilinear(self.domains, self.sizes, self.excess[pattern], domains, size), 0.0)


def _bilinear(rows: Floats, columns: Floats, table: Floats, row: Floats, column: Floats) -> Floats:
    """A table at some points, linear in the logarithms of both axes and held at its ends."""
    i, u = _position(rows, row)
    j, v = _position(columns, column)
    k, m = np.minimum(i + 1, len(rows) - 1), np.minimum(j + 1, len(columns) - 1)
    near = table[i, j] * (1 - v) + table[i, m] * v
    far = table[k, j] * (1 - v) + table[k, m] * v
    return near * (1 - u) + far * u


def _position(axis: Floats, value: Floats) -> tuple[Any, Floats]:
    at = np.interp(np.log2(np.maximum(value, 1e-9)), np.log2(axis), np.arange(len(axis), dtype=float))
    index = np.floor(at).astype(np.int64)
    return index, at - index


@cache
def _lottery() -> Mapping[str, Any]:
    file = resources.files("firstlight.data") / "collectives" / "queue_pairs.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def lottery(tiers: int, queue_pairs: float, endpoints: Floats) -> Floats:
    """Share of a NIC's bandwidth that hashed paths leave to the slowest of `endpoints` in a ring or permutation.

    Args:
        tiers: of switches.
        queue_pairs: of each connection; every one keeps its path.
        endpoints: that take part.
    """
    found = _lottery()
    table = found["two tiers" if tiers <= 2 else "three tiers"]
    rows, columns = np.array(table["endpoints"], float), np.array(found["queue_pairs"], float)
    return _bilinear(rows, columns, np.array(table["share"], float), endpoints, np.asarray(queue_pairs, float))
