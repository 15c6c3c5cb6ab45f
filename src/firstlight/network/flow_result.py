"""What a simulation of traffic answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True)
class LinkLoad:
    """A link in front of which packets found no room.

    Attributes:
        bundle: "node-leaf", "leaf-spine", ...
        link: number in the bundle; upward: from its lower end to its upper one.
        trimmed: packets that found its queue full.
    """

    bundle: str
    link: int
    upward: bool
    trimmed: int


@dataclass(frozen=True, repr=False)
class FlowResult(Result):
    """Traffic on a fabric."""

    kind: str = quantity("", "fabric kind")
    endpoints: int = quantity("", "endpoints of the fabric")
    flows: int = quantity("", "flows")
    routing: str = quantity("", "how packets choose among equal paths")
    method: str = quantity("", '"packets": each was simulated; "fluid": max-min fair rates with corrections')
    makespan: Prediction = quantity("s", "from the first start to the last flow's end, acknowledgement included")
    completion: Floats = quantity("s", "end of each flow, in one draw of median makespan")
    worst: tuple[LinkLoad, ...] = quantity("", "links that trimmed most packets in that draw")
    notes: tuple[str, ...] = quantity("", "what the answer rests on, and what it leaves out")
