"""The time of collectives on one factory's fabric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.collectives.algorithms import Constants, constants
from firstlight.network.collectives.congestion import Congestion
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.mesh import Mesh, mesh
from firstlight.network.collectives.routed import Tokens
from firstlight.network.collectives.tiers import Group, Tier, place
from firstlight.network.collectives.timed.latency import device_of
from firstlight.network.collectives.timed.table import Timed, timed
from firstlight.network.topology import RailOnly, Slices, Torus, slice_size
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import Accelerator, Nic, System
from firstlight.twin.protocols import Floats, Operation, Topology

_UNITS = ("leaf", "pod", "super-pod", "site")
"""Names of the units of a fabric's levels, from the inside out; where switches are joined directly one is a leaf."""
FITTED = "as timed"
"""Name of the fitted times among the algorithms."""


@final
@dataclass(frozen=True)
class FabricTime:
    """Seconds of a collective; see `CollectiveTime`.

    Attributes:
        domain: accelerators of a scale-up domain: the greatest first level of a group.
        model: of the fabric's kind.
        timed: fitted times inside a domain; None where nothing near was timed, or published constants are wanted.
    """

    domain: int
    model: Levels | Mesh
    timed: Timed | None = None

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """Time [s] of a collective of `size` [B] over `group` (sizes of levels from the inside out).

        Everything broadcasts. Inside a domain and up to as many ranks as were timed the fitted times are taken; beyond
        them published constants, and never less than the fitted time of the most ranks.

        Raises:
            UsageError: no level or too many, a level below one, or more members than its units have.
        """
        placed, size = self.place(group), np.asarray(size, np.float64)
        time = self.model.seconds(operation, size, placed)
        known = self._fitted(operation, size, placed)
        if known is not None:
            time = np.where(self.inside(placed), known, np.maximum(time, known))
        return np.where(placed.ranks > 1, time, 0.0)

    def place(self, group: Sequence[ArrayLike]) -> Group:
        """The group on this fabric's levels; see `tiers.place`."""
        return place(group, self.domain, self.model.tiers)

    def inside(self, placed: Group) -> Floats:
        """1 where the group is inside a domain and no larger than what was timed, 0 elsewhere."""
        most = self.timed.most if self.timed else 0.0
        return (placed.domains == 1) & (placed.inner <= most)

    def _fitted(self, operation: Operation, size: Floats, placed: Group) -> Floats | None:
        """The fitted time of the members in one domain [s]; of an all-to-all with what they exchange there.

        What is more than the largest size that was timed goes at the rate of the published constants.
        """
        if self.timed is None or operation not in self.timed.time:
            return None
        held = size / placed.domains if operation == "all_to_all" else size
        known = self.timed.seconds(operation, held, placed.inner)
        most = self.timed.sizes[-1]
        if not (held > most).any():
            return known
        alone, held = self.place((np.minimum(placed.inner, self.timed.most),)), held * np.ones_like(placed.ranks)
        longer, least = self.model.seconds(
            operation, np.stack([np.maximum(held, most), np.full_like(held, most)]), alone
        )
        return known + longer - least

    def options(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Mapping[str, Floats]:
        """Times [s] by algorithm and protocol, also of those that never win; `FITTED` where that was timed."""
        placed, bytes_ = self.place(group), np.asarray(size, np.float64)
        if isinstance(self.model, Mesh):
            return {"torus": self.model.seconds(operation, bytes_, placed)}
        every = {**self.model.candidates(operation, placed), **self.model.others(operation)}
        found = {name: one(bytes_, placed) for name, one in every.items()}
        known = self._fitted(operation, bytes_, placed)
        if known is not None and np.all(self.inside(placed)):
            found[FITTED] = known
        return found

    def exchange(self, tokens: Tokens, group: Sequence[ArrayLike]) -> Floats:
        """Time [s] of dispatching routed tokens to the experts of a group, or of combining what comes back.

        Raises:
            UsageError: as a call; or the fabric is a torus, whose exchanges are all-to-alls.
        """
        if isinstance(self.model, Mesh):
            raise UsageError("a torus has no exchange of routed tokens of its own; ask for an all_to_all")
        placed = self.place(group)
        time = self.model.routed(*tokens.sent(placed), placed)
        return np.where(placed.ranks > 1, time, 0.0)


def fabric_time(
    topology: Topology,
    system: System,
    accelerator: Accelerator,
    nic: Nic | None,
    link: float,
    a: Assumptions,
    *,
    fitted: bool = False,
    reduces: bool = False,
    congestion: Congestion | None = None,
    queue_pairs: int | None = None,
    beyond: Sequence[Tier] = (),
) -> FabricTime:
    """The time of collectives of one system on one fabric.

    Args:
        topology: of this room.
        system, accelerator, nic: the parts.
        link: bandwidth of one NIC port, all planes together [B/s]; of one link to a neighbour on a torus.
        a: assumptions.
        fitted: take times that were fitted to timings of this accelerator or its sisters, where they reach.
        reduces: the switches of the fabric add up (SHARP), and it is in use.
        congestion: of this fabric, as simulated; None takes the assumption `network.congestion`.
        queue_pairs: of each connection where switches hash paths; None where traffic is spread evenly.
        beyond: tiers above the fabric (sites joined by long links).

    Raises:
        UsageError: parts that do not go together; says which.
    """
    if isinstance(topology, Torus | Slices):
        links = link * max(topology.degree, 1.0)  # one accelerator alone has none
        return FabricTime(slice_size(topology), mesh(links, a))
    domain = system.scale_up_domain
    per_domain = _nics(system, nic, link) * domain / system.accelerators
    forwards = isinstance(topology, RailOnly)
    if forwards and topology.rails > domain:
        raise UsageError(
            f"rail-only leaves no way between the {topology.rails} rails of {system.name}, whose scale-up domain is "
            f"{domain}; choose fabric kind: rail-optimised"
        )
    scale_up = _scale_up(system, accelerator)
    model = Levels(
        scale_up=scale_up,
        nic=link * per_domain / domain,
        tiers=(*tiers_of(topology, per_domain, a.positive("network.light_speed")), *beyond),
        forwards=forwards,
        constants=_constants(accelerator, scale_up, a),
        reduces=reduces,
        congestion=congestion,
        queue_pairs=queue_pairs,
    )
    return FabricTime(domain, model, timed(device_of(accelerator)) if fitted and domain > 1 else None)


def _constants(accelerator: Accelerator, scale_up: float, a: Assumptions) -> Constants:
    """The constants of the accelerator's family; where it states a measured latency, with the factor that gives it."""
    found = constants(accelerator.architecture, a)
    if accelerator.all_reduce_latency is None:
        return found
    ranks = float(accelerator.all_reduce_ranks or device_of(accelerator).node)
    node = Levels(scale_up, math.inf, (), False, replace(found, sync=1.0))
    least = node.seconds("all_reduce", np.asarray(0.0), place((ranks,), ranks, ()))
    return replace(found, sync=accelerator.all_reduce_latency / float(least))


def tiers_of(topology: Topology, nics: float, light: float) -> tuple[Tier, ...]:
    """The levels of a fabric as units that domains of so many NICs are joined in; one, where one switch joins all.

    Args:
        topology: of this room.
        nics: of one domain.
        light: speed of light in fibres between sites [m/s].
    """
    levels = topology.levels()
    tiers = [
        Tier(name, max(1.0, below.endpoints / nics), max(1.0, 1 / level.share), crossing=nics / level.neighbour)
        for name, below, level in zip(_UNITS, levels, levels[1:] or levels, strict=False)
    ]
    length = topology.bundles[-1].length
    if length is not None:
        tiers[-1] = replace(tiers[-1], name="site", latency=length / light)
    return tuple(tiers)


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
