"""The main job end to end, as a user starts it on two cores: wall time and peak memory of whole processes.

`python scripts/performance.py` runs it and writes docs/performance.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(*arguments: str) -> float:
    """Run firstlight on two cores; its peak memory [GB]."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    child = subprocess.Popen(
        [sys.executable, "-m", "firstlight", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode in (0, 1)
    return usage.ru_maxrss * 1024 / 1e9


def _measure(benchmark, arguments: tuple[str, ...], limit: float, memory: float | None = None, rounds: int = 1) -> None:
    peak = benchmark.pedantic(_run, arguments, rounds=rounds)
    benchmark.extra_info |= {"limit_s": limit, "memory_gb": round(peak, 2), "memory_limit_gb": memory}


def test_help(benchmark):
    """`firstlight --help`"""
    _measure(benchmark, ("--help",), 0.4, rounds=5)


def test_plan_colossus(benchmark, tmp_path):
    """`firstlight plan examples/colossus-100k.yaml`"""
    _measure(benchmark, ("plan", str(EXAMPLES / "colossus-100k.yaml"), "-o", str(tmp_path / "out"), "--quiet"), 15)


def test_plan_million(benchmark, tmp_path):
    """`firstlight plan examples/million.yaml`"""
    _measure(benchmark, ("plan", str(EXAMPLES / "million.yaml"), "-o", str(tmp_path / "out"), "--quiet"), 60, 4)


@pytest.mark.parametrize("name", ["superpod-127", "nvl72-abilene", "serve-deepseek"])
def test_plan_other(benchmark, tmp_path, name):
    """`firstlight plan` of the other examples"""
    _measure(benchmark, ("plan", str(EXAMPLES / f"{name}.yaml"), "-o", str(tmp_path / name), "--quiet"), 60)
