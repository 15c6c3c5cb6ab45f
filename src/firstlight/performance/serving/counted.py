"""What of the requests that were played counts, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.serving.events import Requests, Served
from firstlight.performance.serving.limits import met
from firstlight.performance.serving.serve import PERCENTILES
from firstlight.spec.workload import Loop, Questions, Serving, Users
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

WARM, TAIL = 0.2, 0.05
"""Shares of a random stream at its beginning and end that do not count: batches fill up, and run empty."""
BATCHES = 10
"""Parts of the stream whose medians tell the sampling error (batch means)."""


def belong(asked: Questions | None) -> bool:
    """Requests belong to questions or tasks that end."""
    return asked is not None and not isinstance(asked, Loop | Users)


@dataclass(frozen=True)
class Counted:
    """Requests that were played, and those of them that count.

    Attributes:
        served, requests: all of them.
        asked: those that count, answered or not [n]; all or none of a question.
        begin, end: time in which the rates are taken: as many requests end in it as begin [s].
    """

    served: Served
    requests: Requests
    asked: NDArray[np.bool_]
    begin: float
    end: float

    @classmethod
    def of(cls, served: Served, requests: Requests, questions: Questions | None, *, traced: bool) -> Self:
        """Requests of a trace all count; of a random stream those in its middle; of users those that were answered
        while all of them still asked."""
        finish = served.finish[~np.isnan(served.finish)]
        if isinstance(questions, Users):
            last = served.finish[requests.successors[1:] == requests.successors[:-1]]
            until = float(np.nanmin(last)) if not np.isnan(last).all() else 0.0
            within = (served.finish >= WARM * until) & (served.finish <= until)
            return cls(served, requests, within, WARM * until, until)
        if traced:
            ends = (float(finish.min()), float(finish.max())) if len(finish) else (0.0, 0.0)
            return cls(served, requests, np.ones(len(requests), bool), *ends)
        place = np.argsort(np.argsort(requests.arrival, kind="stable"), kind="stable") / len(requests)
        found = cls(served, requests, (place >= WARM) & (place < 1.0 - TAIL), 0.0, float(requests.arrival.max()))
        took = found.questions() if belong(questions) else np.zeros(1)
        full = min(float(took.max(initial=0.0)), found.end / 2.0)  # until as many end as begin
        return cls(served, requests, found.asked, max(WARM * found.end, full), found.end)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Those that count and were answered [n]."""
        return self.asked & ~np.isnan(self.served.finish)

    def rates(self) -> tuple[float, float]:
        """Requests that end in the time of the rates, and their output tokens [1/s]."""
        ended = (self.served.finish >= self.begin) & (self.served.finish <= self.end)
        span = self.end - self.begin
        if ended.sum() < 2 or span <= 0:
            return 0.0, 0.0
        return float(ended.sum()) / span, float(self.served.answer[ended].sum()) / span

    def questions(self) -> Floats:
        """Time from each question to its last answer [s]; of those of which all requests count."""
        which, place = np.unique(self.requests.affinity, return_inverse=True)
        begin, end, whole = np.full(len(which), np.inf), np.zeros(len(which)), np.ones(len(which), bool)
        np.minimum.at(begin, place, self.requests.arrival)
        np.maximum.at(end, place, np.nan_to_num(self.served.finish, nan=np.inf))
        np.logical_and.at(whole, place, self.counted)
        return (end - begin)[whole & np.isfinite(end)]

    def in_time(self, period: float) -> float:
        """Share of the answers that are whole within a period."""
        counted = self.counted
        took = self.served.finish[counted] - self.served.sent[counted]
        return float(np.mean(took <= period)) if len(took) else 0.0

    def within(self, workload: Serving) -> float | None:
        """Share of the requests within the limits; those that were refused are not. None where no request counts."""
        first, token = self.served.first_token[self.asked], self.served.per_token[self.asked]
        return float(np.mean(met(workload, first, token))) if self.asked.any() else None

    def sampling(self) -> float:
        """Standard error of the median time to the first token, relative (batch means over time)."""
        order = np.argsort(self.served.sent[self.counted], kind="stable")
        known = self.served.first_token[self.counted][order]
        if len(known) < 2 * BATCHES:
            return float("nan")
        medians = [float(np.median(part)) for part in np.array_split(known, BATCHES)]
        return float(np.std(medians, ddof=1) / np.sqrt(BATCHES) / np.mean(medians))


def percentiles(times: NDArray[np.float64], like: Prediction) -> dict[str, Prediction]:
    """Percentiles, as uncertain as the closed form's median."""
    known = times[~np.isnan(times)]
    if not len(known):
        return {}
    return {
        f"p{share}": like.scaled(float(np.percentile(known, share)) / like.p50) for share in PERCENTILES
    }  # fmt: skip
