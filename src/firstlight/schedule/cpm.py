"""The critical path method: earliest and latest times of activities that wait for each other.

Source: J. E. Kelley and M. R. Walker, "Critical-path planning and scheduling", Eastern Joint Computer Conference
(1959).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from firstlight.twin.protocols import Floats

Predecessors = Sequence[Sequence[int]]
"""For each activity the activities that must be over first; all of them come earlier in the sequence."""


def earliest(durations: ArrayLike, after: Predecessors) -> tuple[Floats, Floats]:
    """Forward pass: earliest start and finish [s].

    Args:
        durations: [..., activities] [s]; leading axes are cases.
        after: predecessors of each activity.

    Returns:
        Start and finish, both like `durations`.
    """
    duration = np.asarray(durations, float)
    start = np.zeros_like(duration)
    finish = np.zeros_like(duration)
    for i, before in enumerate(after):
        if len(before):
            start[..., i] = finish[..., list(before)].max(axis=-1)
        finish[..., i] = start[..., i] + duration[..., i]
    return start, finish


def latest(durations: ArrayLike, after: Predecessors, end: ArrayLike) -> tuple[Floats, Floats]:
    """Backward pass: latest start and finish with which all is over by `end` [s].

    Args:
        durations: [..., activities] [s].
        after: predecessors of each activity.
        end: of the project, for each case [...] [s].

    Returns:
        Start and finish, both like `durations`.
    """
    duration = np.asarray(durations, float)
    finish = np.broadcast_to(np.asarray(end, float)[..., None], duration.shape).copy()
    start = np.zeros_like(duration)
    for i in range(len(after) - 1, -1, -1):
        start[..., i] = finish[..., i] - duration[..., i]
        for before in after[i]:
            finish[..., before] = np.minimum(finish[..., before], start[..., i])
    return start, finish


def critical_path(finish: Floats, start: Floats, after: Predecessors) -> tuple[int, ...]:
    """The chain of activities without slack that ends last, first activity first.

    Args:
        finish, start: earliest [activities] [s].
        after: predecessors of each activity.
    """
    path = [int(np.argmax(finish))]
    while after[path[-1]] and start[path[-1]] > 0:
        path.append(max(after[path[-1]], key=lambda i: finish[i]))
    return tuple(reversed(path))
