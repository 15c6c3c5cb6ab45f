"""What a variant of a layout takes at the least, from the layout's own step: which variants need not be computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from firstlight.performance.training.layouts.arrays import RECOMPUTE, UNSET, Layouts
from firstlight.performance.training.space.variants import Change
from firstlight.performance.training.step import Steps
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats

_AGAIN = 2.0
"""Where layers are computed again, how often as much a part of their forward pass counts, at the most."""


@dataclass(frozen=True)
class Bounds:
    """What variants of layouts take at the least: the layouts' own steps without the parts that may shrink.

    A zero-bubble pipeline saves the bubble at the most. DualPipe too, what the stages are uneven by, all traffic of the
    experts, and the optimizer, as twice the ranks share it (no less data-parallel traffic: twice the bytes go over
    twice the ranks). Another kind of context parallelism saves its traffic: in the passes, in layers that are computed
    again, in the bubble (which holds (p - 1) / (v m) of what all micro-batches take), in what the fullest stage has
    more than the mean one, and in the tax on computation beside sharded weights. Another sharding group saves
    data-parallel traffic, from ZeRO-2 on in the bubble and the fullest stage too. Jitter is a share of the rest.

    Attributes:
        found: steps of the layouts, in the usual schedule, kind of context parallelism and sharding group.
        layouts: arrays (n,).
        depth: layers of the model.
        a: assumptions.
    """

    found: Steps
    layouts: Layouts
    depth: int
    a: Assumptions

    def time(self, change: Change) -> Floats:
        """Time below which no variant of this kind lies [s] (n,)."""
        parts, dual = self.found.parts, change.schedule == "dualpipe"
        saved = [parts["bubble"]] if change.schedule else []
        saved += [parts["expert"], parts["optimizer"]] if dual else []
        saved += [self._context] if change.context else []
        saved += [self._data] if change.shard else []
        saved += [self._uneven] if dual else []
        whole = sum(saved[1:], saved[0])
        return np.maximum(self.found.time - parts["sites"] - self._jitter * whole, 0.0)

    def memory(self, change: Change) -> Floats:
        """Memory below which no variant of this kind lies [B] (n,).

        A zero-bubble pipeline holds no fewer micro-batches than 1F1B, Ulysses keeps more than a ring does, and a
        smaller sharding group more states. A rank of a DualPipe has the states of two stages, where they are sharded
        half of both, and half of the micro-batches of each stage: where the first one has n layers, the last one has
        n - 1 or more.
        """
        return self._two_stages if change.schedule == "dualpipe" else self._used

    @cached_property
    def _two_stages(self) -> Floats:
        """Memory of a DualPipe at the least [B] (n,)."""
        layouts, depth, memory = self.layouts, float(self.depth), self.found.memory
        fullest = np.ceil(depth / layouts.pipeline)
        first = fullest - np.floor((fullest * layouts.pipeline - depth) / 2.0)
        given = np.maximum(layouts.first_layers, layouts.last_layers) != UNSET
        share = np.where(given, 0.5, np.where(first < 1.0, 0.0, 0.5 / np.maximum(first, 1.0)))
        sharded = np.where(layouts.zero >= 1, memory["optimizer"] + memory["outer"], 0.0)
        sharded = sharded + np.where(layouts.zero >= 2, memory["gradients"], 0.0)
        sharded = sharded + np.where(layouts.zero >= 3, memory["weights"] + memory.get("teacher", 0.0), 0.0)
        fragments = 1.0 + self.a["performance.fragmentation"]
        return self._used - 0.5 * sharded - share * fragments * memory["activations"]

    @cached_property
    def _used(self) -> Floats:
        return self.found.used

    @cached_property
    def _echo(self) -> Floats:
        """What a part of the layers makes a step longer by, over the part (n,): with the bubble and uneven stages."""
        layouts, depth = self.layouts, float(self.depth)
        chunks = layouts.pipeline * layouts.interleave
        uneven = np.ceil(depth / chunks) * chunks / depth
        return uneven + (layouts.pipeline - 1.0) / (layouts.interleave * self.found.micro_batches)

    @cached_property
    def _beside(self) -> Floats:
        """What is in no such proportion: stages whose layers the plan gives, and a teacher's passes [s] (n,)."""
        parts, given = self.found.parts, np.maximum(self.layouts.first_layers, self.layouts.last_layers) != UNSET
        taught = self._echo * parts["teacher"] + parts["imbalance"] if "teacher" in parts else 0.0
        return np.where(given, parts["imbalance"], 0.0) + taught

    @cached_property
    def _jitter(self) -> Floats:
        parts = self.found.parts
        return 1.0 + parts["jitter"] / (self.found.time - parts["jitter"] - parts["sites"])

    @cached_property
    def _context(self) -> Floats:
        tax = np.where(self.layouts.zero >= 2, 1.0 + self.a["performance.sharded_tax"], 1.0)
        again = np.where(self.layouts.recompute == RECOMPUTE.index("full"), _AGAIN, 1.0)
        return again * tax * self._echo * self.found.parts["context"] + self._beside

    @cached_property
    def _data(self) -> Floats:
        echo = np.where(self.layouts.zero >= 2, self._echo, 1.0)
        return echo * self.found.parts["data"] + self._beside

    @cached_property
    def _uneven(self) -> Floats:
        return self.found.parts["imbalance"] + self._beside
