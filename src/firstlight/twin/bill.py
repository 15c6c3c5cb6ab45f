"""The bill of materials: what is bought, how many, for how much, and how long it takes to come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BillLine:
    """One line.

    Attributes:
        category: "IT", "Network", "Power", "Cooling", "Building".
        item: what it is, in words.
        part: id of the catalogue, or "" (a building has none).
        count: how many.
        unit: "" for pieces, else what is counted ("m2", "W").
        unit_price: [USD] (NaN where nobody states one).
        source, standing: of the price.
        lead: key of the lead-time table ("accelerators", "switches", ...); "" where it does not wait.
        rating: power of one piece [W] (of a chiller its heat), so that a price can be estimated where nobody states
            one; 0 where it has none.
    """

    category: str
    item: str
    part: str
    count: float
    unit: str
    unit_price: float
    source: str
    standing: str
    lead: str = ""
    rating: float = 0.0

    @property
    def amount(self) -> float:
        """Count times price [USD]."""
        return self.count * self.unit_price
