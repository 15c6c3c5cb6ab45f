"""The factory as arrays: hall > pod > rack > node > accelerator, with feeds, loops and positions on the floor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from firstlight.spec.parts import Accelerator, Host, Nic, System
from firstlight.twin.protocols import Floats, Ints, Topology


class RackKind(IntEnum):
    """What stands in a rack."""

    COMPUTE = 0
    NETWORK = 1
    SERVICE = 2  # storage, management


@dataclass(frozen=True)
class Halls:
    """The data halls. All arrays [halls]."""

    building: Ints
    x: Floats
    y: Floats
    """South-west corner on the site [m]."""
    width: Floats
    depth: Floats
    """[m]"""
    pods: Ints
    """Offsets into the pods [halls + 1]."""

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Racks:
    """The racks, hall by hall and pod by pod. All arrays [racks]."""

    kind: NDArray[np.uint8]
    """`RackKind`."""
    x: Floats
    y: Floats
    """Centre on the site [m]."""
    row: NDArray[np.int32]
    """Row inside the hall."""
    power: Floats
    """Greatest [W]."""
    idle_power: Floats
    """[W]"""
    liquid: Floats
    """Heat to liquid at greatest power [W]."""
    mass: Floats
    """[kg]"""
    systems: Ints
    """Offsets into the systems [racks + 1]. A system of several racks stands in the first of them."""
    feed: NDArray[np.int32]
    """Index of the UPS block (or hall feed) that the rack hangs on."""
    loop: NDArray[np.int32]
    """Index of the CDU that cools the rack; -1 where all its heat goes to air."""

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Factory:
    """One assembled factory. Counts by arithmetic where the structure is regular.

    Attributes:
        name: of the plan.
        system, accelerator, host, nic: the parts it is made of (nic None: joined by a torus).
        topology: the scale-out fabric.
        systems: how many; systems are numbered rack by rack, nodes system by system, accelerators node by node.
        halls, racks: arrays.
        pods: offsets of each pod into the racks [pods + 1]; the core of each hall is one of them, without systems.
        switch_rack: for each tier of the topology, the rack of each switch [switches].
        feeds: UPS blocks (or hall feeds) and feed_power the greatest IT power on each [W].
        loops: CDUs and loop_power the greatest heat on each [W].
        site_width, site_depth: of the drawn site [m].
    """

    name: str
    system: System
    accelerator: Accelerator
    host: Host
    nic: Nic | None
    topology: Topology
    systems: int
    halls: Halls
    pods: Ints
    racks: Racks
    switch_rack: tuple[NDArray[np.int32], ...]
    feed_power: Floats
    loop_power: Floats
    site_width: float
    site_depth: float

    @property
    def accelerators(self) -> int:
        """Accelerators in the factory."""
        return self.systems * self.system.accelerators

    @property
    def nodes(self) -> int:
        """Hosts in the factory."""
        return self.systems * self.system.nodes

    @property
    def buildings(self) -> int:
        """Buildings with a hall; never more than halls, whatever the site has."""
        return int(self.halls.building.max()) + 1

    @property
    def accelerators_per_node(self) -> int:
        """Accelerators of one host."""
        return self.system.accelerators // self.system.nodes

    @property
    def it_power(self) -> float:
        """Greatest IT power [W]."""
        return float(self.racks.power.sum())

    @property
    def idle_power(self) -> float:
        """Idle IT power [W]."""
        return float(self.racks.idle_power.sum())

    def system_rack(self, systems: Ints) -> Ints:
        """Rack of each system, like `systems`."""
        return np.searchsorted(self.racks.systems, systems, side="right") - 1

    def accelerator_rack(self, accelerators: Ints) -> Ints:
        """Rack of each accelerator, like `accelerators`."""
        return self.system_rack(accelerators // self.system.accelerators)
