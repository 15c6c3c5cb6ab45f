"""The main job end to end, as a user starts it: wall time and peak memory of whole processes.

Run with `scripts/test benchmarks --benchmark-only`. `docs/performance.md` is written from it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "firstlight", *arguments], check=False, capture_output=True)


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def test_help(benchmark):
    """At most 0.4 s."""
    benchmark.pedantic(_run, ("--help",), rounds=5)


@pytest.mark.parametrize("name", ["superpod-127", "colossus-100k", "nvl72-abilene", "serve-deepseek", "million"])
def test_plan(benchmark, tmp_path, name):
    """colossus-100k at most 15 s; million at most 60 s and 4 GB."""
    benchmark.pedantic(
        _run, ("plan", str(EXAMPLES / f"{name}.yaml"), "-o", str(tmp_path / name), "--quiet"), rounds=1
    )
    benchmark.extra_info["peak_gigabytes"] = round(_peak_gigabytes(), 2)
