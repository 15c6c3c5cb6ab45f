"""What the schedule room is told about the orders and the build."""

from __future__ import annotations

from dataclasses import dataclass, field

from firstlight.errors import UsageError


@dataclass(frozen=True)
class OrderItem:
    """One thing to order.

    Attributes:
        item: what, in words.
        part: id of the catalogue, or "".
        count: how many.
        lead: key of the lead-time table.
        released: year of first shipment, where the newest generation waits longer; None where it does not matter.
    """

    item: str
    part: str
    count: int
    lead: str
    released: int | None = None


@dataclass(frozen=True)
class BuildFacts:
    """How much there is to build.

    Attributes:
        buildings, halls: halls are shared evenly among the buildings.
        racks: of all kinds, in all halls.
        nodes: hosts that burn in.
        cables: links of the fabric, all tiers.
        it_power: greatest, all halls [W].
        existing: what already stands: "shell", "utility".
        secured: keys of the lead-time table whose orders are there when they are needed.
    """

    buildings: int
    halls: int
    racks: int
    nodes: int
    cables: int
    it_power: float
    existing: frozenset[str] = field(default_factory=frozenset)
    secured: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            UsageError: fewer halls than buildings, nothing to build, or an unknown kind of what exists.
        """
        if not 1 <= self.buildings <= self.halls:
            raise UsageError(
                f"{self.halls} halls cannot be shared among {self.buildings} buildings; "
                "give each building at least one hall (site.halls, site.buildings)"
            )
        if min(self.racks, self.nodes, self.it_power) <= 0 or self.cables < 0:
            raise UsageError("a build needs racks, nodes and IT power above zero, and no negative number of cables")
        if unknown := self.existing - {"shell", "utility"}:
            raise UsageError(f'unknown "{min(unknown)}" among what exists; write "shell" or "utility"')
