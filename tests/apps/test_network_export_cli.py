"""`firstlight network export`: what it writes is read again as the same case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstlight.apps.cli.main import main

PLAN = str(Path(__file__).parents[2] / "examples" / "superpod-127.yaml")
CLOS = (PLAN, "--set", "design.fabric.kind=clos", "--set", "design.accelerators=128")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["network", *map(str, arguments)])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def answer(capsys, *arguments):
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize(("traffic", "rel"), [("permutation:1MB", 1e-9), ("all-to-all:4kB,window=4", 1e-3)])
def test_a_case_of_a_plan_is_the_same_from_its_files(capsys, tmp_path, traffic, rel):
    """Same fabric, flows and slow spine: the same answer, but for packets at one instant that wait for others."""
    case = (*CLOS, "--traffic", traffic, "--fail", "spine:1@50%", "--seed", 3)
    written = answer(capsys, "export", *case, "-o", tmp_path)
    assert [Path(file).name for file in written["files"]] == ["topology.topo", "flows.tm", "flows.csv"]
    planned = answer(capsys, "simulate", *case)
    for flows in ("flows.tm", "flows.csv"):
        files = ("--topo", tmp_path / "topology.topo", "--traffic", tmp_path / flows, "--seed", 3)
        again = answer(capsys, "simulate", *files)
        assert again["flows"] == planned["flows"]
        assert again["makespan"]["p50"] == pytest.approx(planned["makespan"]["p50"], rel=rel)
        assert sum(again["completion"]) == pytest.approx(sum(planned["completion"]), rel=rel)


def test_what_the_text_has_no_word_for_is_a_table(capsys, tmp_path):
    (tmp_path / "topology.topo").write_text("of an earlier run")
    code, out, _ = run(
        capsys, "export", PLAN, "--traffic", "ring:1kB", "--set", "design.accelerators=16", "-o", tmp_path
    )
    assert code == 0
    assert "no topology.topo" in out
    assert "does not say which flows share a queue pair" in out
    assert {file.name for file in tmp_path.iterdir()} == {"links.csv", "flows.tm", "flows.csv"}
    assert "recv_done_trigger" in (tmp_path / "flows.tm").read_text()
    found = answer(
        capsys,
        "simulate",
        PLAN,
        "--set",
        "design.accelerators=16",
        "--traffic",
        tmp_path / "flows.csv",
        "--routing",
        "reps",
    )
    assert found["flows"] == 16 * 30


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((PLAN, "--traffic", "step"), "has no flows to write"),
        (("--traffic", "shift:1MB"), "either a plan FILE or --topo"),
        ((PLAN, "--traffic", "shift:1MB", "--fail", "spin#1"), "has no spin"),
    ],
)
def test_what_is_refused(capsys, tmp_path, arguments, told):
    code, _, err = run(capsys, "export", *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert told in err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_is_told(capsys, tmp_path):
    (tmp_path / "out").write_text("")
    code, _, err = run(capsys, "export", *CLOS, "--traffic", "shift:1MB", "-o", tmp_path / "out")
    assert code == 2
    assert "is a file" in err
