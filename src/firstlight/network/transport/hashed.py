"""Hashed traffic, one path a flow, where no one knows what the hash will do: a distribution over its draws.

Max-min fairness on the drawn paths tells most of it. What packets add is learnt from a few draws that are simulated
packet by packet, and laid on all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firstlight.network.transport import packets, paths
from firstlight.network.transport.case import Answer, Case, each
from firstlight.twin.protocols import Floats

DRAWS, FEWER_DRAWS = 200, 24
"""Hashes that are drawn: where the busiest link says the time, and where flows must be followed to their ends."""
ALL_FLOWS = 400_000
"""Flows over which the draws are spent: many flows leave little to the hash."""
NOISES = 25
"""What packets add is drawn so often for each hash."""


def answer(case: Case, runs: int, scatter: float) -> Answer:
    """Draw hashes, and simulate the first `runs` of them; what packets add scatters by `scatter` (in the logarithm)."""
    seeds = draws(case)
    spans = fluid(case, seeds)
    done = each(lambda seed: packets.run(case.plane, case.flows, "ecmp", seed, case.protocol), seeds[:runs])
    own = np.array([float(run.end.max()) for run in done])
    # nothing is added where nothing leaves its endpoint
    added = float(np.median(np.log(own / spans[:runs]))) if own.all() else -np.inf
    middle = done[int(np.argsort(own)[(len(own) - 1) // 2])]
    told = f"{len(seeds)} hashes drawn, {runs} of them simulated packet by packet"
    return Answer(noisy(spans, added, scatter, case.seed), middle.end, middle.trimmed, (told,))


def draws(case: Case) -> list[int]:
    """Seeds of the hashes that are drawn."""
    many = min(max(ALL_FLOWS // len(case.flows), FEWER_DRAWS), DRAWS)
    return case.seeds(many if paths.uniform(case.flows) else FEWER_DRAWS)


def fluid(case: Case, seeds: Sequence[int]) -> Floats:
    """Makespan of each draw under max-min fairness [draws] [s]."""
    routes = (paths.hashed(case.plane, case.flows, seed, case.protocol) for seed in seeds)
    return np.array([paths.fluid(case.plane, case.flows, route, case.protocol).max() for route in routes])


def noisy(spans: Floats, added: float, scatter: float, seed: int) -> Floats:
    """Each draw with what packets add to it, many times [draws * NOISES] [s]."""
    noise = np.random.default_rng(seed).normal(added, scatter, (NOISES, len(spans)))
    return (spans * np.exp(noise)).ravel()
