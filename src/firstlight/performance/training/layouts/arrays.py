"""Many training layouts as arrays, and one workload on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.spec.design import (
    ActivationType,
    Average,
    ContextKind,
    DispatchType,
    GradientType,
    Module,
    MomentType,
    Offload,
    Recomputation,
    Schedule,
    TrainingLayout,
)
from firstlight.twin.protocols import Floats, Ints

RECOMPUTE: tuple[str, ...] = get_args(Recomputation)
SCHEDULES: tuple[str, ...] = get_args(Schedule)
CONTEXTS: tuple[str, ...] = get_args(ContextKind)
GRADIENTS: tuple[str, ...] = get_args(GradientType)
MOMENTS: tuple[str, ...] = get_args(MomentType)
DISPATCHES: tuple[str, ...] = get_args(DispatchType)
OFFLOADS: tuple[str, ...] = get_args(Offload)
MODULES: tuple[str, ...] = get_args(Module)
ACTIVATIONS: tuple[str, ...] = get_args(ActivationType)
AVERAGES: tuple[str, ...] = get_args(Average)
WORDS = {
    "recompute": RECOMPUTE, "schedule": SCHEDULES, "context_kind": CONTEXTS, "gradients": GRADIENTS, "moments": MOMENTS,
    "dispatch": DISPATCHES, "activations": ACTIVATIONS, "average": AVERAGES,
}  # fmt: skip
"""Fields whose words are kept as their place in a list: recompute none is 0, selective 1, full 2."""
SETS = {"offload": OFFLOADS, "recompute_modules": MODULES}
"""Fields that are any of some words: a bit for each."""
UNSET = -1
"""A number of layers that a layout leaves open."""


@dataclass(frozen=True)
class Layouts:
    """Training layouts, one per element; fields as in `spec.design.TrainingLayout`. Arrays of equal shape (n,).

    Words are their place in `WORDS`, fields of `SETS` have a bit for each word, a shard that is left out is 0. Fields
    with a default may be left out.
    """

    tensor: Ints
    pipeline: Ints
    interleave: Ints
    context: Ints
    expert: Ints
    zero: Ints
    micro_batch: Ints
    recompute: Ints
    shard: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    schedule: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    first_layers: Ints = field(default_factory=lambda: np.full((), UNSET, np.int64))
    last_layers: Ints = field(default_factory=lambda: np.full((), UNSET, np.int64))
    context_kind: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    expert_tensor: Ints = field(default_factory=lambda: np.ones((), np.int64))
    dispatch: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    gradients: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    moments: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    offload: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    recompute_modules: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    activations: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    average: Ints = field(default_factory=lambda: np.zeros((), np.int64))
    sites: Ints = field(default_factory=lambda: np.ones((), np.int64))
    site_link: Floats = field(default_factory=lambda: np.full((), np.inf))
    synchronise: Ints = field(default_factory=lambda: np.ones((), np.int64))
    fragments: Ints = field(default_factory=lambda: np.ones((), np.int64))

    def __post_init__(self) -> None:
        for each in fields(self):
            values = getattr(self, each.name)
            if np.shape(values) != self.tensor.shape:
                object.__setattr__(self, each.name, np.broadcast_to(values, self.tensor.shape))

    def __len__(self) -> int:
        return len(self.tensor)

    @classmethod
    def of(cls, given: Iterable[TrainingLayout]) -> Layouts:
        """Arrays of some layouts."""
        rows = tuple(given)
        columns = {each.name: [_number(each.name, getattr(one, each.name)) for one in rows] for each in fields(cls)}
        links = np.asarray(columns.pop("site_link"), dtype=float)
        return cls(**{name: np.asarray(column, dtype=np.int64) for name, column in columns.items()}, site_link=links)

    @classmethod
    def join(cls, pieces: Sequence[Layouts]) -> Layouts:
        """Some layouts after the others."""
        return cls(*(np.concatenate([getattr(piece, each.name) for piece in pieces]) for each in fields(cls)))

    def take(self, index: Ints) -> Layouts:
        """Some of the layouts, by index or mask."""
        places = np.flatnonzero(index) if np.asarray(index).dtype == np.bool_ else index
        columns = (getattr(self, each.name) for each in fields(self))
        others = (one[0] if same(one) else one[places] for one in islice(columns, 1, None))
        return Layouts(self.tensor[places], *others)

    def one(self, index: int) -> TrainingLayout:
        """One layout as a document."""
        values = {each.name: _word(each.name, getattr(self, each.name)[index]) for each in fields(self)}
        return TrainingLayout.model_validate({name: value for name, value in values.items() if value is not None})

    def runs(self, schedule: str) -> NDArray[np.bool_]:
        """The layouts with this schedule (n,), boolean."""
        return self.schedule == SCHEDULES.index(schedule)

    def offloads(self, what: str) -> NDArray[np.bool_]:
        """The layouts that keep this in the host's memory (n,), boolean."""
        return (self.offload >> OFFLOADS.index(what) & 1) == 1

    def averages(self, where: str) -> NDArray[np.bool_]:
        """The layouts that keep a moving average of the parameters there (n,), boolean."""
        return self.average == AVERAGES.index(where)

    def again(self, module: str) -> NDArray[np.bool_]:
        """The layouts that name this module among those that are computed again (n,), boolean."""
        named = (self.recompute_modules >> MODULES.index(module) & 1) == 1
        return named & (self.recompute == RECOMPUTE.index("selective"))


def same(values: NDArray[Any]) -> bool:
    """One number that was spread over an array; False says nothing."""
    return values.strides == (0,) and len(values) > 0


def _number(name: str, value: Any) -> float:
    """A field of the document as its array has it."""
    if name in WORDS:
        return WORDS[name].index(value)
    if name in SETS:
        return sum(1 << SETS[name].index(what) for what in set(value))
    if value is None:
        return {"site_link": np.inf, "shard": 0}.get(name, UNSET)
    return value


def _word(name: str, value: Any) -> Any:
    """An array's element as the document has it; None where the field was left out."""
    if name in WORDS:
        return WORDS[name][int(value)]
    if name in SETS:
        return tuple(what for bit, what in enumerate(SETS[name]) if int(value) >> bit & 1)
    if name == "site_link":
        return units.exact(float(value), "bandwidth") if np.isfinite(value) else None
    left_out = 0 if name == "shard" else UNSET
    return None if int(value) == left_out else int(value)
