"""Fitted times of exchanges of routed tokens: DeepEP's two modes, and the two-sided all-to-all over NVLink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from firstlight.network.collectives.timed import shapes
from firstlight.network.collectives.timed.operations import shipped
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.device import Device, columns
from firstlight.timings.predict import SISTERS, Predicted, predict
from firstlight.twin.protocols import Floats

UNITS = 24.0
"""Compute units of DeepEP's normal mode, its usual number."""
BYTES = {"dispatch": 1.03, "combine": 2.0}
"""Bytes of a value: fp8 with its scales on the way to the experts, 16 bits on the way back."""
SLACK = 0.05
"""How far a shape may lie beyond the timed ones, in doublings."""


@dataclass(frozen=True)
class Exchange:
    """What a rank sends.

    Attributes:
        phase: "dispatch" or "combine".
        tokens: of a rank; active: experts of a token; experts: of all ranks.
        each: bytes of a token [B].
        inner, domains: ranks of a scale-up domain, and domains.
    """

    phase: str
    tokens: float
    active: float
    experts: float
    each: float
    inner: int
    domains: int

    @property
    def hidden(self) -> float:
        """Width of a token."""
        return self.each / BYTES[self.phase]


def exchanges(asked: Exchange, one: Device) -> Mapping[str, Predicted]:
    """Times by library of those that were timed on this accelerator or its sisters, near such shapes; may be none."""
    built = {
        "DeepEP low latency": _low_latency(asked, one),
        "DeepEP normal": _normal(asked, one),
        "NVLink two-sided": _two_sided(asked, one),
    }
    found: dict[str, Predicted] = {}
    for name, case in built.items():
        if case is not None and _near(case):
            tried = predict(case, shipped())
            if tried.basis[0] <= SISTERS:
                found[name] = tried
    return found


def _low_latency(asked: Exchange, one: Device) -> Cases | None:
    sizes = tuple(np.array([x]) for x in (asked.tokens, asked.active, asked.experts, asked.each, asked.domains))
    return _deepep("deepep_ll", "low-latency", asked, one, shapes.low_latency(*sizes), ())


def _normal(asked: Exchange, one: Device) -> Cases | None:
    sizes = tuple(np.array([x]) for x in (asked.tokens, asked.active, asked.each, asked.domains, one.node, UNITS))
    return _deepep("deepep_normal", "normal", asked, one, shapes.normal(*sizes), (UNITS,))


def _deepep(
    operation: str, mode: str, asked: Exchange, one: Device, shape: shapes.Shape, more: tuple[float, ...]
) -> Cases | None:
    """A call over whole nodes."""
    if asked.inner != one.node:
        return None
    place = (asked.tokens, asked.active, asked.hidden, asked.experts, asked.domains, *more)
    style = "inter" if asked.domains > 1 else "intra"
    return _case(operation, f"{asked.phase} {mode}", style, "sglang:", shape, one, place)


def _two_sided(asked: Exchange, one: Device) -> Cases | None:
    if asked.domains > 1:
        return None
    copies = np.minimum(float(asked.inner), asked.active)
    tokens, each, ranks = (np.array([x]) for x in (asked.tokens, asked.each, float(asked.inner)))
    shape = shapes.domain(tokens, each, np.array([copies]), ranks)
    place = (asked.tokens, asked.inner, asked.active, asked.hidden, asked.experts)
    return _case("trtllm_alltoall", f"{asked.phase} fp8", "library", "trtllm:NVLinkTwoSided", shape, one, place)


def _case(
    operation: str, dtype: str, style: str, kernel: str, shape: shapes.Shape, one: Device, place: tuple[float, ...]
) -> Cases:
    texts = (np.array([text]) for text in (dtype, style, kernel, "", one.id, one.generation))
    values: dict[str, Floats] = {**columns(one, 1), "latency": np.array([one.peer]), **shape}
    return Cases(operation, Labels(*texts), values, np.log2(np.maximum([place], 1e-3)))


def _near(case: Cases) -> bool:
    """The shape lies among those that were timed in this style."""
    anchors = shipped().operations[case.operation].anchors
    alike = (anchors.labels.style == case.labels.style[0]) & (anchors.labels.dtype == case.labels.dtype[0])
    if not alike.any():
        return False
    low, high = anchors.place[alike].min(axis=0), anchors.place[alike].max(axis=0)
    return bool(np.all((case.place[0] >= low - SLACK) & (case.place[0] <= high + SLACK)))
