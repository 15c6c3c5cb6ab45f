"""What a plan fixes for a whole space of layouts: options that are written in its layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.shapes import Softmax
from firstlight.performance.training.layouts.arrays import CONTEXTS, RECOMPUTE, SCHEDULES, UNSET, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.options import PAIRS
from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Floats, Ints

FIELDS = (
    "schedule", "context_kind", "shard", "expert_tensor", "offload", "first_layers", "last_layers", "dispatch",
    "gradients", "moments", "recompute_modules", "activations", "average", "sites", "site_link", "synchronise",
    "fragments",
)  # fmt: skip
"""Options that a plan fixes by writing them; what divides a run, ZeRO and recomputation are varied all the same."""
Kept = Mapping[str, int | float]


def kept_of(layout: TrainingLayout | None) -> Kept:
    """The options that a layout names, as `Layouts` has them."""
    if layout is None:
        return {}
    own = Layouts.of([layout])
    return {name: getattr(own, name)[0].item() for name in FIELDS if name in layout.model_fields_set}


def kept_by(kept: Kept, layouts: Layouts) -> Layouts:
    """Layouts with options that all of them share, each where it has an effect."""
    if not kept:
        return layouts
    piped, cut, sharded = layouts.pipeline > 1, layouts.context > 1, layouts.zero > 0
    selective = layouts.recompute == RECOMPUTE.index("selective")
    where = {
        "recompute_modules": selective,
        "schedule": piped,
        "first_layers": piped,
        "last_layers": piped,
        "context_kind": cut,
        "shard": sharded,
    }
    idle = {"first_layers": UNSET, "last_layers": UNSET}
    own = {name: np.where(where.get(name, True), value, idle.get(name, 0)) for name, value in kept.items()}
    return replace(layouts, **own)


def keeps_to(kept: Kept, run: Run, shapes: Ints, steps: Floats) -> NDArray[np.bool_]:
    """The shapes that can be run with these options (k,), boolean.

    Args:
        kept: options.
        run: whose accelerators they go into.
        shapes: columns of `every.SHAPE` (k, 7).
        steps: micro-batches of a rank (k,).
    """
    tensor, context, expert, split, _, pipeline, chunks = shapes.T
    data = run.accelerators // (tensor * context * pipeline)
    goes = np.full(len(shapes), fill_value=True)
    schedule = int(kept.get("schedule", 0))
    if schedule:
        goes &= (pipeline == 1) | ((chunks == 1) & runs_in(SCHEDULES[schedule], pipeline, steps))
    if "context_kind" in kept:
        goes &= (context == 1) | hands_out(CONTEXTS[int(kept["context_kind"])], run, tensor, context)
    sites = int(kept.get("sites", 1))
    goes &= (data % sites == 0) & (tensor * context * data // sites % (expert * split) == 0)
    if shard := int(kept.get("shard", 0)):
        goes &= data // sites * context % shard == 0
    ends = [int(kept[name]) for name in ("first_layers", "last_layers") if kept.get(name, UNSET) != UNSET]
    if ends:
        rest, others = run.depth - sum(ends), (pipeline - len(ends)) * chunks
        even = np.where(others > 0, rest % np.maximum(others, 1) == 0, rest == 0)
        goes &= (pipeline == 1) | ((rest >= 0) & (others >= 0) & even)
    return goes


def runs_in(schedule: str, pipeline: Ints, steps: Floats) -> NDArray[np.bool_]:
    """Pipelines that a schedule can run without chunks (k,), boolean."""
    if schedule == "dualpipe":
        return (pipeline % 2 == 0) & (steps >= PAIRS * pipeline)
    return pipeline > 1


def hands_out(kind: str, run: Run, tensor: Ints, context: Ints) -> NDArray[np.bool_]:
    """Context-parallel ranks that a kind of context parallelism serves (k,), boolean."""
    cores = [core for layer in run.shapes for core in layer.cores if isinstance(core, Softmax)]
    goes = np.full(len(tensor), fill_value=bool(cores) or kind == "ring")
    for core in cores if kind == "ulysses" else ():
        goes &= np.maximum(core.kv_heads // tensor, 1) % context == 0
    return goes
