"""What the factory costs, and what its work costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from firstlight import units
from firstlight.economics.capital import Asset, assets
from firstlight.economics.facts import BuildingFacts, EnergyFacts, WorkloadFacts
from firstlight.economics.finance import capital_recovery, relative_spread, times
from firstlight.economics.result import CostLine, EconomicsResult, WorkloadCost
from firstlight.economics.running import energy_line, running
from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.bill import BillLine
from firstlight.twin.result import Prediction

BASIS = "spread of each price by its standing, prices independent of each other; not learnt on data"
MILLION = 1e6


@dataclass(frozen=True)
class Yearly:
    """Costs of a year [USD]: electricity, and all else with capital written off; their common spread (logarithm)."""

    electricity: float
    other: float
    spread: float

    @property
    def total(self) -> float:
        """All of it [USD a year]."""
        return self.electricity + self.other


def price(
    bill: Sequence[BillLine],
    energy: EnergyFacts,
    building: BuildingFacts,
    accelerators: int,
    availability: float,
    workloads: Sequence[WorkloadFacts],
    a: Assumptions,
) -> EconomicsResult:
    """Capital, running costs, and the cost of accelerator-hours, runs and tokens.

    Capital is written off over each asset's life at the cost of capital. Carbon is that of the electricity; that of
    making the equipment is not counted.

    Args:
        bill: what is bought in pieces.
        energy: a year at the feed.
        building: what plant and building are sized by.
        accelerators: in the factory.
        availability: share of them in working order on average, above 0 and at most 1.
        workloads: in the demand's order.
        a: the run's assumptions.

    Raises:
        UsageError: no accelerators, an impossible availability, or a line of the bill that cannot be priced.
    """
    if accelerators < 1 or not 0 < availability <= 1 or energy.peak <= 0:
        raise UsageError("a price needs accelerators, an availability above 0 and at most 1, and power at the feed")
    owned = assets(bill, energy, building, a)
    electricity = energy_line(energy, a)
    upkeep = running(owned, energy, a)
    yearly = _yearly(owned, electricity, upkeep, a)
    capital = sum(asset.line.amount for asset in owned)
    hours = accelerators * availability * units.YEAR / units.HOUR
    hourly = Prediction.within(yearly.total / hours, yearly.spread, calibrated=False, basis=BASIS)
    return EconomicsResult(
        capital=capital,
        running=electricity.amount + sum(line.amount for line in upkeep),
        annual=yearly.total,
        energy_cost=electricity.amount,
        per_accelerator_hour=hourly,
        per_watt=capital / energy.peak,
        lines=(*(asset.line for asset in owned), electricity, *upkeep),
        workloads=tuple(_workload(work, yearly, accelerators * availability, energy) for work in workloads),
    )


def _yearly(owned: Sequence[Asset], electricity: CostLine, upkeep: Sequence[CostLine], a: Assumptions) -> Yearly:
    """Costs of a year, capital written off, with the spread of their sum."""
    rate = a["economics.cost_of_capital"]
    lives = [a.positive(f"economics.{asset.life}") if asset.life else math.inf for asset in owned]
    written_off = [
        asset.line.amount * float(capital_recovery(rate, life)) for asset, life in zip(owned, lives, strict=True)
    ]
    amounts = [*written_off, electricity.amount, *(line.amount for line in upkeep)]
    lines = [*(asset.line for asset in owned), electricity, *upkeep]
    spread = relative_spread(amounts, [spread_of(line.standing, a) for line in lines])
    return Yearly(electricity.amount, sum(amounts) - electricity.amount, spread)


def spread_of(standing: str, a: Assumptions) -> float:
    """Half-width of P10 to P90 of a price, in the logarithm; the user's own prices have none."""
    return 0.0 if standing == "user" else a[f"economics.spread_{standing}"]


def _workload(work: WorkloadFacts, yearly: Yearly, available: float, energy: EnergyFacts) -> WorkloadCost:
    """What one workload costs: its share of the accelerators in working order, and of the electricity."""
    rate = (yearly.other * work.accelerators / available + yearly.electricity * work.power_share) / units.YEAR
    carbon = energy.carbon * work.power_share / units.YEAR
    if work.duration is not None and work.tokens is not None:
        run = times(work.duration, rate, yearly.spread, BASIS)
        each = MILLION / work.tokens
        return WorkloadCost(
            work.model, "training", work.accelerators, run, run.scaled(each), carbon * work.duration.p50 * each
        )
    if work.tokens_per_s is None:
        raise UsageError(f"the workload of {work.model} neither trains nor serves")
    token = times(work.tokens_per_s.inverse(), rate * MILLION, yearly.spread, BASIS)
    return WorkloadCost(work.model, "serving", work.accelerators, None, token, carbon * MILLION / work.tokens_per_s.p50)
