"""`firstlight network simulate`: files, patterns, broken links, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstlight.apps.cli.main import main

NETWORK = Path(__file__).parents[2] / "measurements" / "network"
TOPO = str(NETWORK / "topo" / "ft3_54_k6.topo")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["network", "simulate", *arguments])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_traffic_of_a_file_over_a_topology_file(capsys):
    tm = str(NETWORK / "tm" / "incast_54_16to1_1MB_s40.tm.gz")
    code, out, _ = run(capsys, "--topo", TOPO, "--traffic", tm, "--routing", "reps", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["flows"] == 16
    assert found["makespan"]["p10"] < found["makespan"]["p50"] < found["makespan"]["p90"]
    assert len(found["completion"]) == 16
    assert found["units"]["makespan"] == "s"


def test_a_pattern_over_broken_links_in_words(capsys):
    code, out, _ = run(capsys, "--topo", TOPO, "--traffic", "permutation:64kB", "--fail", "leaf-spine:3")
    assert code == 0
    assert "54 flows over 54 endpoints" in out
    assert "makespan" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--traffic", "permutation:8MB"], "either a plan FILE or --topo"),
        (["--topo", TOPO, "--traffic", "permutation"], "permutation:8MB"),
        (["--topo", TOPO, "--traffic", "permutaton:8MB"], 'Did you mean "permutation"'),
        (["--topo", TOPO, "--traffic", "permutation:8"], "8"),
        (["--topo", TOPO, "--traffic", "permutation:8MB,window=2"], "It has only a size"),
        (["--topo", TOPO, "--traffic", "all-to-all:8kB,windw=2"], 'Did you mean "window"'),
        (["--topo", TOPO, "--traffic", "all-to-all:8kB,window=0"], "no whole number from 1"),
        (["--topo", TOPO, "--traffic", "all-to-all:8kB,window=2,window=3"], "window is there twice"),
        (["--topo", TOPO, "--traffic", "kv-transfer:8MB"], "needs prefill=..., such as kv-transfer:8MB,prefill=8"),
        (["--topo", TOPO, "--traffic", "kv-transfer:8MB,prefill=54"], "leaves none to decode; write at most 53"),
        (["--topo", TOPO, "--traffic", "kv-transfer:8MB,prefill=4,every=5"], "every"),
        (["--topo", TOPO, "--traffic", "checkpoint:8MB,stores=54"], "leaves none that writes; write at most 53"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spin:3"], 'Did you mean "leaf-spine"'),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spine"], "leaf-spine:2"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spine:999"], "there are 54 of it, not 999"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--routing", "sprai"], 'Did you mean "spray"'),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--set", "a=b"], "--set changes a plan"),
    ],
)
def test_wrong_usage_is_refused(capsys, arguments, told):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert told in err


PLAN = str(Path(__file__).parents[2] / "examples" / "superpod-127.yaml")


def test_training_steps_of_a_plan(capsys):
    code, out, _ = run(capsys, PLAN, "--traffic", "step", "--fail", "leaf#0", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["down"] == 64
    (job,) = found["jobs"]
    assert job["change"]["p50"] > 1
    assert job["step"]["p50"] == pytest.approx(job["healthy_step"]["p50"] * job["change"]["p50"])
    assert job["collectives"][0]["bandwidth"] < job["collectives"][0]["healthy_bandwidth"]


def test_training_steps_in_words(capsys):
    code, out, _ = run(capsys, PLAN, "--traffic", "step", "--routing", "ecmp", "--place", "spread")
    assert code == 0
    assert "llama-3-70b (demand[0])" in out
    assert "a NIC, healthy" in out
    assert "leaf-spine#" in out


def test_a_job_that_stands_still_is_named(capsys):
    words = ("--set", "design.fabric.kind=clos", "--fail", "leaf#1")
    code, out, _ = run(capsys, PLAN, "--traffic", "step", *words)
    assert code == 0
    assert "stands still: node 4, 5, 6, 7 cut off" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--topo", TOPO, "--traffic", "step"], "step needs a plan FILE"),
        ([PLAN, "--traffic", "step", "--fail", "spin#3"], 'Did you mean "spine"'),
        ([PLAN, "--traffic", "step", "--fail", "spine#16"], "there are the numbers 0 to 15"),
        ([PLAN, "--traffic", "step", "--fail", "leaf-spine:5000"], "there are 1,024 of it, not 5,000"),
        ([PLAN, "--traffic", "step", "--fail", "leaf-spine:4@150%"], "no loss"),
        ([PLAN, "--traffic", "step", "--place", "sprad"], "sprad"),
        ([PLAN, "--traffic", "step", "--routing", "roce-ecmp"], "unknown routing"),
        ([PLAN, "--traffic", "step", "--queue-pairs", "4"], "--queue-pairs has no effect on spray"),
        ([PLAN, "--traffic", "shift:1MB", "--place", "spread"], "--place has no effect on shift"),
    ],
)
def test_steps_that_make_no_sense_are_refused(capsys, arguments, told):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert told in err


@pytest.mark.parametrize(
    ("traffic", "flows", "least"),
    [
        ("all-to-all:4kB,window=4", 54 * 53, 0.0),
        ("kv-transfer:4MB,prefill=6,layers=4,requests=8,every=1ms", 8 * 4, 7e-3),
        ("checkpoint:1MB,stores=2", 52, 0.0),
    ],
)
def test_patterns_with_options(capsys, traffic, flows, least):
    code, out, _ = run(capsys, "--topo", TOPO, "--traffic", traffic, "--routing", "reps", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["flows"] == flows
    assert found["makespan"]["p50"] > least


@pytest.mark.parametrize("accelerators", ["64", "1016"])
def test_isolated_rails_are_handed_over_to(capsys, accelerators):
    """Traffic to other rails goes inside the nodes first, with one tier and with two."""
    fabric = ("--set", "design.fabric.kind=rail-only", "--set", f"design.accelerators={accelerators}")
    code, out, _ = run(capsys, PLAN, *fabric, "--traffic", "permutation:64kB", "--routing", "reps", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["makespan"]["p50"] > 0
    assert any("handed over inside their sender's scale-up domain" in note for note in found["notes"])
