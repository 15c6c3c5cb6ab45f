#!/usr/bin/env python3
"""Runs the benchmarks and writes docs/performance.md from what they measured on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
HEAD = """<!-- Written by `python scripts/performance.py`; do not edit. -->

# Performance

Whole processes, start-up included, on two cores of: {cpu}. Searches and years run on one core, inside a process that
stands. Benchmarks: `benchmarks/`.

| benchmark | time [s] | at most [s] | peak memory [GB] | at most [GB] | layouts | layouts a second |
|---|---|---|---|---|---|---|
"""


def row(result: dict[str, Any]) -> str:
    """One line of the table."""
    info = result["extra_info"]
    cells = (
        result["name"].removeprefix("test_"),
        f"{result['stats']['median']:{'.2f' if result['stats']['median'] >= 0.1 else '.2g'}}",
        info.get("limit_s", ""),
        info.get("memory_gb", ""),
        info.get("memory_limit_gb") or "",
        f"{info['layouts']:,}" if "layouts" in info else "",
        f"{info['layouts_per_s']:,.0f}" if "layouts_per_s" in info else "",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Run and write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "benchmarks", "-q", f"--benchmark-json={path}", "-p", "no:xdist"]
        subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=True)
        found = json.loads(path.read_text("utf-8"))
    cpu = found["machine_info"]["cpu"].get("brand_raw", found["machine_info"]["machine"])
    rows = [row(result) for result in found["benchmarks"]]
    (ROOT / "docs" / "performance.md").write_text(HEAD.format(cpu=cpu) + "\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
