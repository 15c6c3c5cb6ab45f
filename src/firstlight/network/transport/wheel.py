"""A wheel of time slots that packets wait in, compiled: within a slot they come in the order they were put there."""

from __future__ import annotations

from typing import Any

from firstlight.network.flows.compiled import kernel


@kernel
def put(state: Any, number: int, time: float, now: int, width: float) -> None:
    """Let a record wait for its time [s]; `now` is the slot that is being read, `width` of a slot [s].

    What lies beyond the wheel waits in its last slot, and is put again when that is read.
    """
    slots = state.first.size
    slot = min(max(int(time / width), now), now + slots - 1) % slots
    state.packets[number].time = time
    state.packets[number].next = -1
    last = state.last[slot]
    if last >= 0:
        state.packets[last].next = number
    else:
        state.first[slot] = number
    state.last[slot] = number


@kernel
def take(state: Any, now: int) -> int:
    """The next record of a slot; -1 where it is empty."""
    slot = now % state.first.size
    number = state.first[slot]
    if number >= 0:
        state.first[slot] = state.packets[number].next
        if state.first[slot] < 0:
            state.last[slot] = -1
    return number
