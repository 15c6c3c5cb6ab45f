"""What reaches replicas: requests at the asked rate, or those of users who ask when they are answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.performance.serving.batching import at_rate
from firstlight.performance.serving.steady import Flow, Law
from firstlight.spec.workload import Serving, Users
from firstlight.twin.protocols import Floats

HALVINGS = 24
"""Of the interval that the rate of users who think lies in, on a logarithmic scale."""


@dataclass(frozen=True)
class Load:
    """Requests on a replica.

    Attributes:
        batch: that an engine has at once [1].
        offered: that reach the replica at random [1/s]; infinite: each comes when one is answered.
        rate: requests of the replica [1/s]; as asked, or as users come to ask.
        wait: of users for a slot, where they are more than are decoded at once [s].
    """

    batch: Floats
    offered: float
    rate: float
    wait: float = 0.0

    @classmethod
    def of(cls, workload: Serving, law: Law, most: int, replicas: int) -> Load:
        """The load of a workload.

        Users bring as many requests as Little's law leaves them, users = rate x (think + stay). Without a pause they
        are a closed loop; with one, their requests come at random.

        Args:
            law: flow of the layout. most: greatest batch. replicas: that share the users.
        """
        asked = workload.traffic.questions
        if not isinstance(asked, Users):
            offered = workload.requests / replicas
            return cls(np.asarray([at_rate(law, offered, float(most))]), offered, offered)
        users, further = asked.users / replicas, workload.answer - 1
        full = law(np.asarray([float(most)]), np.inf)
        rate = float(full.rate[0])
        if users >= rate * (asked.think + stay(full, further)):
            return cls(full.batch, np.inf, rate, users / rate - asked.think - stay(full, further))
        if not asked.think:
            batch = _closed(law, users, further, float(most))
            return cls(batch, np.inf, float(law(batch, np.inf).rate[0]))
        low, high = rate * 1e-9, rate
        for _ in range(HALVINGS):
            middle = float(np.sqrt(low * high)) if high > 2.0 * low else 0.5 * (low + high)
            found = law(np.asarray([at_rate(law, middle, float(most))]), middle)
            enough = middle * (asked.think + stay(found, further)) >= users
            low, high = (low, middle) if enough else (middle, high)
        return cls(np.asarray([at_rate(law, high, float(most))]), high, high)


def stay(found: Flow, further: float) -> float:
    """Time from a request to its last token [s]."""
    return float(found.first_token[0] + further * found.per_token[0])


def _closed(law: Law, users: float, further: float, most: float) -> Floats:
    """Requests of an engine at once whose rate and stay keep so many users at work, by narrowing a logarithmic grid."""
    low, high = 1e-6, most
    for _ in range(3):
        grid = np.geomspace(low, high, 48)
        found = law(grid[:, None], np.inf)
        under_way = found.rate[:, 0] * (found.first_token[:, 0] + further * found.per_token[:, 0])
        at = min(int(np.argmax(under_way >= users)) if (under_way >= users).any() else len(grid) - 1, len(grid) - 1)
        low, high = float(grid[max(at - 1, 0)]), float(grid[at])
    return np.asarray([high])
