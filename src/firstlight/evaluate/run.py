"""Runs the disciplines in order and hands numbers across."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstlight import __version__, economics, facility, network, performance, reliability, schedule
from firstlight.economics.result import EconomicsResult
from firstlight.evaluate.bill import bill
from firstlight.evaluate.build import Built, build
from firstlight.evaluate.evaluation import Evaluation, FactorySummary
from firstlight.evaluate.margins import margins
from firstlight.facility.result import FacilityResult
from firstlight.network.result import NetworkResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import ReliabilityResult
from firstlight.schedule.result import ScheduleResult
from firstlight.spec import models
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Placement
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import RackKind
from firstlight.twin.protocols import Floats, Ints
