"""What is timed: one kernel at one shape, and who times it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Cells = Mapping[str, str | int]


@dataclass(frozen=True)
class Job:
    """One row of a table, but for its time.

    Attributes:
        operation: of the table.
        kernel: what runs, as its column `kernel_source` says it.
        cells: shape and number types, by column.
    """

    operation: str
    kernel: str
    cells: Cells

    def size(self, name: str) -> int:
        """A cell that is a number."""
        return int(self.cells[name])

    def text(self, name: str) -> str:
        """A cell that is a text."""
        return str(self.cells[name])


class Bench(Protocol):
    """Times kernels on some accelerator."""

    @property
    def framework(self) -> str:
        """What runs them, with its release ("torch/2.11.0")."""
        ...

    def seconds(self, job: Job) -> float:
        """Time of one call, median of repeats [s].

        Raises:
            CannotRun: this software or this accelerator cannot run it.
        """
        ...

    def sustained(self, job: Job, seconds: float) -> Sequence[Mapping[str, float]]:
        """The same call again and again: samples of "elapsed" [s], "latency" [s], and where the driver tells them
        "clock" [Hz] and "power" [W].
        """
        ...


class CannotRun(Exception):
    """A kernel that does not run here, and why."""


def interleaved(lists: Sequence[Sequence[Job]], seed: int = 0) -> list[Job]:
    """All jobs of some operations, each operation in random order and spread over the whole: wherever time runs out,
    every operation has the same share of its rows.
    """
    draw = np.random.default_rng(np.random.SeedSequence(seed))
    placed = [
        ((place + 0.5) / len(jobs), jobs[index])
        for jobs in lists
        for place, index in enumerate(draw.permutation(len(jobs)).tolist())
    ]
    return [job for _, job in sorted(placed, key=lambda pair: pair[0])]
