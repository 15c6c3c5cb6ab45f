"""The main job end to end, as a user starts it on two cores: wall time and peak memory of whole processes.

`python scripts/performance.py` runs it and writes docs/performance.md.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from .processes import Done, run

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(*arguments: str) -> Done:
    """Run firstlight on two cores."""
    done = run([sys.executable, "-m", "firstlight", *arguments])
    assert done.code in (0, 1)
    return done


def _measure(benchmark, arguments: tuple[str, ...], limit: float, memory: float | None = None, rounds: int = 1) -> None:
    found = list[Done]()
    benchmark.pedantic(lambda: found.append(_run(*arguments)), rounds=rounds)
    benchmark.extra_info |= {
        "work_s": statistics.median(one.seconds for one in found), "limit_s": limit,
        "memory_gb": round(max(one.memory for one in found), 2), "memory_limit_gb": memory,
    }  # fmt: skip


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
