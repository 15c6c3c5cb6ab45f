"""From a demand to a design: propose what the plan leaves open, and plan the whole factory."""

from __future__ import annotations

from firstlight.design.collective import collective
from firstlight.design.fabric import fabric
from firstlight.design.network import NETWORK_STEPS, build_network
from firstlight.design.plan import STEPS, dry_run, plan
from firstlight.design.propose import propose
from firstlight.design.serve import serve
from firstlight.design.train import TRAIN_STEPS, train

__all__ = [
    "NETWORK_STEPS", "STEPS", "TRAIN_STEPS", "build_network", "collective", "dry_run", "fabric", "plan", "propose",
    "serve", "train",
]  # fmt: skip
