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

Whole processes, start-up included, on two cores of: {cpu}. Searches, years and the network's flows run on one core,
inside a process that stands; `processor` is the processor time of the same work. Benchmarks: `benchmarks/`.

| benchmark | time [s] | at most [s] | processor [s] | peak memory [GB] | at most [GB] | layouts | layouts a second |
|---|---|---|---|---|---|---|---|
"""
BUILT = """
## As size grows

A fabric of NVL72 racks with every cable and switch port as a row of a Parquet file, as a whole process.

| accelerators | time [s] | for each accelerator [us] | peak memory [GB] |
|---|---|---|---|
"""
FLOWS = """
Every flow of a random permutation with mixed sizes over ECMP on a fat tree, paths included, to its end. The work is
counted in looks: each is one at a flow on a link that is asked for its share. The last row has many of the smallest
fabric side by side, whose work is that of one times their number: what a flow costs more there than in the first row is
due to the machine, whose caches hold the small case and not the large ones.

| fabrics | flows | looks for each flow | time [s] | processor [s] | processor for each flow [us] | peak memory [GB] |
|---|---|---|---|---|---|---|
"""


def seconds(result: dict[str, Any]) -> float:
    """What a benchmark measured inside, or its own time."""
    return result["extra_info"].get("work_s", result["stats"]["median"])


def row(result: dict[str, Any]) -> str:
    """One line of the table."""
    info = result["extra_info"]
    cells = (
        result["name"].removeprefix("test_"),
        f"{seconds(result):{'.2f' if seconds(result) >= 0.1 else '.2g'}}",
        info.get("limit_s", ""),
        f"{info['cpu_s']:.2f}" if "cpu_s" in info else "",
        info.get("memory_gb", ""),
        info.get("memory_limit_gb") or "",
        f"{info['layouts']:,}" if "layouts" in info else "",
        f"{info['layouts_per_s']:,.0f}" if "layouts_per_s" in info else "",
    )
    return line(*cells)


def built(result: dict[str, Any]) -> str:
    """One line of the table of fabrics by size."""
    info, time = result["extra_info"], seconds(result)
    return line(f"{info['endpoints']:,}", f"{time:.2f}", f"{time / info['endpoints'] * 1e6:.1f}", info["memory_gb"])


def flows(result: dict[str, Any]) -> str:
    """One line of the table of flows by size."""
    info = result["extra_info"]
    times = (f"{time:.2f}" for time in (seconds(result), info["cpu_s"], info["us_per_flow"]))
    return line(info["fabrics"], f"{info['flows']:,}", info["looks_per_flow"], *times, info["memory_gb"])


def line(*cells: object) -> str:
    """One line of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


SIZED = {"endpoints": (BUILT, built), "looks_per_flow": (FLOWS, flows)}
"""Table and line of a benchmark that measured one of these."""


def main() -> None:
    """Run and write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "benchmarks", "-q", f"--benchmark-json={path}", "-p", "no:xdist"]
        subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, check=True)
        found = json.loads(path.read_text("utf-8"))
    cpu = found["machine_info"]["cpu"].get("brand_raw", found["machine_info"]["machine"])
    tables: dict[str, list[str]] = {HEAD.format(cpu=cpu): [], BUILT: [], FLOWS: []}
    head = next(iter(tables))
    for result in found["benchmarks"]:
        place, tell = next((to for key, to in SIZED.items() if key in result["extra_info"]), (head, row))
        tables[place].append(tell(result))
    text = "\n".join("\n".join([start.strip("\n"), *lines, ""]) for start, lines in tables.items())
    (ROOT / "docs" / "performance.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
