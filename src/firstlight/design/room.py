"""How many accelerators a site has power and floor for."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from firstlight import units
from firstlight.design.settle import Setting, settle
from firstlight.errors import InfeasibleError, Limit
from firstlight.evaluate.build import build
from firstlight.evaluate.hand import Steady
from firstlight.facility import year
from firstlight.facility.result import FacilityResult
from firstlight.spec.plan import Plan

_TRIAL = 4096
_CLOSE = 0.995
_TRIALS = 8


@dataclass(frozen=True)
class Room:
    """What binds the size of a factory.

    Attributes:
        accelerators: the most that the site holds, whole systems.
        binds: "site.power" or "site.floor".
    """

    accelerators: int
    binds: str


def most_accelerators(plan: Plan, setting: Setting) -> Room:
    """The most accelerators of a system that the site has power and floor for, by building smaller and larger ones.

    Args:
        plan: its system is resolved; its count is not read.
        setting: of the proposal.

    Raises:
        InfeasibleError: not even one system.
    """
    each = setting.made_of.system.accelerators
    count, low, high, binds = setting.made_of.whole(_TRIAL, up=True), 0, math.inf, "site.power"
    for trial in itertools.count():
        facility = _trial(plan, setting, count)
        binds, share = _binding(facility)
        if share <= 1:
            low = count
        else:
            high = count
        if _CLOSE <= share <= 1 or high - low <= each or (low and trial >= _TRIALS):
            break
        # Floor goes by whole rows and halls: where proportion does not find it soon, halving does.
        guess = _guess(count, share, each) if trial < _TRIALS / 2 else 0
        count = setting.made_of.whole(_between(guess, low, high, each), up=False)
        if count <= low:
            break
    if not low:
        raise _too_small(setting.made_of.system.id, _trial(plan, setting, each))
    return Room(low, binds)


def _guess(count: int, share: float, each: int) -> int:
    """By proportion, a little on the safe side."""
    return math.floor(count / share * (1 + _CLOSE) / 2 / each) * each


def _between(guess: int, low: int, high: float, each: int) -> int:
    """The guess, or a count in the middle, between the largest that fitted and the smallest that did not."""
    if low < guess < high:
        return guess
    middle = low + each if math.isinf(high) else (low + int(high)) // 2
    return max(middle // each * each, low + each)


def _trial(plan: Plan, setting: Setting, count: int) -> FacilityResult:
    trial, _ = settle(plan, setting, count)
    factory = build(trial, setting.catalog, setting.a).factory
    return year(plan.site, trial.design, factory, Steady(1.0), setting.catalog, setting.a, setting.base)


def _binding(facility: FacilityResult) -> tuple[str, float]:
    """The limit that is used the most, and its share in use."""
    shares = {
        "site.power": facility.peak / facility.available,
        "site.floor": facility.floor_used / facility.floor_available,
    }
    binds = max(shares, key=lambda name: shares[name])
    return binds, shares[binds]


def _too_small(system: str, one: FacilityResult) -> InfeasibleError:
    limits = [
        Limit("site.power", units.show(one.peak, "power"), units.show(one.available, "power"), "Give it more power.",
              one.peak / one.available),
        Limit("site.floor", units.show(one.floor_used, "area"), units.show(one.floor_available, "area"),
              "Give it more floor.", one.floor_used / one.floor_available),
    ]  # fmt: skip
    broken = (one.peak > one.available, one.floor_used > one.floor_available)
    bound = tuple(limit for limit, breaks in zip(limits, broken, strict=True) if breaks)
    return InfeasibleError(f"the site does not hold a single {system}:", bound)
