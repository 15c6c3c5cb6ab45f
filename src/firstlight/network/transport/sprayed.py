"""Sprayed traffic, packet by packet: the makespan is that of several seeds."""

from __future__ import annotations

import numpy as np

from firstlight.network.transport import packets
from firstlight.network.transport.case import Answer, Case, each
from firstlight.network.transport.packets import Run

SHORT = 2.0
"""Messages that are too long to simulate are run at two lengths, one so many times the other, and continued on a line:
queues and windows have settled by then."""


def answer(case: Case, runs: int) -> Answer:
    """Simulate a case with several seeds."""
    done = each(lambda seed: _run(case, seed), case.seeds(runs))
    spans = np.array([float(run.end.max()) for run in done])
    middle = done[int(np.argsort(spans)[(len(spans) - 1) // 2])]
    return Answer(spans, middle.end, middle.trimmed, (f"every packet simulated, {runs} seeds",))


def shortened(case: Case, factor: float) -> Answer:
    """The same from messages `factor` times as long, and 1 / `SHORT` of that."""
    seed = case.seeds(1)[0]
    long, short = (_run(case.scaled(part), seed) for part in (factor, factor / SHORT))
    more = (1 / factor - 1) / (1 - 1 / SHORT)
    end = long.end + more * (long.end - short.end)
    trimmed = np.maximum(long.trimmed + more * (long.trimmed - short.trimmed), 0)
    told = f"simulated with messages of {100 * factor:.2g} % of their length, and continued from there"
    return Answer(np.array([float(end.max())]), np.maximum(end, 0), trimmed, (told,))


def _run(case: Case, seed: int) -> Run:
    return packets.run(case.plane, case.flows, case.routing, seed, case.protocol)
