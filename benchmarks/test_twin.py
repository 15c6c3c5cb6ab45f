"""A million accelerators assembled, and wired, as a process of its own: wall time and peak memory, start-up and all."""

from __future__ import annotations

import json
import sys

import pytest

from .processes import run

MILLION = 1_000_000
FABRICS = {
    "gb300-nvl72": {"kind": "rail-optimised", "link": "800 Gb/s", "switch": "nvidia-q3400-ra"},
    "hgx-h100": {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-sn5600"},
    "hgx-b300": {"kind": "clos", "link": "800 Gb/s", "switch": "nvidia-sn5600", "planes": 4},
    "tpu-v5p-cube": {"kind": "torus", "link": "800 Gb/s"},
}
CDU = {"gb300-nvl72": "cdu-row-2000kw", "tpu-v5p-cube": "cdu-row-2000kw"}
SITE = {"place": "Phoenix, Arizona", "power": "5 GW", "floor": "1000000 m2"}
WORK = [{"train": "llama-3.1-405b", "tokens": "15T tokens"}]
BUILD = """
import json, sys
from firstlight.evaluate.build import build
from firstlight.spec import assumptions, catalog
from firstlight.spec.plan import Plan

shelf, a = catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), {})
built = build(Plan.model_validate(json.loads(sys.argv[1])), shelf, a)
"""
WIRE = (
    BUILD
    + """
from firstlight.network import cables, describe

plan = cables.plan(built.factory, shelf, a)
describe(built.factory, plan, built.time, shelf, a)
"""
)
WRITE = (
    WIRE
    + """
from pathlib import Path
from firstlight.export import files, wiring

tables = {"cables": wiring.cables(built.factory, plan), "ports": wiring.ports(built.factory, plan)}
for name, parts in tables.items():
    files.table(Path("FOLDER"), name, parts, len(plan))
"""
)


SIZES = (10_080, 100_080, 400_320, 1_000_080)
"""Accelerators of the curve, in whole racks."""


def _run(code: str, system: str, accelerators: int) -> float:
    """Run a script on the plan of so many; its peak memory [GB]."""
    design = {
        "system": system,
        "accelerators": accelerators,
        "fabric": FABRICS[system],
        "power": {"ups": "ups-2500kw"},
        "cooling": {"cdu": CDU.get(system)},
    }
    plan = {"name": "million", "site": SITE, "demand": WORK, "design": design}
    done = run([sys.executable, "-c", code, json.dumps(plan)])
    assert done.code == 0
    return done.memory


def _measure(benchmark, code: str, system: str, limit: float, memory: float) -> None:
    peak = benchmark.pedantic(_run, (code, system, MILLION), rounds=3)
    benchmark.extra_info |= {"limit_s": limit, "memory_gb": round(peak, 2), "memory_limit_gb": memory}


@pytest.mark.parametrize("system", FABRICS)
def test_assemble_million(benchmark, system):
    """Topology, racks, pods, halls, feeds and loops."""
    _measure(benchmark, BUILD, system, 5, 2)


@pytest.mark.parametrize("system", FABRICS)
def test_wire_million(benchmark, system):
    """The same, with the cable plan and the fabric in numbers."""
    _measure(benchmark, WIRE, system, 15, 3)


@pytest.mark.parametrize("system", ["gb300-nvl72", "hgx-h100"])
def test_network_build_million(benchmark, system, tmp_path):
    """`firstlight network build`: the same, with every cable and every switch port as a row of a Parquet file."""
    _measure(benchmark, WRITE.replace("FOLDER", str(tmp_path)), system, 30, 4)


@pytest.mark.parametrize("accelerators", SIZES)
def test_network_build_curve(benchmark, accelerators, tmp_path):
    """How that grows with the number of endpoints."""
    code = WRITE.replace("FOLDER", str(tmp_path))
    peak = benchmark.pedantic(_run, (code, "gb300-nvl72", accelerators), rounds=1)
    benchmark.extra_info |= {"endpoints": accelerators, "memory_gb": round(peak, 2)}
