"""How far predictions may be off, by class of run."""

from __future__ import annotations

import math

from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Layer
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout, TrainingLayout
from firstlight.twin.result import Prediction

CLASSES = ("data", "model", "launch", "unfused", "experts")
"""Data parallel only; cut by tensor or pipeline; waiting for launches; unfused attention of before 2023; routed."""
MOSTLY_LAUNCHES = 0.4
"""Share of a step above which launches decide how far off it may be."""
TRAINED = "P10 to P90 learnt from published training runs whose whole group was left out of the fit"
SERVED = "P10 to P90 learnt from published serving runs that were left out of the fit"


def training_interval(
    p50: float, layers: tuple[Layer, ...], layout: TrainingLayout, launch_share: float, work: Machine, a: Assumptions
) -> Prediction:
    """A training time with its interval: log-normal half width by class of run, wider outside the data.

    Args:
        p50: median [s].
        layers, layout: what runs, and how.
        launch_share: share of the step that waits for launches.
        work: machine.
    """
    scanned = any(layer.scanned for layer in layers)
    base = a[f"performance.spread_{training_class(layers, layout, launch_share, a)}"]
    unseen = 0.0 if work.trained else a["performance.spread_unseen"]
    half = math.hypot(base, unseen, a["performance.spread_mixer"] if scanned else 0.0)
    return Prediction.within(p50, half, calibrated=work.trained and not scanned, basis=TRAINED + work.note)


def training_class(layers: tuple[Layer, ...], layout: TrainingLayout, launch_share: float, a: Assumptions) -> str:
    """The class of run that an interval is learnt for, a member of `CLASSES`; arguments as for `training_interval`."""
    if any(layer.routed for layer in layers):
        return "experts"
    if a["performance.fused_attention"] < 0.5:
        return "unfused"
    if launch_share > MOSTLY_LAUNCHES:
        return "launch"
    return "model" if layout.tensor > 1 or layout.pipeline > 1 else "data"


def serving_interval(
    p50: float, which: str, layers: tuple[Layer, ...], layout: ServingLayout, work: Machine, a: Assumptions
) -> Prediction:
    """A serving latency with its interval: measured over predicted, by quantity ("token" or "first").

    Args:
        p50: median [s].
        which: "token" for the time per token, "first" for the time to the first one.
        layers, layout: what runs, and how.
        work: machine.
    """
    usual = layout.pipeline == layout.context == 1 and not layout.redundant  # as in published runs
    known = work.served and usual and not any(layer.scanned for layer in layers)
    widen = 1.0 if known else a["performance.serving_widen_unseen"]
    kind = f"{which}_pools" if layout.prefill else which
    low = a[f"performance.serving_low_{kind}"] / widen
    high = a[f"performance.serving_high_{kind}"] * widen
    return Prediction(p50 * low, p50, p50 * high, known, SERVED + work.note)
