"""Which workload gets how many accelerators, with a sizer of two lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from firstlight.design.place import place
from firstlight.design.size import Share
from firstlight.errors import InfeasibleError
from firstlight.spec.design import Placement, ServingLayout, TrainingLayout
from firstlight.spec.workload import Serving, Training

DAY = 86400.0


@dataclass(frozen=True)
class FakeSizer:
    """Serving takes one replica of 8 for each request a second; training 1,000 accelerator-days for each 1T tokens."""

    a: dict[str, float]
    base: Path = Path()

    def serve(self, workload, most):
        count = 8 * int(workload.requests)
        if count > most:
            raise InfeasibleError("too many")
        return Share(workload, Placement(accelerators=count, serving=ServingLayout(tensor=8)), "")

    def train(self, workload, most):
        time = workload.tokens / 1e12 * 1000 * DAY / most
        return Share(workload, Placement(accelerators=most, training=TrainingLayout()), "", time)

    def train_within(self, workload, time, most):
        count = -(-int(workload.tokens / 1e12 * 1000 * DAY / time * 1.0001) // 8) * 8
        if count > most:
            raise InfeasibleError("too late")
        return self.train(workload, count)


SIZER = FakeSizer({"design.reserve": 0.02})


def train(tokens: str = "1T", **fields) -> Training:
    return Training.model_validate({"train": "llama-3.1-8b", "tokens": tokens, **fields})


def serve(rate: str = "2 /s") -> Serving:
    return Serving.model_validate({"serve": "llama-3.1-8b", "requests": rate, "prompt": 100, "answer": 100})


def counts(*demand, most: int, fill: bool) -> list[int]:
    return [share.placement.accelerators for share in place(demand, SIZER, most, fill=fill)]


def test_serving_comes_first_and_a_run_gets_the_rest():
    assert counts(train(), serve("2 /s"), most=100, fill=True) == [84, 16]


def test_runs_share_the_rest_by_their_compute():
    assert counts(train("1T"), train("3T"), most=400, fill=True) == [100, 300]


def test_a_deadline_takes_the_fewest_where_another_run_can_use_the_rest():
    hurried, patient = counts(train("1T", within="20 days"), train("1T"), most=400, fill=True)
    assert hurried == 56  # 1,000 accelerator-days in 19.6 days, in whole systems
    assert hurried + patient == 400


def test_deadlines_share_all_of_a_given_factory():
    assert counts(train("1T", within="20 days"), train("1T", within="10 days"), most=300, fill=True) == [100, 200]


def test_deadlines_take_the_fewest_of_a_site():
    assert counts(train("1T", within="20 days"), serve("1 /s"), most=4000, fill=False) == [56, 8]


def test_serving_fills_a_given_factory_with_whole_replicas():
    assert counts(serve("2 /s"), most=103, fill=True) == [96]
    assert counts(serve("2 /s"), most=103, fill=False) == [16]


def test_nothing_left_for_a_run_is_said():
    with pytest.raises(InfeasibleError, match="take the whole factory"):
        counts(serve("4 /s"), train(), most=32, fill=True)
