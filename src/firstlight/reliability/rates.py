"""How often the parts of a factory stop a job: rates by component class, and the mean time to interruption."""

from __future__ import annotations

from collections.abc import Mapping

from firstlight.errors import UsageError
from firstlight.reliability.facts import FabricCounts
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import Accelerator, System
from firstlight.twin.factory import Factory
from firstlight.twin.result import Prediction

BASIS = "Llama 3 rates by component; interval from six fleets (Llama 3, RSC-1, RSC-2, Crusoe, Imbue, MegaScale)"
CALIBRATED_YEARS = (2020, 2024)
"""First shipment of the accelerators in those fleets: A100 to H200."""
NEVER = 1e20
"""Mean time where nothing fails [s]."""
WIDEST = 5.0
"""Half-width of an interval in the logarithm, beyond which it says nothing."""


def interruption_rates(factory: Factory, counts: FabricCounts, a: Assumptions) -> dict[str, float]:
    """Interruptions of a job over the whole factory by component class [1/s].

    Rates of independent exponential parts add up (superposition of Poisson processes).
    """
    own = system_rates(factory.system, factory.accelerator, a)
    return {
        **{name: factory.systems * rate for name, rate in own.items()},
        "link": counts.endpoint_links * a["reliability.link_faults"],
        "switch": counts.leaf_switches * a["reliability.switch_faults"],
    }


def system_rates(system: System, accelerator: Accelerator, a: Assumptions) -> dict[str, float]:
    """Faults of one system that stop what runs on it, by component class [1/s]."""
    return {
        "accelerator": system.accelerators * a["reliability.accelerator_faults"],
        "memory": system.accelerators * memory_faults(accelerator, a),
        "software": system.accelerators * a["reliability.software_faults"],
        "host": system.nodes * a["reliability.host_faults"],
        "nic": system.nics * a["reliability.nic_faults"],
    }


def memory_faults(accelerator: Accelerator, a: Assumptions) -> float:
    """Memory faults of one accelerator that stop a job [1/s]; HBM2 parts have fewer (NCSA Delta, arXiv 2503.11901)."""
    rate = a["reliability.memory_faults"]
    return rate * a["reliability.hbm2_memory_ratio"] if accelerator.memory_type.upper().startswith("HBM2") else rate


def mean_time(rates: Mapping[str, float]) -> float:
    """Mean time to interruption of parts that fail independently [s]; `NEVER` where nothing fails."""
    return 1 / max(sum(rates.values()), 1 / NEVER)


def predicted(mtti: float, accelerators: int, accelerator: Accelerator, a: Assumptions) -> Prediction:
    """The mean time to interruption with its interval [s].

    P10 and P90 are the spread between published fleets. Calibrated: a size and a generation that those fleets have.

    Raises:
        UsageError: the plan's own spread is absurd.
    """
    spread = a["reliability.fleet_spread"]
    if spread > WIDEST:
        raise UsageError(
            f"assumptions.reliability.fleet_spread is {spread:g}; write a number up to {WIDEST}, such as 0.58"
        )
    first, last = CALIBRATED_YEARS
    known_size = a["reliability.calibrated_from"] <= accelerators <= a["reliability.calibrated_to"]
    calibrated = known_size and first <= accelerator.released <= last
    return Prediction.within(mtti, spread, calibrated=calibrated, basis=BASIS)
