"""The whole space: against a loop over everything, and against the rules of a layout."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.training import Layouts, space, steps
from firstlight.performance.training.layouts.once import distinct
from firstlight.performance.training.space.check import check
from firstlight.performance.training.space.every import LEAST_TOKENS, divisors, every
from firstlight.spec.design import TrainingLayout

from ..conftest import MODELS, SYSTEM, asked, shipped, work

NAMES = ("tensor", "pipeline", "interleave", "context", "expert", "zero", "micro_batch", "recompute", "expert_tensor")


def rows(layouts: Layouts) -> set[tuple[int, ...]]:
    return set(zip(*(getattr(layouts, name).tolist() for name in NAMES), strict=True))


def slow(asked) -> set[tuple[int, ...]]:
    """Every layout in the ranges, kept where the rules of a layout let it pass and the batch fills it."""
    run, accelerators, depth = asked.workload, asked.accelerators, asked.depth
    ranges = (
        range(1, accelerators + 1), range(1, accelerators + 1), range(1, depth + 3), range(1, accelerators + 1),
        range(1, 7), range(1, int(run.batch / run.sequence) + 1), (False, True),
    )  # fmt: skip
    found = set()
    for tensor, pipeline, interleave, context, expert, micro_batch, split in itertools.product(*ranges):
        group = tensor * pipeline * context
        if group > accelerators or (context > 1 and run.sequence // context < LEAST_TOKENS):
            continue
        data = accelerators // group
        parts = tensor if split and tensor <= SYSTEM.scale_up_domain else 1
        if round(run.batch / run.sequence) % (data * micro_batch) or (tensor * context * data) % (expert * parts):
            continue
        layout = TrainingLayout(
            tensor=tensor, pipeline=pipeline, interleave=interleave, context=context, expert=expert,
            micro_batch=micro_batch, expert_tensor=parts,
        )  # fmt: skip
        try:
            check(asked, layout)
        except UsageError:
            continue
        more = itertools.product(range(4), range(3))
        found |= {
            (tensor, pipeline, interleave, context, expert, zero, micro_batch, level, parts) for zero, level in more
        }  # fmt: skip
    return found


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(("accelerators", "sequences"), [(1, 3), (4, 8), (6, 24), (7, 16)])
def test_the_space_is_what_a_loop_over_everything_finds(kind, accelerators, sequences):
    run = asked(work(sequences), MODELS[kind], accelerators)
    found = every(run)
    chunks = [*found.chunks(500)]
    assert all(len(chunk) <= 500 for chunk in chunks)
    assert sum(map(len, chunks)) == len(found)
    every_row = set().union(*map(rows, chunks))
    assert len(every_row) == len(found)
    assert every_row == slow(run)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("accelerators", [8, 24, 64])
def test_the_thinned_space_lies_in_the_whole_one_where_micro_batches_are_full(kind, accelerators):
    run = asked(work(96, sequence=8192), MODELS[kind], accelerators)
    whole = set().union(*map(rows, every(run).chunks(10_000)))
    thin = space(run)
    data = accelerators // (thin.tensor * thin.pipeline * thin.context)
    full = thin.take(96 % (data * thin.micro_batch) == 0)
    assert len(full)
    assert rows(full) <= whole


def test_a_batch_that_is_open_is_filled_by_every_layout():
    run = asked(work(100, sequence=8192), accelerators=24)
    whole = set().union(*map(rows, every(run, is_open=True).chunks(10_000)))
    assert rows(space(run)) <= whole
    assert {row[6] for row in whole} >= {1, 2, 3, 4, 8, 16, 32, 64, 5, 25}
    for tensor, pipeline, interleave, context, _, _, micro_batch, *_ in whole:
        data = 24 // (tensor * pipeline * context)
        assert data * micro_batch <= 100
        assert interleave == 1 or round(100 / (data * micro_batch)) >= pipeline


@given(st.integers(1, 5000))
def test_divisors(whole):
    assert divisors(whole) == [d for d in range(1, whole + 1) if whole % d == 0]


@given(st.integers(1, 60).flatmap(lambda n: st.lists(
    st.lists(st.integers(0, 10**7), min_size=n, max_size=n), min_size=1, max_size=4
)))  # fmt: skip
def test_distinct_numbers_the_kinds_of_rows(columns):
    table = np.asarray(columns, np.int64)
    first, kind = distinct([*table])
    assert len(first) == len({tuple(row) for row in table.T.tolist()})
    assert np.array_equal(table[:, first[kind]], table)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("overrides", [{}, {"fused_attention": "0"}])
def test_a_layout_among_many_is_as_it_is_alone(kind, overrides):
    """What is computed once for many layouts depends on nothing else of them."""
    run = asked(work(24, precision="fp8"), MODELS[kind], 24, a=shipped(**overrides))
    (many,) = every(run).chunks(10**7)
    together = steps(run, many)
    for index in np.random.default_rng(0).choice(len(many), 300, replace=False):
        alone = steps(run, many.take(np.asarray([index])))
        assert alone.time[0] == pytest.approx(together.time[index], rel=1e-12)
        assert alone.used[0] == pytest.approx(together.used[index], rel=1e-12)
        for name, time in alone.parts.items():
            assert time[0] == pytest.approx(together.parts[name][index], rel=1e-9, abs=1e-15), name


@pytest.mark.parametrize("chips", [12, 25])
def test_every_layout_of_the_space_can_be_run(chips):
    run = asked(work(50), accelerators=chips)
    for layouts in every(run).chunks(100_000):
        for index in np.random.default_rng(1).choice(len(layouts), 100, replace=False):
            check(run, layouts.one(int(index)))


def test_many_more_than_calculon_tries():
    """GPT-3 175B on 4,096 A100: Calculon's search has 74,712 configurations."""
    from firstlight.spec import models

    run = asked(work(4096, sequence=2048), models.find("gpt-3-175b"), 4096)
    assert len(every(run)) > 2 * 74_712
    assert len(every(replace(run, accelerators=1))) > 0
