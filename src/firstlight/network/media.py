"""Which cable, and which modules at its ends, carry a link over a length for the least money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Cable, Switch, Transceiver

_FIBRES = ("multimode", "single-mode")


@dataclass(frozen=True)
class Port:
    """The port at one end of a link.

    Attributes:
        links: links that it is split into.
        pluggable: it takes modules and copper; otherwise its optics are built in and it takes single-mode fibre.
    """

    links: int
    pluggable: bool


@dataclass(frozen=True)
class Medium:
    """One way to carry a link.

    Attributes:
        cable: the part.
        transceiver: module at the pluggable ends; None where the cable brings its own or there are none.
        modules: modules of one link, both ends together; shared modules count by their share.
    """

    cable: Cable
    transceiver: Transceiver | None
    modules: float

    @property
    def reach(self) -> float:
        """Greatest length [m]."""
        return min(self.cable.reach, self.transceiver.reach) if self.transceiver else self.cable.reach

    def cost(self, length: float) -> float:
        """Of one link of this length [m]: cable and modules [USD]."""
        module = (self.transceiver.price or 0.0) if self.transceiver else 0.0
        return (self.cable.price or 0.0) + self.cable.price_per_metre * length + module * self.modules

    @property
    def power(self) -> float:
        """Of one link: active cable and modules [W]."""
        module = self.transceiver.power if self.transceiver else 0.0
        return (self.cable.power or 0.0) + module * self.modules


def media(catalog: Catalog, bandwidth: float, ends: Sequence[Port]) -> list[Medium]:
    """All ways to carry links of this bandwidth [B/s] between two ports. A module without a price is left out."""
    found = list[Medium]()
    for cable in catalog.parts(Cable):
        if cable.bandwidth < bandwidth * (1 - 1e-9):
            continue
        if cable.medium in _FIBRES:
            found += _fibre(catalog, cable, bandwidth, ends)
        elif all(end.pluggable for end in ends):
            found.append(Medium(cable, None, 0.0))
    return found


def _fibre(catalog: Catalog, cable: Cable, bandwidth: float, ends: Sequence[Port]) -> list[Medium]:
    pluggable = [end for end in ends if end.pluggable]
    if len(pluggable) < len(ends) and cable.medium != "single-mode":
        return []
    if not pluggable:
        return [Medium(cable, None, 0.0)]
    fitting = [
        part
        for part in catalog.parts(Transceiver)
        if part.fibre == cable.medium and part.bandwidth >= bandwidth * (1 - 1e-9) and part.price is not None
    ]
    return [Medium(cable, part, sum(_share(part, bandwidth, end) for end in pluggable)) for part in fitting]


def _share(part: Transceiver, bandwidth: float, end: Port) -> float:
    """Modules of one link at one end: a fast module serves several links of the same port."""
    return 1 / max(1, min(int(part.bandwidth / bandwidth * (1 + 1e-9)), end.links))


def cheapest(ways: Sequence[Medium], length: float, bandwidth: float) -> Medium:
    """The least expensive way that reaches [m].

    Raises:
        UsageError: none does; says what part to add.
    """
    reaching = [way for way in ways if way.reach >= length]
    if not reaching:
        speed, wanted = units.show(bandwidth, "bandwidth"), units.show(length, "length")
        longest = max((way.reach for way in ways), default=0.0)
        raise UsageError(
            f"no cable of the catalogue carries {speed} over {wanted} (the longest reaches "
            f"{units.show(longest, 'length')}); add a cable, with transceivers if it is a fibre, to your catalogue"
        )
    return min(reaching, key=lambda way: (way.cost(length), way.cable.id))


def switch_port(switch: Switch, bandwidth: float) -> Port:
    """A switch's port that is split into links of this bandwidth [B/s]."""
    fitting = [n for n in switch.breakouts if switch.port_bandwidth / n >= bandwidth * (1 - 1e-9)]
    return Port(max(fitting, default=1), switch.optics == "pluggable")
