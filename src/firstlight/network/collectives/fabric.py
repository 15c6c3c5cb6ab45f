"""The time of collectives on one factory's fabric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.levels import TwoLevels
from firstlight.network.collectives.mesh import Mesh, mesh
from firstlight.network.topology import RailOnly, Slices, Torus, slice_size
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import Accelerator, Nic, System
from firstlight.twin.protocols import Floats, Operation, Topology


@final
@dataclass(frozen=True)
class FabricTime:
    """Seconds of a collective; see `CollectiveTime`.

    Attributes:
        domain: accelerators of a scale-up domain: the greatest first level of a group.
        model: of the fabric's kind.
    """

    domain: int
    model: TwoLevels | Mesh

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """Time [s] of a collective of `size` [B] over `group` (members of a domain, domains); everything broadcasts.

        Raises:
            UsageError: not two levels, a level below one, or more members than a domain has.
        """
        if len(group) != 2:
            raise UsageError(f"a group has two levels (in one domain, across domains), not {len(group)}")
        inner, outer = (np.asarray(level, np.float64) for level in group)
        if np.any(inner < 1) or np.any(outer < 1) or np.any(inner > self.domain):
            raise UsageError(
                f"group {tuple(map(_brief, (inner, outer)))}: each level is at least 1, and a scale-up domain has "
                f"{self.domain:,} accelerators"
            )
        time = self.model.seconds(operation, np.asarray(size, np.float64), inner, outer)
        return np.where(inner * outer > 1, time, 0.0)


def _brief(level: Floats) -> str:
    return f"{level:g}" if level.ndim == 0 else f"{level.min():g}..{level.max():g}"


def fabric_time(
    topology: Topology, system: System, accelerator: Accelerator, nic: Nic | None, link: float, a: Assumptions
) -> FabricTime:
    """The time of collectives of one system on one fabric.

    Args:
        topology: of this room.
        system, accelerator, nic: the parts.
        link: bandwidth of one NIC port, all planes together [B/s]; of one link to a neighbour on a torus.
        a: assumptions.

    Raises:
        UsageError: parts that do not go together; says which.
    """
    if isinstance(topology, Torus | Slices):
        return FabricTime(
            slice_size(topology), mesh(link * max(topology.degree, 1.0), a)
        )  # one accelerator alone has no links
    domain = system.scale_up_domain
    per_domain = _nics(system, nic, link) * domain / system.accelerators
    forwards = isinstance(topology, RailOnly)
    if forwards and topology.rails > domain:
        raise UsageError(
            f"rail-only leaves no way between the {topology.rails} rails of {system.name}, whose scale-up domain is "
            f"{domain}; choose fabric kind: rail-optimised"
        )
    taper, below = _narrowest(topology)
    model = TwoLevels(
        scale_up=_scale_up(system, accelerator),
        nic=link * per_domain / domain,
        taper=taper,
        leaf_domains=max(1.0, below / per_domain),
        forwards=forwards,
        constants=constants(accelerator.architecture, a),
    )
    return FabricTime(domain, model)


def _narrowest(topology: Topology) -> tuple[float, float]:
    """How much narrower than its NICs a fabric is where it is narrowest, and the endpoints below that."""
    levels = topology.levels()
    worst = min(range(len(levels)), key=lambda index: levels[index].share)
    return 1 / levels[worst].share, levels[max(worst - 1, 0)].endpoints


def _nics(system: System, nic: Nic | None, link: float) -> int:
    if nic is None or not system.nics:
        raise UsageError(f"{system.name} has no NIC for a fabric of switches; choose fabric kind: torus")
    if link > nic.bandwidth * (1 + 1e-9):
        wanted, most = (units.show(b, "bandwidth") for b in (link, nic.bandwidth))
        raise UsageError(
            f"a link of {wanted} is faster than {nic.name} ({most}); write a design.fabric.link up to that"
        )
    return system.nics


def _scale_up(system: System, accelerator: Accelerator) -> float:
    if system.scale_up_domain == 1:
        return math.inf
    if accelerator.scale_up_bandwidth is None:
        raise UsageError(
            f"{system.name} has a scale-up domain of {system.scale_up_domain}, but {accelerator.name} states no "
            "scale_up_bandwidth; add it to the part, or set scale_up_domain: 1"
        )
    return accelerator.scale_up_bandwidth


def bus_bandwidth(operation: Operation, size: ArrayLike, members: ArrayLike, time: ArrayLike) -> Floats:
    """What a collective would need of each link if every byte crossed the slowest one once [B/s] (nccl-tests)."""
    count, seconds = np.asarray(members, np.float64), np.asarray(time, np.float64)
    share = {
        "all_reduce": 2 * (count - 1) / count,
        "broadcast": np.ones_like(count),
        "send_receive": np.ones_like(count),
    }
    return np.asarray(size, np.float64) * share.get(operation, (count - 1) / count) / seconds
