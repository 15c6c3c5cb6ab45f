"""The tree of priors that parameters hang on, from the operation down to one release of one kernel on one accelerator.

Kernels differ more by how they work than by the machine they run on, so the style stands above the generation; a
machine never measured takes the values of its nearest relative, or of its generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.timings.cases import Labels, Texts
from firstlight.timings.device import processors
from firstlight.twin.protocols import Floats, Ints

LEVELS: tuple[tuple[str, ...], ...] = (
    (),
    ("dtype",),
    ("dtype", "style"),
    ("dtype", "style", "generation"),
    ("dtype", "style", "generation", "kernel"),
    ("dtype", "style", "generation", "kernel", "accelerator"),
    ("dtype", "style", "generation", "kernel", "accelerator", "release"),
)
"""Labels that name a node of each level; each level's names continue those of the one above."""
OWN, KIN, FOREIGN = 5, 3, 2
"""Levels from which a node has seen the accelerator, and its generation; the last that has seen neither."""
SEPARATOR = "|"


@dataclass(frozen=True)
class Found:
    """Parameters of some calls.

    Attributes:
        theta: logarithms of the parameters [rows, parameters].
        level: of the node that each call took them from [rows].
        foreign: the node is another generation's, or of no generation [rows].
    """

    theta: Floats
    level: Ints
    foreign: NDArray[np.bool_]


def names(labels: Labels, level: int) -> Texts:
    """Names of the nodes of a level that calls hang below [rows]."""
    parts = [getattr(labels, name) for name in LEVELS[level]]
    found = np.full(len(labels.dtype), "", dtype="U1")
    for index, part in enumerate(parts):
        found = part if not index else np.char.add(np.char.add(found, SEPARATOR), part)
    return found


def find(nodes: Mapping[str, Floats], labels: Labels) -> Found:
    """The deepest node that fits each call; of a machine without any, its nearest relative's."""
    keys, first, back = np.unique(names(labels, len(LEVELS) - 1), return_index=True, return_inverse=True)
    taken = [_deepest(nodes, _one(labels, row)) for row in first]
    theta = np.array([nodes[name] for name, _, _ in taken]).reshape(len(keys), -1)
    level = np.array([level for _, level, _ in taken], dtype=np.int64)
    foreign = np.array([foreign for _, _, foreign in taken], dtype=bool)
    return Found(theta[back], level[back], foreign[back])


def _one(labels: Labels, row: int) -> dict[str, str]:
    return {name: str(getattr(labels, name)[row]) for name in LEVELS[-1]}


def _deepest(nodes: Mapping[str, Floats], label: Mapping[str, str]) -> tuple[str, int, bool]:
    name, level = _walk(nodes, label)
    if level >= OWN:
        return name, level, False
    table = processors()
    like = table["accelerators"].get(label["accelerator"], {}).get("like")
    if like and like != label["accelerator"]:
        near, depth = _walk(nodes, {**label, "accelerator": like})
        if depth > level:
            name, level = near, min(depth, OWN - 1)
    if level >= KIN:
        return name, level, False
    for other in table["generations"][label["generation"]]["relatives"]:
        near, depth = _walk(nodes, {**label, "generation": other})
        if depth > level:
            return near, FOREIGN, True
    return name, level, True


def _walk(nodes: Mapping[str, Floats], label: Mapping[str, str]) -> tuple[str, int]:
    """The deepest node below which nothing is missing but levels without siblings."""
    found = "", 0
    for level, parts in enumerate(LEVELS):
        name = SEPARATOR.join(label[part] for part in parts)
        if name in nodes:
            found = name, level
    return found
