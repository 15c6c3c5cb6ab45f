"""Which cable, and which modules at its ends, carry a link over a length for the least money."""

from __future__ import annotations

import itertools
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
class Modules:
    """What is plugged into one end of a fibre.

    Attributes:
        part: the module.
        each: modules of one link; below one where a module carries all links of a split port.
    """

    part: Transceiver
    each: float


@dataclass(frozen=True)
class Medium:
    """One way to carry a link.

    Attributes:
        cable: the part.
        modules: at the lower and at the upper end; None where the cable brings its own or the optics are built in.
    """

    cable: Cable
    modules: tuple[Modules | None, Modules | None] = (None, None)

    @property
    def reach(self) -> float:
        """Greatest length [m]."""
        return min([self.cable.reach, *(end.part.reach for end in self.modules if end)])

    def cost(self, length: float) -> float:
        """Of one link of this length [m]: cable and modules [USD]."""
        modules = sum((end.part.price or 0.0) * end.each for end in self.modules if end)
        return (self.cable.price or 0.0) + self.cable.price_per_metre * length + modules


def media(catalog: Catalog, bandwidth: float, lower: Port, upper: Port) -> list[Medium]:
    """All ways to carry links of this bandwidth [B/s] between two ports. A part without a price is left out."""
    found = list[Medium]()
    for cable in catalog.parts(Cable):
        if cable.bandwidth < bandwidth * (1 - 1e-9) or cable.price is None:
            continue
        if cable.medium in _FIBRES:
            found += _fibre(catalog, cable, bandwidth, lower, upper)
        elif lower.pluggable and upper.pluggable:
            found.append(Medium(cable))
    return found


def _fibre(catalog: Catalog, cable: Cable, bandwidth: float, lower: Port, upper: Port) -> list[Medium]:
    """Pairs of modules of one standard, for which equal reach on the same fibre stands (DR4 and 2xDR4: 500 m)."""
    ends = (_modules(catalog, cable.medium, bandwidth, port) for port in (lower, upper))
    return [
        Medium(cable, (one, other))
        for one, other in itertools.product(*ends)
        if one is None or other is None or one.part.reach == other.part.reach
    ]


def _modules(catalog: Catalog, fibre: str, bandwidth: float, port: Port) -> list[Modules | None]:
    """Modules that carry all links of a port; None is built-in optics, which are single-mode."""
    if not port.pluggable:
        return [None] if fibre == "single-mode" else []
    return [
        Modules(part, 1 / port.links)
        for part in catalog.parts(Transceiver)
        if part.fibre == fibre and part.bandwidth >= port.links * bandwidth * (1 - 1e-9) and part.price is not None
    ]


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
