"""How many accelerators a workload takes, and how it is laid out on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from firstlight.errors import InfeasibleError
from firstlight.evaluate import build
from firstlight.evaluate.build import Parts
from firstlight.network.collectives import FabricTime
from firstlight.performance import serving, training
from firstlight.spec import models
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import FabricDesign, Placement, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.workload import Serving, Training


@dataclass(frozen=True)
class Sized:
    """A workload on its share of the factory.

    Attributes:
        placement: accelerators and layout.
        workload: the workload with its batch settled.
        speed: tokens per second of a training run [1/s]; requests per second of serving [1/s].
    """

    placement: Placement
    workload: Training | Serving
    speed: float


@dataclass(frozen=True)
class Sizer:
    """Tries workloads on one system.

    Attributes:
        made_of: the system's parts.
        fabric: fabric design, resolved.
        a: assumptions.
        base: folder that model paths are relative to.
    """

    made_of: Parts
    fabric: FabricDesign
    a: Assumptions
    base: Path

    def _time(self, accelerators: int) -> FabricTime:
        return build.fabric(self.fabric, self.made_of, accelerators, self.a)[1]

    def _model(self, name: str) -> Model:
        return models.find(name, self.base)
