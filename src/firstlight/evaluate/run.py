"""Runs the disciplines in order and hands numbers across."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstlight import __version__
from firstlight.economics.result import EconomicsResult
from firstlight.evaluate import hand
from firstlight.evaluate.bill import bill
from firstlight.evaluate.build import Built, build
from firstlight.evaluate.evaluation import Evaluation, FactorySummary
from firstlight.evaluate.margins import margins
from firstlight.facility import year
from firstlight.network import cables
from firstlight.network.describe import describe
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.performance.serving import serve
from firstlight.performance.training import train
from firstlight.reliability.assess import assess
from firstlight.schedule import programme
from firstlight.economics import price
from firstlight.spec import models
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.factory import Factory, RackKind

STEPS = ("fabric and factory", "cables", "workloads", "facility", "reliability", "schedule", "cost")


def evaluate(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    *,
    base: Path = Path(),
    seed: int = 0,
    proposed: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Evaluation:
    """Everything that firstlight says about a plan whose design is resolved.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts.
        a: assumptions; those that are read are listed in the answer.
        base: folder that the plan's paths are relative to.
        seed: of everything random.
        proposed: why each proposed value was proposed, by path.
        progress: called with each of `STEPS` as it begins.

    Raises:
        UsageError, InfeasibleError: no such factory can exist.
    """
    progress(STEPS[0])
    built = build(plan, catalog, a)
    progress(STEPS[1])
    cable_plan = cables.plan(built.factory, catalog, a)
    network = describe(built.factory, cable_plan, built.time, catalog, a)
    progress(STEPS[2])
    training, serving = _workloads(plan, built, a, base)
    progress(STEPS[3])
    profile = hand.power_profile(built.factory, training, serving)
    facility = year(plan.site, plan.design, built.factory, profile, catalog, a, base)
    progress(STEPS[4])
    reliability = assess(built.factory, hand.runs(plan, training), hand.fabric_counts(built.factory, network), a)
    ...
