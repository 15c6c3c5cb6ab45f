"""The plan file: site, demand and design in one document, or by reference to others."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from firstlight.spec.design import Design
from firstlight.spec.document import Document
from firstlight.spec.quantity import Day
from firstlight.spec.site import Site
from firstlight.spec.workload import Workload

Equipment = Literal[
    "accelerators", "air-handler", "battery", "busway", "cables", "cdu", "chiller", "dry-cooler", "generator", "optics",
    "racks", "storage", "switches", "switchgear", "transformer", "transformer-high-voltage", "ups",
]  # fmt: skip
"""What is ordered and waited for."""


class Plan(Document):
    """What a user hands to `firstlight plan`."""

    name: str = Field(min_length=1, max_length=100, examples=["colossus"])
    """What the factory is called."""
    site: Site
    """The site, or the path of a Site document."""
    demand: Annotated[tuple[Workload, ...], Field(min_length=1, max_length=100)]
    """Workloads, or the path of a Demand document (a list of them); an entry may be the path of a Workload document."""
    design: Design = Design()
    """The choices already made, or the path of a Design document. Left out: all of it is proposed."""
    start: Annotated[dt.date, Day()] | None = None
    """The day of the first order. Left out: the day of the run."""
    ready_by: Annotated[dt.date | float, Day(or_time=True)] | None = None
    """First light: a date, or a time from the start ("122 days"). Left out: as soon as the supply chain allows."""
    secured: tuple[Equipment, ...] = ()
    """What was ordered before the start, or is in stock: it is there when the build needs it."""
    assumptions: dict[str, str | float] = Field(default={}, examples=[{"economics.energy_price": "45 USD/MWh"}])
    """Values of the assumptions that this plan replaces, by name ("economics.energy_price": "45 USD/MWh")."""
    catalog: str | None = Field(default=None, min_length=1, max_length=1000, examples=["my-parts.yaml"])
    """Path of a Catalog document with parts of the user's own, laid over the shipped catalogue."""
