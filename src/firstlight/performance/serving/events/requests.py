"""Requests as arrays: when each comes, what it reads and writes, and which others it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Requests:
    """Requests in the order of their numbers; arrays [n].

    Attributes:
        arrival: earliest time [s].
        prompt: tokens to read, cached ones too.
        answer: tokens to write.
        cached: tokens of the prompt that a prefix cache holds.
        pause: between the end of the last request it waits for and its own arrival (a tool, a user, a verifier) [s].
        waits: how many others it waits for.
        successors, followers: those that wait for request i are followers[successors[i]:successors[i + 1]].
        affinity: requests with the same number share a prefix (a session, a system prompt); -1 is none.
        blocks, begins: numbers of the blocks of request i's prompt are blocks[begins[i]:begins[i + 1]]; requests with
            the same first blocks begin alike.
        block: tokens of a block.
    """

    arrival: Floats
    prompt: NDArray[np.int64]
    answer: NDArray[np.int64]
    cached: NDArray[np.int64]
    pause: Floats
    waits: NDArray[np.int64]
    successors: NDArray[np.int64]
    followers: NDArray[np.int64]
    affinity: NDArray[np.int64]
    blocks: NDArray[np.int64]
    begins: NDArray[np.int64]
    block: int

    def __len__(self) -> int:
        return len(self.arrival)

    @classmethod
    def of(
        cls,
        arrival: ArrayLike,
        prompt: ArrayLike,
        answer: ArrayLike,
        *,
        cached: ArrayLike = 0,
        pause: ArrayLike = 0.0,
        after: ArrayLike = (),
        affinity: ArrayLike = -1,
        blocks: Sequence[Sequence[int]] = (),
        block: int = 1,
    ) -> Requests:
        """Requests from numbers or arrays that broadcast to one per request.

        Args:
            arrival: [s]. prompt, answer, cached: tokens. pause: [s].
            after: pairs (request, request that waits for it) [m, 2].
            affinity: see the class.
            blocks: of each request's prompt, in numbers of any kind. block: tokens of a block.

        Raises:
            UsageError: a time, a length or a pair that cannot be; names the first.
        """
        start = np.atleast_1d(np.asarray(arrival, np.float64))
        wide = [
            np.broadcast_to(np.asarray(one, np.int64), start.shape).copy() for one in (prompt, answer, cached, affinity)
        ]
        breaks = np.broadcast_to(np.asarray(pause, np.float64), start.shape).copy()
        pairs = np.asarray(after, np.int64).reshape(-1, 2)
        _check(start, wide[0], wide[1], wide[2], breaks)
        _check_pairs(pairs, len(start))
        order = np.argsort(pairs[:, 0], kind="stable")
        counts = np.bincount(pairs[:, 0], minlength=len(start))
        return cls(
            start, wide[0], wide[1], wide[2], breaks,
            np.bincount(pairs[:, 1], minlength=len(start)).astype(np.int64),
            np.append(0, np.cumsum(counts)).astype(np.int64), pairs[order, 1], wide[3], *_numbered(blocks, len(start)),
            block,
        )  # fmt: skip


def _numbered(blocks: Sequence[Sequence[int]], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Blocks as numbers from 0 on, one after the other, and where those of each request begin."""
    if not blocks:
        return np.empty(0, np.int64), np.zeros(count + 1, np.int64)
    flat = np.concatenate([np.asarray(one, np.int64) for one in blocks])
    begins = np.append(0, np.cumsum([len(one) for one in blocks]))
    return np.unique(flat, return_inverse=True)[1].astype(np.int64), begins.astype(np.int64)


def _check(arrival: Floats, prompt: NDArray[np.int64], answer: NDArray[np.int64], cached: NDArray[np.int64],
           pause: Floats) -> None:  # fmt: skip
    wrong = {
        "an arrival that is negative or no time": ~(np.isfinite(arrival) & (arrival >= 0)),
        "a prompt without a token": prompt < 1,
        "an answer without a token": answer < 1,
        "more cached tokens than its prompt has, or fewer than none": (cached < 0) | (cached > prompt),
        "a pause that is negative or no time": ~(np.isfinite(pause) & (pause >= 0)),
    }
    for what, where in wrong.items():
        if where.any():
            raise UsageError(f"request {int(np.argmax(where))} has {what}; mend it, or leave the request out")


def _check_pairs(pairs: NDArray[np.int64], count: int) -> None:
    strange = (pairs < 0) | (pairs >= count)
    if strange.any():
        raise UsageError(f"a request waits for another that is not there: {pairs[strange.any(1)][0].tolist()}")
    left = np.bincount(pairs[:, 1], minlength=count)
    free, seen = np.flatnonzero(left == 0), 0
    order = np.argsort(pairs[:, 0], kind="stable")
    starts = np.searchsorted(pairs[order, 0], np.arange(count + 1))
    while len(free):
        seen += len(free)
        after = np.concatenate([pairs[order[starts[i] : starts[i + 1]], 1] for i in free]) if len(pairs) else free[:0]
        left -= np.bincount(after, minlength=count)
        free = np.unique(after[left[after] == 0])
    if seen < count:
        raise UsageError(f"requests wait for each other in a circle, among them request {int(np.argmax(left > 0))}")
