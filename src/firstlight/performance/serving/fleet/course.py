"""The course of a fleet as a fluid: requests per second, replicas that run, start and fail, and what waits.

Many replicas make rates and counts smooth, so a fleet of any size takes the same time: one step for each window. What a
single request sees is played on samples of the replicas (`fleet.play`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firstlight.spec.workload import Scaling
from firstlight.twin.protocols import Floats

LASTING = 4.0
"""Windows in which an autoscaler wants what waits to be worked off."""


@dataclass(frozen=True)
class Member:
    """One served model of a fleet.

    Attributes:
        name: model id.
        rate: requests in each window [1/s] (w,).
        capacity: that one replica takes [1/s].
        each: accelerators of a replica.
        replicas: that its placement holds.
        cold: time until a started replica answers [s].
        failures: of one replica [1/s]; seen: time until one is replaced [s].
        scaling: how replicas follow the requests; None: all run all the time.
    """

    name: str
    rate: Floats
    capacity: float
    each: int
    replicas: int
    cold: float
    failures: float
    seen: float
    scaling: Scaling | None = None

    @property
    def priority(self) -> int:
        """Of its scaling; 0 where it does not scale."""
        return self.scaling.priority if self.scaling else 0


@dataclass(frozen=True)
class Course:
    """What became of a member; arrays (w,).

    Attributes:
        member: whose.
        up, starting: replicas that answer, and that were started, at the beginning of each window.
        failed: replicas that failed in it.
        waiting: requests that the replicas could not take by its end.
        used: share of what the replicas could take.
    """

    member: Member
    up: NDArray[np.int64]
    starting: NDArray[np.int64]
    failed: NDArray[np.int64]
    waiting: Floats
    used: Floats

    @property
    def busiest(self) -> int:
        """The most replicas that answer."""
        return int(self.up.max())


@dataclass
class _State:
    """One member as the windows pass; `begin` has the windows in which started replicas answer."""

    member: Member
    up: int
    free: int = 0
    begin: deque[tuple[int, int]] = field(default_factory=deque)
    wanted: list[int] = field(default_factory=list)
    waiting: float = 0.0

    @property
    def starting(self) -> int:
        return sum(count for _, count in self.begin)

    @property
    def held(self) -> int:
        """Accelerators that run or start."""
        return (self.up + self.starting) * self.member.each


def course(members: Sequence[Member], window: float, random: np.random.Generator) -> list[Course]:
    """The course of all members, which share the accelerators of those that scale.

    In each window replicas fail (Poisson) and are started anew, started ones begin to answer, the replicas take what
    comes and what waits, and an autoscaler that looks at the last window's requests decides: it wants
    `rate / (target x capacity)` replicas, more where requests wait; it starts them at once, those of the highest
    priority first, taking replicas of a lower one where the accelerators are short, and stops what was not wanted for
    its patience.

    Args:
        members: whose rates have one length (w,). window: of the rates [s].
    """
    pool = sum(one.each * one.replicas for one in members if one.scaling)
    order = sorted(range(len(members)), key=lambda i: -members[i].priority)
    states = _states(members, order, pool)
    windows = len(members[0].rate)
    counts = np.zeros((len(members), 3, windows), np.int64)
    levels = np.zeros((len(members), 2, windows))
    for at in range(windows):
        for i, state in enumerate(states):
            counts[i, :, at], levels[i, :, at] = _pass(state, at, window, random)
        for i in order:
            if members[i].scaling:
                _scale(states, i, at, window, pool)
    return [Course(one, *counts[i], *levels[i]) for i, one in enumerate(members)]


def _states(members: Sequence[Member], order: Sequence[int], free: int) -> list[_State]:
    """Those that scale begin with their least, then with what their first rate wants, as far as the accelerators go."""
    states = [_State(one, 0 if one.scaling else one.replicas) for one in members]
    scaling = [(states[i], members[i].scaling or Scaling()) for i in order if members[i].scaling]
    wanted = [(state, known.least) for state, known in scaling]
    wanted += [(state, _wanted(state.member, float(state.member.rate[0]), 0.0)) for state, _ in scaling]
    for state, count in wanted:
        more = min(max(count - state.up, 0), free // state.member.each)
        state.up += more
        free -= more * state.member.each
    return states


def _wanted(member: Member, rate: float, waiting: float) -> int:
    """Replicas that a rate and what waits ask for [1/s]."""
    scaling = member.scaling or Scaling()
    return max(int(np.ceil((rate / scaling.target + waiting) / member.capacity - 1e-9)), scaling.least)


def _pass(
    state: _State, at: int, window: float, random: np.random.Generator
) -> tuple[tuple[int, int, int], tuple[float, float]]:
    """One window of a member: (up, starting, failed), (waiting, used)."""
    member = state.member
    while state.begin and state.begin[0][0] <= at:
        state.up += state.begin.popleft()[1]
    up, starting = state.up, state.starting
    failed = min(int(random.poisson(up * window * member.failures)), up)
    if failed:
        state.up -= failed
        state.begin.append((at + 1 + _windows(member.seen + member.cold - window / 2.0, window), failed))
        state.begin = deque(sorted(state.begin))
    room = (up - 0.5 * failed) * member.capacity * window
    asked = float(member.rate[at]) * window + state.waiting
    state.waiting = max(asked - room, 0.0)
    return (up, starting, failed), (state.waiting, min(asked / room, 1.0) if room else 1.0)


def _scale(states: list[_State], i: int, at: int, window: float, pool: int) -> None:
    """What the autoscaler of one member decides at the end of a window."""
    state, member = states[i], states[i].member
    scaling = member.scaling or Scaling()
    state.wanted.append(_wanted(member, float(member.rate[at]), state.waiting / (LASTING * window)))
    if (at + 1) % _windows(scaling.interval, window):
        return
    lately = max(state.wanted[-_windows(scaling.patience, window) :])
    more = state.wanted[-1] - state.up - state.starting
    if more > 0:
        free = pool - sum(one.held for one in states if one.member.scaling)
        free += _taken(states, i, more * member.each - free)
        count = min(more, free // member.each)
        if count > 0:
            state.begin.append((at + 1 + _windows(member.cold, window), count))
            state.begin = deque(sorted(state.begin))
    elif lately < state.up + state.starting:
        state.up -= min(state.up + state.starting - lately, state.up)


def _taken(states: list[_State], i: int, needed: int) -> int:
    """Accelerators that members of a lower priority give up for a member; they keep their least."""
    own, given = states[i].member.priority, 0
    lower = [one for one in states if one.member.scaling and one.member.priority < own]
    for one in sorted(lower, key=lambda state: state.member.priority):
        spare = max(one.up - (one.member.scaling or Scaling()).least, 0)
        count = min(spare, -(-max(needed - given, 0) // one.member.each))
        one.up -= count
        given += count * one.member.each
    return given


def _windows(time: float, window: float) -> int:
    return max(int(np.ceil(time / window - 1e-9)), 1)
