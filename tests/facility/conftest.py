"""What the tests of the facility share: a factory of which only power, heat and floor matter, and a year of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import ArrayLike

from firstlight.facility import year
from firstlight.facility.result import FacilityResult
from firstlight.facility.weather import Air
from firstlight.spec import catalog as catalogs
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.site import Site
from firstlight.twin.factory import Factory, Halls, Racks
from firstlight.units import CELSIUS_ZERO

PHOENIX = {"latitude": 33.43, "longitude": -112.0}
POWER = {"redundancy": "n+1", "ups": "ups-1500kw", "transformer": "transformer-40mva"}
POWER |= {"generator": "generator-2500kw", "battery": "none"}


@cache
def the_catalog() -> Catalog:
    return catalogs.load(None)


def make_factory(
    it: float = 20e6, *, idle: float = 0.2, liquid: float = 0.75, racks: int = 200, halls: int = 2, area: float = 1000.0
) -> Factory:
    """A factory of equal racks: greatest IT power [W], idle and liquid share of it, floor of a hall [m2]."""
    each = it / racks
    hall, per_hall = np.arange(racks) * halls // racks, it / halls
    blocks = max(1, int(np.ceil(per_hall / 1.5e6))) * halls
    wet = max(1, int(np.ceil(it * liquid / 2e6))) if liquid else 0
    zeros, side = np.zeros(halls), np.full(halls, np.sqrt(area))
    nothing: Any = np.zeros(0)
    return Factory(
        name="test", system=cast("Any", None), accelerator=cast("Any", None), host=cast("Any", None), nic=None,
        topology=cast("Any", None), systems=racks, pods=nothing, switch_rack=(), site_width=1, site_depth=1,
        halls=Halls(np.zeros(halls, np.int64), zeros, zeros, side, side, np.arange(halls + 1)),
        racks=Racks(
            kind=np.zeros(racks, np.uint8), x=nothing, y=nothing, row=nothing, power=np.full(racks, each),
            idle_power=np.full(racks, idle * each), liquid=np.full(racks, liquid * each), mass=nothing, systems=nothing,
            feed=hall.astype(np.int32), loop=hall.astype(np.int32),
        ),
        feed_power=np.full(blocks, it / blocks), loop_power=np.full(wet, it * liquid / max(wet, 1)),
    )  # fmt: skip


def assumed(**overrides: str | float) -> Assumptions:
    return with_overrides(shipped(), {f"facility.{name}": value for name, value in overrides.items()})


@pytest.fixture
def catalog() -> Catalog:
    return the_catalog()


@pytest.fixture
def assumptions() -> Callable[..., Assumptions]:
    return assumed


@pytest.fixture
def factory() -> Callable[..., Factory]:
    return make_factory


@pytest.fixture
def run() -> Callable[..., FacilityResult]:
    """A year of a factory: `run(site={...}, power={...}, cooling={...}, made=..., share=..., **assumptions)`."""

    def call(
        site: dict[str, Any] | None = None,
        power: dict[str, Any] | None = None,
        cooling: dict[str, Any] | None = None,
        made: Factory | None = None,
        share: float = 0.8,
        base: Path = Path(),
        **overrides: str | float,
    ) -> FacilityResult:
        made = made or make_factory()
        cdu = {"cdu": "cdu-row-2000kw"} if len(made.loop_power) else {}
        where = Site.model_validate({"place": PHOENIX, "power": "30 MW", "floor": "4000 m2"} | (site or {}))
        design = Design.model_validate(
            {"power": POWER | (power or {}), "cooling": {"rejection": "dry"} | cdu | (cooling or {})}
        )
        steady = lambda hours: np.full(np.shape(hours), share)  # noqa: E731
        return year(where, design, made, steady, the_catalog(), assumed(**overrides), base)

    return call


def air(dry: ArrayLike, below: ArrayLike = 8.0, density: ArrayLike = 1.0) -> Air:
    """Outdoor air by its dry bulb [C], how far its wet bulb is below that [K], and its relative density."""
    dry_bulb, depression, relative = np.broadcast_arrays(np.asarray(dry, float), below, density)
    dry_bulb = dry_bulb + CELSIUS_ZERO
    return Air(dry_bulb, dry_bulb - depression, np.asarray(relative, float))
