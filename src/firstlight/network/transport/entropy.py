"""Which entropy a sprayed packet gets, compiled."""

from __future__ import annotations

from typing import Any

from firstlight.network.flows.compiled import kernel
from firstlight.network.transport.dice import one_of


@kernel
def in_turn(flow: Any, values: int, dice: Any) -> int:
    """Oblivious spraying: all values, in an order that changes with each round."""
    value = (flow.index ^ flow.turn) & (values - 1)
    flow.index += 1
    if flow.index == values:
        flow.index, flow.turn = 0, one_of(dice, values)
    return value


@kernel
def recycled(state: Any, flow: int, values: int) -> int:
    """REPS: the oldest value that came back without a mark, or else any (Bonato et al., arXiv 2407.21625)."""
    place, new, _ = state.head[flow]
    if new == 0:
        return one_of(state.dice, values)
    kept = state.ring.shape[1]
    oldest = (place - new) % kept
    state.fresh[flow, oldest] = 0
    state.head[flow, 1] -= 1
    return state.ring[flow, oldest]


@kernel
def recycle(state: Any, flow: int, value: int) -> None:
    """REPS: keep a value that came back without a mark."""
    kept = state.ring.shape[1]
    place = state.head[flow, 0]
    state.head[flow, 1] = min(state.head[flow, 1] + (1 - state.fresh[flow, place]), kept)
    state.ring[flow, place], state.fresh[flow, place] = value, 1
    state.head[flow, 0] = (place + 1) % kept
