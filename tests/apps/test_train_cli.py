"""`firstlight train` as a user runs it: exit codes, streams, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import firstlight
from firstlight.spec.design import TrainingLayout

PLAN = """
name: small
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand:
  - {serve: llama-3.1-8b, requests: 5 /s, prompt: 1000, answer: 300}
  - {train: llama-3-8b, tokens: 200B, sequence: 4096}
design: {system: hgx-h100, accelerators: 64}
start: 2030-01-01
"""
GIVEN = """
name: given
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand: [{train: llama-3-8b, tokens: 200B, sequence: 4096, batch: 1048576 tokens}]
design:
  system: hgx-h100
  accelerators: 64
  placements: [{accelerators: 64, training: {tensor: 2, pipeline: 4, interleave: 2, recompute: selective}}]
"""
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTLIGHT_")}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`firstlight train ARGUMENTS` in a folder."""
    command = [sys.executable, "-m", "firstlight", "train", *arguments]
    environment = {**CLEAN, "XDG_CONFIG_HOME": str(folder / "nobody")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN, "utf-8")
    (tmp_path / "given.yaml").write_text(GIVEN, "utf-8")
    return tmp_path


def as_json(*arguments: str, folder: Path) -> dict[str, Any]:
    done = run(*arguments, "--json", "--quiet", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_answer_is_text_on_stdout_and_progress_on_stderr(folder):
    done = run("plan.yaml", folder=folder)
    assert done.returncode == 0
    for word in (
        "llama-3-8b on",
        "layout",
        "tokens",
        "MFU",
        "matrix products",
        "memory",
        "fits",
        "proposed",
        "assumed",
    ):
        assert word in done.stdout
    assert [line.split("  ")[-1] for line in done.stderr.splitlines()] == ["design", "training"]


def test_json_is_what_python_gives(folder):
    body = as_json("plan.yaml", folder=folder)
    answer = firstlight.train(folder / "plan.yaml")
    assert json.loads(json.dumps(answer.to_dict())) == body
    (told,) = body["runs"]
    assert told["demand"] == 1
    assert told["search"] is None
    assert sum(told["result"]["step_parts"].values()) == pytest.approx(told["result"]["step_time"]["p50"])
    assert told["units"]["step_time"] == "s"


def test_it_proposes_what_plan_proposes(folder):
    planned = firstlight.plan(folder / "plan.yaml").training[0]
    assert firstlight.train(folder / "plan.yaml").runs[0].result == planned


def test_a_search_takes_the_best_where_the_placement_is_open(folder):
    body = as_json("plan.yaml", "--search", folder=folder)
    (told,) = body["runs"]
    assert told["search"]["layout"] == told["result"]["layout"]
    assert told["search"]["step_time"] == pytest.approx(told["result"]["step_time"]["p50"])
    plain = as_json("plan.yaml", folder=folder)["runs"][0]["result"]
    assert told["result"]["tokens_per_s"]["p50"] >= plain["tokens_per_s"]["p50"] * (1 - 1e-9)


def test_a_search_keeps_and_compares_a_layout_that_is_written(folder):
    body = as_json("given.yaml", "--search", folder=folder)
    (told,) = body["runs"]
    written = TrainingLayout(tensor=2, pipeline=4, interleave=2, recompute="selective")
    assert TrainingLayout.model_validate(told["result"]["layout"]) == written
    assert told["search"]["alternatives"][0]["axis"] == "plan"
    assert told["search"]["alternatives"][0]["slower"] >= 0
    text = run("given.yaml", "--search", "--quiet", folder=folder).stdout
    assert "plan as written" in text
    assert "front" in text


def test_options_of_a_layout_are_told(folder):
    option = "design.placements[0].training={pipeline: 4, schedule: gpipe, offload: [optimizer], recompute: full}"
    done = run("given.yaml", "--quiet", "-o", "out", "--set", option, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "schedule gpipe, offload optimizer" in done.stdout
    trace = json.loads((folder / "out" / "llama-3-8b.trace.json").read_text("utf-8"))
    assert trace["otherData"]["schedule"] == "gpipe"


def test_files(folder):
    done = run("given.yaml", "-o", "out", "--quiet", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    names = {
        "training.json",
        "design.yaml",
        "llama-3-8b.trace.json",
        "llama-3-8b.megatron.sh",
        "llama-3-8b.torchtitan.toml",
    }
    assert {path.name for path in (folder / "out").iterdir()} == names
    trace = json.loads((folder / "out" / "llama-3-8b.trace.json").read_text("utf-8"))
    body = json.loads((folder / "out" / "training.json").read_text("utf-8"))
    step = body["runs"][0]["result"]["step_time"]["p50"]
    ends = [event["ts"] + event["dur"] for event in trace["traceEvents"] if event["ph"] == "X"]
    assert max(ends) == pytest.approx(step * 1e6, abs=0.01)
    assert "--num-virtual-stages-per-pipeline-rank 2" in (folder / "out" / "llama-3-8b.megatron.sh").read_text("utf-8")
    again = run("given.yaml", "-o", "again", "--quiet", folder=folder)
    assert again.returncode == 0
    for name in names:
        assert (folder / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_accelerators_that_run_neither_framework_have_no_launch_files(folder):
    assert run("given.yaml", "-o", "out", "--quiet", folder=folder).returncode == 0
    option = ("--set", "design.system=gaudi3-8", "--set", "design.placements[0].training={tensor: 4, recompute: full}")
    done = run("given.yaml", "-o", "out", "--quiet", *option, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "launch" in done.stdout
    assert "no file for Megatron-LM and TorchTitan, which do not run on" in done.stdout
    assert {path.name for path in (folder / "out").iterdir()} == {
        "training.json", "design.yaml", "llama-3-8b.trace.json"
    }  # fmt: skip


def test_the_resolved_plan_trains_the_same(folder):
    assert run("plan.yaml", "--search", "-o", "out", "--quiet", folder=folder).returncode == 0
    first = json.loads((folder / "out" / "training.json").read_text("utf-8"))
    again = as_json("out/design.yaml", folder=folder)
    assert again["runs"][0]["result"] == first["runs"][0]["result"]
    assert not [line for line in again["proposed"] if "placements" in line]
    planned = firstlight.plan(folder / "out" / "design.yaml")
    assert planned.training[0].layout == TrainingLayout.model_validate(first["runs"][0]["result"]["layout"])


def test_a_model_that_is_trained_twice_has_files_of_its_own(folder):
    twice = PLAN.replace("{serve: llama-3.1-8b, requests: 5 /s, prompt: 1000, answer: 300}",
                         "{train: llama-3-8b, tokens: 100B}")  # fmt: skip
    (folder / "twice.yaml").write_text(twice, "utf-8")
    assert run("twice.yaml", "-o", "out", "--quiet", folder=folder).returncode == 0
    assert {path.name for path in (folder / "out").glob("*.sh")} == {
        "llama-3-8b-0.megatron.sh", "llama-3-8b-1.megatron.sh"
    }  # fmt: skip


def test_what_does_not_fit_is_1_with_what_would(folder):
    tight = ("--set", "design.placements[0].training={tensor: 1, pipeline: 2, micro_batch: 4}")
    done = run("given.yaml", "--quiet", *tight, folder=folder)
    assert done.returncode == 1
    assert "does not fit" in done.stdout
    assert "demand[0].memory: needs" in done.stderr
    assert "With " in done.stderr
    nothing = run("given.yaml", "--search", "--quiet", "--set", "demand[0].train=llama-3.1-405b", folder=folder)
    assert nothing.returncode in (1, 2)
    large = run("plan.yaml", "--quiet", "--set", "demand[1].train=kimi-k2", folder=folder)
    assert large.returncode == 1
    assert "It fits on" in large.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan.yaml", "--set", "demand=[{serve: llama-3.1-8b, requests: 5 /s, prompt: 1000, answer: 300}]"),
         "nothing to train"),
        (("given.yaml", "--set", "design.placements[0].training={tensor: 64}"), "does not divide 32"),
        (("given.yaml", "--set", "design.placements[0].training={pipeline: 4, interleave: 9}"), "32 layers"),
        (("given.yaml", "--set", "design.placements[0].training={tensor: 3}"), "do not divide into groups"),
        (("given.yaml", "--set", "design.placements[0].training.micro_batch=32"), "interleave 2 needs"),
        (("given.yaml", "--set", "demand[0].train=lama-3-8b"), "llama-3-8b"),
        (("given.yaml", "-o", "given.yaml"), "is a file"),
        (("given.yaml", "--parts", "nowhere.yaml"), "nowhere.yaml"),
        (("nowhere.yaml",), "nowhere.yaml"),
        (("given.yaml", "--frobnicate"), "No such option"),
    ],
)  # fmt: skip
def test_bad_input_is_2_and_says_what(folder, arguments, says):
    done = run("--quiet", *arguments, folder=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert not done.stdout or "-o" in arguments


def test_parts_of_ones_own(folder):
    chip = """
- kind: accelerator
  id: nvidia-h100-sxm-80gb
  name: H100 with more memory
  vendor: NVIDIA
  architecture: hopper
  released: 2023
  bf16: 989 TFLOP/s
  fp8: 1979 TFLOP/s
  memory: 160 GB
  memory_type: HBM3
  memory_bandwidth: 3.35 TB/s
  scale_up_bandwidth: 450 GB/s
  scale_up_domain: 8
  tdp: 700 W
  source: test
  standing: estimate
"""
    (folder / "my parts.yaml").write_text(chip, "utf-8")
    body = as_json("given.yaml", "--parts", "my parts.yaml", folder=folder)
    assert body["runs"][0]["result"]["memory_available"] == 160e9


SCHOOL = """
name: school
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3.2-1b, teacher: llama-3.1-8b, tokens: 20B, sequence: 4096}
  - {train: qwen3-0.6b, teacher: qwen3-8b, distil: text, tokens: 2B, sequence: 4096}
design: {system: hgx-h100, accelerators: 64}
start: 2030-01-01
"""


def test_students_learn_beside_a_teacher_and_from_its_text(folder):
    (folder / "plan.yaml").write_text(SCHOOL, "utf-8")
    done = run("plan.yaml", "--search", "-o", "out", folder=folder)
    assert done.returncode == 0
    assert "llama-3.1-8b runs forward on every micro-batch" in done.stdout
    assert "; the teacher's forward pass " in done.stdout
    assert "qwen3-8b writes the tokens first" in done.stdout
    assert "accelerator-hours" in done.stdout
    assert "the teacher llama-3.1-8b" in (folder / "out" / "llama-3.2-1b.megatron.sh").read_text("utf-8")
    assert "the tokens that qwen3-8b writes" in (folder / "out" / "qwen3-0.6b.torchtitan.toml").read_text("utf-8")
    beside, beforehand = (run["result"] for run in as_json("out/design.yaml", folder=folder)["runs"])
    assert beside["teacher"] == "llama-3.1-8b"
    assert 0 < beside["step_parts"]["teacher"] < beside["step_time"]["p50"]
    assert beside["teacher_mfu"]["p50"] > beside["mfu"]["p50"]
    assert beside["generation"] is None
    assert beforehand["teacher_mfu"] is None
    written, own = beforehand["generation"]["duration"]["p50"], 2e9 / beforehand["tokens_per_s"]["p50"]
    assert beforehand["duration"]["p50"] == pytest.approx(written + own)


def test_the_whole_plan_counts_the_teacher_s_time(folder):
    (folder / "plan.yaml").write_text(SCHOOL, "utf-8")
    found = firstlight.plan(folder / "plan.yaml")
    for result, run, cost in zip(found.training, found.reliability.runs, found.economics.workloads, strict=True):
        assert run.duration.p50 >= result.duration.p50
        assert cost.model == result.model
    alone = firstlight.train(folder / "plan.yaml")
    assert [run.result for run in alone.runs] == list(found.training)


def test_a_teacher_of_another_vocabulary_is_refused_where_it_stands(folder):
    (folder / "plan.yaml").write_text(SCHOOL.replace("teacher: llama-3.1-8b", "teacher: qwen3-8b"), "utf-8")
    done = run("plan.yaml", folder=folder)
    assert done.returncode == 2
    assert "plan.yaml:5:36: demand[0].teacher: qwen3-8b has 151,936 outputs" in done.stderr
    assert "write distil: text" in done.stderr
