"""Max-min rates and completion of a million flows, on one core; each in a process of its own that has compiled before.

The time is that of the work, without start-up; `cpu` is the processor time of the same, which a busy machine leaves
alone; memory is the peak of the whole process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from .processes import run

HEAD = """
import dataclasses, json, sys, time
import numpy as np
from firstlight.network.flows import engine, traffic
from firstlight.network.flows.maxmin import rates
from firstlight.network.flows.simulate import finish
from firstlight.network.topology.clos import Clos
from firstlight.network.topology.stages import Shape, Stage
from firstlight.twin.protocols import Bundle, Tier

LINK, SIZE = 50e9, 8 * 2**20

def fat_tree(k, taper=1, leaf=1):
    half, up = k // 2, k // 2 // leaf
    stages = (Stage(k, half, up, up), Stage(1, k * up, half // taper, half * up // taper))
    shape = Shape(k, k * half * half, 1, k * half, stages)
    counts = (k * half * half, *(stage.links for stage in stages))
    bundles = tuple(Bundle(f"b{i}", i - 1, i, count, LINK) for i, count in enumerate(counts))
    tiers = tuple(Tier(f"t{i}", count, "", k) for i, count in enumerate(shape.switches))
    return Clos("clos", k * half * half, 1, 1, shape, tiers, bundles)

def case(k, taper=1, leaf=1):
    fabric, rng = fat_tree(k, taper, leaf), np.random.default_rng(1)
    sources, targets = np.arange(fabric.endpoints), rng.permutation(fabric.endpoints)
    hashed = rng.integers(0, 2**64, len(sources), np.uint64)
    return fabric, sources, targets, hashed, SIZE * rng.uniform(0.25, 1.75, len(sources))

def one_solve(fabric, sources, targets, hashed, size):
    return rates(fabric.routes(sources, targets, hashed), fabric.capacity())

def all_ends(fabric, sources, targets, hashed, size):
    routes = fabric.routes(sources, targets, hashed)
    return finish(routes, fabric.capacity(), traffic(sources, targets, size))

def apart(fabric, sources, targets, hashed, size):
    copies = 1_024_000 // fabric.endpoints
    one, links, rng = fabric.routes(sources, targets, hashed), len(fabric.capacity()), np.random.default_rng(2)
    routes = np.concatenate([np.where(one >= 0, one + i * links, -1) for i in range(copies)]).astype(one.dtype)
    sizes = np.concatenate([rng.permutation(size) for _ in range(copies)])
    ends = np.concatenate([np.stack([sources, targets]) + i * fabric.endpoints for i in range(copies)], axis=1)
    return finish(routes, np.tile(fabric.capacity(), copies), traffic(*ends, sizes))

def sprayed(fabric, sources, targets, hashed, size):
    routes, capacity = fabric.trunks(sources, targets)
    return finish(routes, capacity, traffic(sources, targets, size))

told = []
run = engine.run
engine.run = lambda *a: told.append(run(*a)) or told[-1]
work, k, tapers, rounds = globals()[sys.argv[1]], int(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
start, begun = time.perf_counter(), time.process_time()
work(*case(4, *tapers))
cold = time.perf_counter() - start, time.process_time() - begun
given, walls, cpus = case(k, *tapers), [], []
for _ in range(rounds):
    wall, cpu = time.perf_counter(), time.process_time()
    work(*given)
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)
looks = told[-1][1] if told else 0
print(json.dumps({"wall": min(walls), "cpu": min(cpus), "first_call": cold, "looks": looks}))
"""
ROUNDS = 3
CURVE = (34, 74, 116, 160)
"""Ports of fat trees of 10 thousand, 100 thousand, 390 thousand and a million endpoints."""
APART = 104
"""Fabrics of the smallest of them that together have as many flows as the largest."""


def _run(
    work: str, k: int, tapers: list[int], rounds: int, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """The work in a process of its own on one core: seconds, and its peak memory [GB]."""
    done = run([sys.executable, "-c", HEAD, work, str(k), json.dumps(tapers), str(rounds)], 1, environment)
    assert done.code == 0
    return {**json.loads(done.told), "memory": done.memory}


def _measure(benchmark, work: str, tapers: list[int], limit: float) -> None:
    _run(work, 4, tapers, 1)
    found = benchmark.pedantic(_run, (work, 160, tapers, ROUNDS), rounds=1)
    benchmark.extra_info |= {
        "work_s": found["wall"], "cpu_s": found["cpu"], "limit_s": limit, "flows": 1_024_000,
        "memory_gb": round(found["memory"], 2), "memory_limit_gb": 1,
    }  # fmt: skip


def test_rates_million_ecmp(benchmark):
    """Paths and max-min rates of a random permutation over ECMP on a fat tree of 160 ports."""
    _measure(benchmark, "one_solve", [1, 1], 1.0)


def test_finish_million_ecmp(benchmark):
    """The same to the end of every flow, sizes 2 to 14 MiB."""
    _measure(benchmark, "all_ends", [1, 1], 10)


def test_finish_million_sprayed(benchmark):
    """The same sprayed, with half of the links between pods, by class."""
    _measure(benchmark, "sprayed", [2, 1], 10)


def test_finish_million_sprayed_leaves(benchmark):
    """The same sprayed, with half of the uplinks of every leaf, where hardly two flows are of one class."""
    _measure(benchmark, "sprayed", [1, 2], 10)


def _point(benchmark, work: str, k: int, fabrics: int) -> None:
    found = benchmark.pedantic(_run, (work, k, [1, 1], 2), rounds=1)
    flows = fabrics * k**3 // 4
    benchmark.extra_info |= {
        "work_s": found["wall"], "cpu_s": found["cpu"], "flows": flows, "memory_gb": round(found["memory"], 2),
        "us_per_flow": round(found["cpu"] / flows * 1e6, 2), "looks_per_flow": round(found["looks"] / flows, 1),
        "fabrics": fabrics,
    }  # fmt: skip


@pytest.mark.parametrize("k", CURVE)
def test_finish_curve(benchmark, k):
    """How the time grows with the number of flows."""
    _point(benchmark, "all_ends", k, 1)


def test_finish_apart(benchmark):
    """Many small fabrics at once: just so many times the work of one, in as much memory as one large fabric."""
    _point(benchmark, "apart", CURVE[0], APART)


def test_first_call(benchmark, tmp_path):
    """What compiling costs, once after each installation: nothing is on disk yet."""
    found = benchmark.pedantic(_run, ("all_ends", 4, [1, 1], 1, {"NUMBA_CACHE_DIR": str(tmp_path)}), rounds=1)
    wall, cpu = found["first_call"]
    benchmark.extra_info |= {"work_s": wall, "cpu_s": cpu}
