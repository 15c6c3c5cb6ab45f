"""Which workload gets how many accelerators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from firstlight.design.size import Share, Sizer
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.flops import forward_flops, training_flops
from firstlight.spec import models, teachers
from firstlight.spec.workload import Serving, Training


def place(demand: Sequence[Training | Serving], sizer: Sizer, most: int, *, fill: bool) -> tuple[Share, ...]:
    """A share of the factory for each workload, in the demand's order.

    Serving comes first, on the fewest accelerators that meet its rate and limits. Runs with a deadline take the fewest
    that meet it where the factory may be smaller, or where other runs without one can use the rest. Those others share
    what is left in proportion to their compute. Where the count is given and every run has a deadline, they share all
    of it, so that each has the same time in hand; where there are no runs, the last model served gets the rest.

    Args:
        demand: what the factory must do.
        sizer: of one system and fabric.
        most: accelerators at hand, spares taken off.
        fill: the accelerators are there and want work; otherwise the fewest are sought.

    Raises:
        InfeasibleError: it takes more than there are, or a limit cannot be met at any number.
    """
    shares: dict[int, Share] = {}
    runs = {index: workload for index, workload in enumerate(demand) if isinstance(workload, Training)}
    hurried = {index: run for index, run in runs.items() if run.within is not None}
    sharing = hurried if fill and len(hurried) == len(runs) else {i: r for i, r in runs.items() if i not in hurried}

    def left() -> int:
        return most - sum(share.placement.accelerators for share in shares.values())

    for index, workload in enumerate(demand):
        if isinstance(workload, Serving):
            shares[index] = sizer.serve(workload, _some(left(), f"serve {workload.serve}", most))
    for index, run in hurried.items():
        if index not in sharing:
            in_hand = 1 - sizer.a["design.reserve"]
            shares[index] = sizer.train_within(
                run, (run.within or 0.0) * in_hand, _some(left(), f"train {run.train}", most)
            )
    weights = {index: _weight(run, sizer) for index, run in sharing.items()}
    for index, run in sharing.items():
        part = weights[index] / sum(weight for other, weight in weights.items() if other not in shares)
        shares[index] = sizer.train(run, _some(int(left() * part), f"train {run.train}", most))
    if fill and not runs:
        last = max(shares)
        shares[last] = _grown(shares[last], left())
    return tuple(shares[index] for index in sorted(shares))


def _weight(run: Training, sizer: Sizer) -> float:
    """Compute of a run and of its teacher [FLOP], over its deadline where it has one [FLOP/s]."""
    model, teacher = models.find(run.train, sizer.base), teachers.find(run, sizer.base)
    each = training_flops(model, run.sequence) + (forward_flops(teacher, run.sequence) if teacher else 0.0)
    return each * run.tokens / run.sequence / (run.within or 1.0)


def _some(count: int, purpose: str, most: int) -> int:
    if count > 0:
        return count
    if most <= 0:
        limit = Limit("design.spare", f"some to {purpose}", "none", "Lower design.spare, or give it more accelerators.")
        raise InfeasibleError("hot spares take the whole factory:", (limit,))
    remedy = "Lower the rates that are served, or give the factory more power and floor."
    limit = Limit("design.accelerators", f"some to {purpose}", f"none of {most:,} left", remedy)
    raise InfeasibleError("the other workloads take the whole factory:", (limit,))


def _grown(share: Share, more: int) -> Share:
    """A served model with all further replicas that go into so many accelerators."""
    layout = share.placement.serving
    if layout is None or more <= 0:
        return share
    each = layout.accelerators
    count = share.placement.accelerators + more // each * each
    reason = f"{share.reason}; then all replicas that the factory holds" if more >= each else share.reason
    return replace(share, placement=share.placement.model_copy(update={"accelerators": count}), reason=reason)
