"""`firstlight network build` as a user runs it: exit codes, streams, files."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """
name: small
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand: [{train: llama-3-8b, tokens: 200B, sequence: 4096}]
design: {system: hgx-h100, accelerators: 256, fabric: {kind: clos, link: 400 Gb/s, switch: nvidia-qm9700, taper: 3}}
start: 2030-01-01
"""
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTLIGHT_")}
FILES = ["cable-bill.csv", "cables.csv", "design.yaml", "network.json", "ports.csv", "spares.csv", "switches.csv"]


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firstlight", "network", *arguments]
    environment = {**CLEAN, "XDG_CONFIG_HOME": str(folder / "nobody")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN, "utf-8")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_build_writes_every_cable_port_switch_and_spare(folder):
    done = run("build", "plan.yaml", "-o", "out", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "leaf of nvidia-qm9700" in done.stdout
    assert sorted(path.name for path in (folder / "out").iterdir()) == FILES
    answer = json.loads((folder / "out" / "network.json").read_text("utf-8"))
    links = sum(count for _, count, _ in answer["network"]["links"])
    cables = rows(folder / "out" / "cables.csv")
    assert len(cables) == links
    assert sum(int(row["count"]) for row in rows(folder / "out" / "cable-bill.csv")) == links
    ports = rows(folder / "out" / "ports.csv")
    assert len(ports) == 64 * sum(count for _, _, count in answer["network"]["tiers"])
    assert {row["cable"] for row in ports} - {""} == {row["cable"] for row in cables}
    assert {row["part"] for row in rows(folder / "out" / "spares.csv")} == {one["part"] for one in answer["spares"]}


def test_what_build_writes_is_what_plan_counts(folder):
    planned = subprocess.run(
        [sys.executable, "-m", "firstlight", "plan", "plan.yaml", "-o", "whole", "--quiet"],
        cwd=folder, env=CLEAN, capture_output=True, text=True,
    )  # fmt: skip
    assert (folder / "whole" / "bom.csv").exists(), planned.stderr
    assert run("build", "plan.yaml", "-o", "net", "--quiet", folder=folder).returncode == 0
    assert rows(folder / "whole" / "cables.csv") == rows(folder / "net" / "cables.csv")
    bought = [row for row in rows(folder / "whole" / "bom.csv") if row["waits_for"] == "cables"]
    bill = rows(folder / "net" / "cable-bill.csv")
    assert sum(float(row["count"]) for row in bought) == sum(int(row["count"]) for row in bill)


def test_json_is_on_stdout_alone(folder):
    done = run("build", "plan.yaml", "--json", "--quiet", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["network"]["endpoints"] == 256
    assert answer["plan"]["design"]["fabric"]["taper"] == 3


def test_a_fabric_that_cannot_be_built_is_refused_and_leaves_nothing(folder):
    done = run("build", "plan.yaml", "-o", "out", "--set", "design.fabric.taper=64", folder=folder)
    assert done.returncode == 2
    assert "choose at most 63:1" in done.stderr
    assert not (folder / "out").exists()
