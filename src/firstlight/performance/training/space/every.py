"""The whole space of layouts: every one that divides the model, the accelerators and the batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.shapes import Layer
from firstlight.performance.training.layouts.arrays import RECOMPUTE, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.check import ENDS, heads
from firstlight.performance.training.space.kept import keeps_to, kept_by
from firstlight.performance.training.space.thinned import powers
from firstlight.twin.protocols import Ints

MOST = {"tensor": 4096, "pipeline": 4096, "interleave": 64, "context": 4096, "expert": 65536, "micro_batch": 65536}
"""What a layout can say at the most (`spec.design.TrainingLayout`)."""
LEAST_TOKENS = 1024
"""Tokens of a sequence that a context-parallel rank keeps at the least."""
OPTIONS = {"zero": (0, 1, 2, 3), "recompute": tuple(range(len(RECOMPUTE)))}
"""What may be chosen whatever the shape is; a further axis that divides nothing goes here."""
SHAPE = ("tensor", "context", "expert", "expert_tensor", "micro_batch", "pipeline", "interleave")
"""Columns of `Every.shapes`."""
UNFILLED = "the batch does not fill whole micro-batches on their data-parallel ranks"
NO_SLICE = "tensor x pipeline x context is no part of the torus: some of its accelerators would stand idle"


@dataclass(frozen=True)
class Every:
    """All layouts of one run, of which only the shapes are held.

    Attributes:
        shapes: columns of `SHAPE`, in ascending order (k, 7).
        refused: layouts beside them that no framework starts, by reason.
        kept: what all of them have; fields of `Layouts` that are as they are by themselves are left out.
    """

    shapes: Ints
    refused: dict[str, int] = field(default_factory=dict[str, int])
    kept: Mapping[str, int | float] = field(default_factory=dict[str, int | float])

    def __len__(self) -> int:
        return len(self.shapes) * math.prod(len(values) for values in OPTIONS.values())

    def chunks(self, most: int) -> Iterator[Layouts]:
        """The layouts in order, at most so many at a time (but all options of one shape together)."""
        options = np.asarray([*itertools.product(*OPTIONS.values())], np.int64)
        each = max(most // len(options), 1)
        for first in range(0, len(self.shapes), each):
            shapes = self.shapes[first : first + each]
            columns = np.repeat(shapes, len(options), axis=0).T, np.tile(options, (len(shapes), 1)).T
            names = (*SHAPE, *OPTIONS)
            own = dict(zip(names, map(np.ascontiguousarray, itertools.chain(*columns)), strict=True))
            yield kept_by(self.kept, Layouts(**own))


def every(
    run: Run, *, is_open: bool = False, unfilled: bool = False, kept: Mapping[str, int | float] | None = None
) -> Every:
    """All layouts that can be run, in the usual schedule, kind of context parallelism and sharding group (`variants`).

    Tensor parallelism divides the heads of every attention, inside a scale-up domain and beyond; a pipeline has no more
    chunks than the model has layers and ends; context parallelism cuts a sequence into twice as many equal parts of
    which a rank keeps 1,024 tokens or more; expert parallelism divides the experts and the ranks, and an expert is
    whole or, inside a scale-up domain, split as the other layers are (TorchTitan takes no other number); a micro-batch
    divides what the batch leaves for a rank; an interleaved pipeline has as many micro-batches as stages or more, as
    Megatron-Core asks; ZeRO 0 to 3 and every level of recomputation go with each of them.

    Megatron-LM and TorchTitan start only where the batch is a whole number of micro-batches on every data-parallel
    rank, and the axes of a mesh on a torus fill it: other layouts are refused, unless no layout were left.

    Args:
        run: its batch is settled; what tensor x pipeline x context does not divide of its accelerators stands idle.
        is_open: the batch may move a little, so that every layout fills it (`batch.rounded`); micro-batches are then
            powers of two as well.
        unfilled: layouts that the batch does not fill are not refused.
        kept: fields of `Layouts` that all layouts share, where they have an effect.
    """
    kept, sequences = kept or {}, run.sequences
    table = _groups(run, kept)
    tensor, context, expert, split, pipeline, _ = table.T
    data = run.accelerators // (tensor * context * pipeline)
    filled = (data <= sequences * (1 + 1e-9)) & (tensor * context * data % (expert * split) == 0)
    table, data = table[filled], data[filled]
    own = np.maximum(np.round(sequences / data) if is_open else np.ceil(sequences / data - 1e-9), 1.0)
    rows, micro = _micro_batches(own.astype(np.int64), is_open=is_open)
    each = sequences / (data[rows] * micro)
    steps = np.maximum(np.round(each), 1.0) if is_open else np.ceil(each - 1e-9)
    # The batch fills a micro-batch of each rank, and an interleaved pipeline all of its stages.
    runs = (each * (1 + 1e-9) >= 1.0) & ((table[rows, 5] == 1) | (steps >= table[rows, 4]))
    rows, micro, each, steps = rows[runs], micro[runs], each[runs], steps[runs]
    tensor, context, expert, split, pipeline, chunks = table[rows].T
    order = np.lexsort((chunks, pipeline, micro, split, expert, context, tensor))
    shapes = np.stack([tensor, context, expert, split, micro, pipeline, chunks], axis=1)[order]
    keeps = keeps_to(kept, run, shapes, steps[order])
    whole = (
        np.full(len(shapes), fill_value=True) if is_open or unfilled else (np.abs(each - steps) < 1e-9 * steps)[order]
    )
    return _placed(run, shapes[keeps], whole[keeps], kept)


def _placed(run: Run, shapes: Ints, whole: NDArray[np.bool_], kept: Mapping[str, int | float]) -> Every:
    """Those that a framework starts, and how many it does not; all of them where it starts none."""
    inside = shapes[:, SHAPE.index("tensor")] * shapes[:, SHAPE.index("context")] * shapes[:, SHAPE.index("pipeline")]
    slices = (run.accelerators % np.maximum(inside, 1) == 0) | (run.system.nic is not None)
    good, options = whole & slices, math.prod(len(values) for values in OPTIONS.values())
    if not good.any():
        return Every(shapes, {}, kept)
    refused = {NO_SLICE: int((~slices).sum()) * options, UNFILLED: int((slices & ~whole).sum()) * options}
    return Every(shapes[good], {reason: count for reason, count in refused.items() if count}, kept)


def divisors(whole: int, most: int | None = None) -> list[int]:
    """All divisors of a number, up to `most`, in ascending order."""
    small = [d for d in range(1, math.isqrt(whole) + 1) if whole % d == 0]
    return [d for d in sorted({*small, *(whole // d for d in small)}) if most is None or d <= most]


def _groups(run: Run, kept: Mapping[str, int | float]) -> Ints:
    """Tensor, context, expert, expert-tensor, pipeline, interleave, where they go into the accelerators (k, 6)."""
    shapes, sequence, accelerators = run.shapes, run.workload.sequence, run.accelerators
    tensors = _tensors(shapes, accelerators)
    contexts = [1, *(c for c in divisors(sequence // 2, MOST["context"]) if c > 1 and _cut(sequence, c))]
    experts = divisors(math.gcd(*(layer.routed.count if layer.routed else 0 for layer in shapes)) or 1, MOST["expert"])
    pipelines = _pipelines(run.least_depth, accelerators)
    grid = np.meshgrid(tensors, contexts, experts, np.arange(len(pipelines)), indexing="ij")
    tensor, context, expert, index = (axis.ravel() for axis in grid)
    stages, chunks = np.asarray(pipelines, np.int64)[index].T
    split = np.full_like(tensor, kept.get("expert_tensor", 1))
    table = np.stack([tensor, context, expert, split, stages, chunks], axis=1).astype(np.int64)
    table = table[tensor * context * stages <= accelerators]
    width = math.gcd(*(layer.routed.width if layer.routed else 0 for layer in shapes))
    if not width or "expert_tensor" in kept:
        return table
    inside = (table[:, 0] > 1) & (table[:, 0] <= run.system.scale_up_domain)
    more = table[inside & (width % table[:, 0] == 0)]
    more[:, 3] = more[:, 0]
    return np.vstack([table, more])


def _cut(sequence: int, ranks: int) -> bool:
    return sequence % (2 * ranks) == 0 and sequence // ranks >= LEAST_TOKENS


def _tensors(shapes: tuple[Layer, ...], accelerators: int) -> list[int]:
    whole = math.gcd(*(heads(shapes) or [layer.hidden for layer in shapes]))
    return divisors(whole, min(accelerators, MOST["tensor"]))


def _pipelines(depth: int, accelerators: int) -> list[tuple[int, int]]:
    """Stages and chunks of each."""
    most = min(depth + ENDS, accelerators, MOST["pipeline"])
    deep = [(p, v) for p in range(2, most + 1) for v in range(1, min((depth + ENDS) // p, MOST["interleave"]) + 1)]
    return [(1, 1), *deep]


def _micro_batches(own: Ints, *, is_open: bool) -> tuple[Ints, Ints]:
    """Row and size of every micro-batch that divides the sequences of a row's ranks; powers of two of an open batch."""
    kinds, kind = np.unique(own, return_inverse=True)
    lists = [divisors(int(count), MOST["micro_batch"]) for count in kinds]
    if is_open:
        lists = [
            sorted({*each, *powers(min(int(count), MOST["micro_batch"]))})
            for each, count in zip(lists, kinds, strict=True)
        ]
    lengths = np.asarray([len(each) for each in lists], np.int64)
    rows = np.repeat(np.arange(len(own)), lengths[kind])
    place = np.arange(len(rows)) - np.repeat(np.cumsum(lengths[kind]) - lengths[kind], lengths[kind])
    starts = (np.cumsum(lengths) - lengths)[kind]
    return rows, np.asarray([*itertools.chain(*lists)], np.int64)[np.repeat(starts, lengths[kind]) + place]
