"""How often the factory breaks, and what that costs its runs in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firstlight import units
from firstlight.errors import InfeasibleError, Limit, UsageError
from firstlight.reliability.checkpoint import best_interval, goodput, losses
from firstlight.reliability.facts import FabricCounts, RunFacts
from firstlight.reliability.rates import BASIS, interruption_rates, mean_time, memory_faults, predicted
from firstlight.reliability.result import ReliabilityResult, RunReliability, Spares
from firstlight.reliability.stock import shortage, stock_level
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.factory import Factory
from firstlight.twin.result import Prediction

HOPELESS = 1e-4
"""A run that advances in a smaller share of its time does not end."""


def assess(factory: Factory, runs: Sequence[RunFacts], counts: FabricCounts, a: Assumptions) -> ReliabilityResult:
    """Interruptions, goodput, availability and spares of a factory.

    Args:
        factory: the assembled factory.
        runs: training runs in the demand's order.
        counts: parts of its fabric.
        a: the run's assumptions.

    Raises:
        UsageError: a run takes more accelerators than there are, or none.
        InfeasibleError: a run hardly advances between its interruptions.
    """
    rates = interruption_rates(factory, counts, a)
    return ReliabilityResult(
        rates=rates,
        mtti=predicted(mean_time(rates), factory.accelerators, factory.accelerator, a),
        runs=tuple(assess_run(factory, run, rates, a) for run in runs),
        availability=1 / (1 + node_failures(factory, a) * a["reliability.repair_time"]),
        spares=spare_parts(factory, counts, a),
    )


def node_failures(factory: Factory, a: Assumptions) -> float:
    """Failures that take one node out of service for repair [1/s]."""
    each = a["reliability.accelerator_faults"] + memory_faults(factory.accelerator, a)
    nics = factory.systems * factory.system.nics / factory.nodes
    faults = factory.accelerators_per_node * each + a["reliability.host_faults"] + nics * a["reliability.nic_faults"]
    return faults * a["reliability.replaced_share"]


@dataclass(frozen=True)
class Checkpoint:
    """Times of one run's checkpoints [s]: the stop of training, and the writing behind its back; bandwidth [B/s]."""

    write: float
    drain: float
    bandwidth: float


def checkpoint_times(run: RunFacts, a: Assumptions) -> Checkpoint:
    """How long a checkpoint stops the run, and how long it then drains to storage."""
    bandwidth = run.storage_bandwidth
    if bandwidth is None:
        bandwidth = run.accelerators * a.positive("reliability.storage_bandwidth")
    to_storage = run.checkpoint_bytes / bandwidth
    to_host = run.checkpoint_bytes / (run.accelerators * a.positive("reliability.snapshot_bandwidth"))
    blocking = a["reliability.checkpoint_blocking"]
    return Checkpoint(
        a["reliability.snapshot_pause"] + to_host + blocking * to_storage, (1 - blocking) * to_storage, bandwidth
    )


def hot_spares(factory: Factory, run: RunFacts, a: Assumptions) -> tuple[int, float]:
    """Nodes that stand by for a run, and the mean wait for one where they run out [s].

    Nodes under repair are a Poisson number (infinitely many repairers, Palm); a failure that finds no spare waits for
    the first of the nodes under repair.
    """
    repair = a["reliability.repair_time"]
    failures = run.accelerators / factory.accelerators_per_node * node_failures(factory, a)
    under_repair = failures * repair
    spares = run.hot_spares
    if spares is None:
        spares = stock_level(under_repair, a["reliability.hot_spare_service"])
    return spares, shortage(under_repair, spares) * repair / (spares + 1)


def spare_nodes(factory: Factory, a: Assumptions) -> int:
    """Nodes that stand by in a factory whose jobs take all others, for the assumed service level."""
    under_repair = factory.nodes * node_failures(factory, a) * a["reliability.repair_time"]
    return stock_level(under_repair, a["reliability.hot_spare_service"])


def restart_steps(factory: Factory, run: RunFacts, written: Checkpoint, a: Assumptions) -> dict[str, float]:
    """Steps from an interruption to training again, with their mean times [s].

    The replacement waits for a free node only in the share of interruptions that replaces one.
    """
    _, wait = hot_spares(factory, run, a)
    by_hand = (1 - a["reliability.unattended"]) * a["reliability.manual_restart"]
    return {
        "detection": a["reliability.detection"] + by_hand,
        "replacement": a["reliability.replacement"] + a["reliability.replaced_share"] * wait,
        "checkpoint load": run.checkpoint_bytes / written.bandwidth,
        "warm-up": a["reliability.warm_up"],
    }


def assess_run(factory: Factory, run: RunFacts, rates: dict[str, float], a: Assumptions) -> RunReliability:
    """How interruptions treat one run, which takes its share of all interruptions of the factory.

    Args:
        factory: the assembled factory.
        run: the run.
        rates: of the whole factory [1/s].
        a: the run's assumptions.

    Raises:
        InfeasibleError: the run hardly advances between its interruptions.
    """
    _check(run, factory)
    mtti = mean_time(rates) * factory.accelerators / run.accelerators
    written = checkpoint_times(run, a)
    steps = restart_steps(factory, run, written, a)
    interval = float(best_interval(written.write, mtti, written.drain))
    spread = predicted(mtti, run.accelerators, factory.accelerator, a)
    share = _goodput(interval, written, sum(steps.values()), spread)
    if share.p50 < HOPELESS:
        raise _hopeless(run, mtti, sum(steps.values()) + written.drain)
    duration = _stretched(run.duration, share)
    return RunReliability(
        model=run.model,
        accelerators=run.accelerators,
        mtti=spread,
        interruptions=duration.p50 / mtti,
        checkpoint_bytes=run.checkpoint_bytes,
        checkpoint_write=written.write,
        checkpoint_interval=interval,
        restart=sum(steps.values()),
        goodput=share,
        duration=duration,
        losses=losses(interval, written.write, steps, written.drain, mtti),
        hot_spares=hot_spares(factory, run, a)[0],
    )


def _check(run: RunFacts, factory: Factory) -> None:
    if not 0 < run.accelerators <= factory.accelerators:
        raise UsageError(
            f"the run of {run.model} takes {run.accelerators:,} accelerators; the factory has "
            f"{factory.accelerators:,}. Give it between 1 and that many"
        )


def _hopeless(run: RunFacts, mtti: float, restart: float) -> InfeasibleError:
    fits = int(run.accelerators * mtti / restart) if restart > 0 else run.accelerators
    limit = Limit(
        f"training of {run.model}",
        f"a restart of {units.show(restart, 'time')}",
        f"{units.show(mtti, 'time')} between interruptions",
        f"Runs of at most {max(fits, 1):,} accelerators restart in time; or shorten the restart "
        "(assumptions reliability.detection, reliability.warm_up), or take faster storage.",
    )
    return InfeasibleError(f"the run of {run.model} on {run.accelerators:,} accelerators hardly advances", (limit,))


def _goodput(interval: float, written: Checkpoint, restart: float, mtti: Prediction) -> Prediction:
    """Goodput over the interval of the mean time to interruption, with checkpoints at the median's best."""
    low, mid, high = (
        float(goodput(interval, written.write, restart + written.drain, m)) for m in (mtti.p10, mtti.p50, mtti.p90)
    )
    return Prediction(low, mid, high, mtti.calibrated, BASIS)


def _stretched(duration: Prediction, goodput: Prediction) -> Prediction:
    """Duration over goodput; the two uncertainties are independent, so their logarithms add in quadrature."""
    mid = duration.p50 / goodput.p50
    down = math.hypot(math.log(duration.p50 / duration.p10), math.log(goodput.p90 / goodput.p50))
    up = math.hypot(math.log(duration.p90 / duration.p50), math.log(goodput.p50 / max(goodput.p10, 1e-200)))
    basis = f"{duration.basis}; {goodput.basis}"
    return Prediction(
        mid * math.exp(-down), mid, mid * math.exp(min(up, 300)), duration.calibrated and goodput.calibrated, basis
    )


def spare_parts(factory: Factory, counts: FabricCounts, a: Assumptions) -> tuple[Spares, ...]:
    """Parts to keep on the shelf, so that one is there with the assumed probability until resupply."""
    replaced = a["reliability.replaced_share"]
    accelerator = a["reliability.accelerator_faults"] + memory_faults(factory.accelerator, a)
    boards, hosts, network = (a[f"reliability.resupply_{kind}"] for kind in ("accelerators", "hosts", "network"))
    kinds = [
        (factory.accelerator.id, factory.accelerators, accelerator * replaced, boards),
        (factory.host.id, factory.nodes, a["reliability.host_faults"] * replaced, hosts),
        ("switch", counts.switches, a["reliability.switch_replaced"], network),
        ("optic", counts.optics, a["reliability.optic_faults"], network),
        ("cable", counts.cables, a["reliability.cable_faults"], network),
    ]
    if factory.nic is not None:
        nics = factory.systems * factory.system.nics
        kinds.insert(2, (factory.nic.id, nics, a["reliability.nic_faults"] * replaced, network))
    return tuple(_kept(*kind, a) for kind in kinds if kind[1])


def fabric_spares(pieces: Iterable[tuple[str, str, int]], a: Assumptions) -> tuple[Spares, ...]:
    """Parts of the fabric to keep on the shelf, each (what it is called, "switch", "optic" or "cable", installed)."""
    rates = {"switch": "switch_replaced", "optic": "optic_faults", "cable": "cable_faults"}
    resupply = a["reliability.resupply_network"]
    return tuple(_kept(part, n, a[f"reliability.{rates[kind]}"], resupply, a) for part, kind, n in pieces if n)


def _kept(part: str, installed: int, rate: float, resupply: float, a: Assumptions) -> Spares:
    """Spares of one part that fails at this rate [1/s] and comes after `resupply` [s]."""
    keep = stock_level(installed * rate * resupply, a["reliability.spares_service"])
    return Spares(part, installed, installed * rate * units.YEAR, keep)
