"""The event simulation of serving: requests a second on one core."""

from __future__ import annotations

import time

import numpy as np

from firstlight.performance.serving.events import Policy, StepCosts, simulate
from firstlight.performance.serving.events.tables import POINTS
from firstlight.performance.serving.traffic import Lengths, poisson


def test_event_simulation(benchmark):
    """200,000 requests at random on 16 replicas, prompts of 2,000 and answers of 400 tokens, batches of up to 256."""
    decode = 5e-3 + 2e-5 * POINTS[:41, None] * (1 + POINTS[None, :61] / 4096)
    prefill = 2e-3 + 2e-5 * POINTS[:53, None] + 0 * POINTS[None, :65]
    costs = StepCosts(decode, prefill, 1, 1, 256, 2e6, 0.01)
    lengths = Lengths(2000, spread=0.5), Lengths(400, spread=0.5)
    requests = poisson(120.0, 200_000, *lengths, np.random.default_rng(0))
    policy = Policy(router="power-of-two")
    simulate(requests, costs, policy, replicas=16)  # compiles
    benchmark.pedantic(simulate, (requests, costs, policy), {"replicas": 16}, rounds=3)
    begun = time.process_time()
    simulate(requests, costs, policy, replicas=16)
    each = len(requests) / (time.process_time() - begun)
    benchmark.extra_info |= {"limit_s": 2.0, "layouts": len(requests), "layouts_per_s": each}
