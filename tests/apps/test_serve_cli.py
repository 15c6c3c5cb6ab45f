"""`firstlight serve` as a user runs it: exit codes, streams, traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """
name: small
site: {place: "Memphis, Tennessee", power: 2 MW, floor: 2000 m2, existing: [shell, utility]}
demand: [{serve: llama-3.1-8b, requests: 40 /s, prompt: 1000, answer: 300}]
design:
  system: hgx-h100
  accelerators: 8
  placements: [{accelerators: 8, serving: {tensor: 1, batch: 64}}]
start: 2030-01-01
"""
PLACED = "  placements: [{accelerators: 8, serving: {tensor: 1, batch: 64}}]\n"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTLIGHT_")}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firstlight", "serve", *arguments]
    environment = {**CLEAN, "XDG_CONFIG_HOME": str(folder / "nobody")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN, "utf-8")
    rows = "\n".join(f"{i * 0.1:.1f},{500 + i % 700},{50 + i % 90}" for i in range(2000))
    (tmp_path / "trace.csv").write_text(f"arrival,prompt,answer\n{rows}\n", "utf-8")
    return tmp_path


def as_json(*arguments: str, folder: Path) -> dict:
    done = run("plan.yaml", *arguments, "--json", "--quiet", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_percentiles_rise_and_the_same_seed_gives_the_same_answer(folder):
    answer = as_json("--seed", "5", folder=folder)
    (one,) = answer["runs"]
    first = one["traffic"]["first_token"]
    assert first["p50"]["p50"] < first["p90"]["p50"] < first["p99"]["p50"]
    assert one["traffic"]["played"] == one["traffic"]["replicas"] == 8
    assert one["traffic"]["tokens_per_s"] == pytest.approx(40 * 300, rel=0.05)
    assert as_json("--seed", "5", folder=folder) == answer


def test_steady_state_and_requests_one_by_one_agree_at_low_load(folder):
    (one,) = as_json("--set", "demand[0].requests=8 /s", folder=folder)["runs"]
    steady, played = one["result"], one["traffic"]
    assert played["per_token"]["p50"]["p50"] == pytest.approx(steady["per_token"]["p50"], rel=0.10)
    assert played["tokens_per_s"] == pytest.approx(steady["tokens_per_s"]["p50"], rel=0.03)


def test_a_trace_is_played_at_the_asked_rate(folder):
    (one,) = as_json("--trace", "trace.csv", "--router", "power-of-two", folder=folder)["runs"]
    assert one["traffic"]["requests"] == 2000
    assert "2,000 requests at 4 times their pace" in one["traffic"]["source"]
    mean = sum(50 + i % 90 for i in range(2000)) / 2000
    assert one["traffic"]["tokens_per_s"] == pytest.approx(40 * mean, rel=0.1)


def test_the_text_tells_both(folder):
    done = run("plan.yaml", "--engine", "sglang", folder=folder)
    assert done.returncode == 0
    assert "steady    first token" in done.stdout
    assert "P99" in done.stdout
    assert "sglang, least-loaded" in done.stdout
    assert "serving llama-3.1-8b" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--engine", "vlm"), 'there is no engine "vlm"; choose one of vllm, sglang, trtllm'),
        (("--router", "any"), 'there is no router "any"'),
        (("--cache", "1000"), "a prefix cache has no effect; give a trace"),
        (("--trace", "trace.csv", "--cache", "1000"), "has no hashes of blocks"),
        (("--trace", "none.csv"), "cannot read none.csv"),
    ],
)
def test_what_has_no_effect_or_is_not_there_is_2(folder, arguments, told):
    done = run("plan.yaml", *arguments, folder=folder)
    assert done.returncode == 2
    assert told in done.stderr


def test_requests_of_a_trace_beyond_the_context_are_left_out_and_told(folder):
    (folder / "long.csv").write_text("arrival,prompt,answer\n0,100,10\n1,16000000,100\n2,100,10\n3,200,10\n", "utf-8")
    done = run("plan.yaml", "--trace", "long.csv", folder=folder)
    assert done.returncode == 0
    told = "1 of 4 requests are beyond the model's context of 131,072 tokens, the first in line 3 with 16,000,000 + 100"
    assert told in done.stdout
    assert "fit no cache" not in done.stdout
    (folder / "all.csv").write_text("arrival,prompt,answer\n0,200000,10\n1,16000000,100\n", "utf-8")
    done = run("plan.yaml", "--trace", "all.csv", folder=folder)
    assert done.returncode == 2
    assert "demand[0]: all.csv: 2 of 2 requests are beyond" in done.stderr


def test_lengths_drawn_beyond_the_context_are_shortened_and_told(folder):
    wide = ("--set", "demand[0].traffic={spread: 4}", "--set", "demand[0].prompt=12000")
    traffic = as_json(*wide, "--set", "demand[0].requests=1 /s", folder=folder)["runs"][0]["traffic"]
    assert 0 < traffic["beyond"] < 400
    assert "drawn beyond the model's context of 131,072 tokens, and shortened" in traffic["note"]


def test_a_trace_of_one_moment_has_no_pace(folder):
    (folder / "moment.csv").write_text("arrival,prompt,answer\n3,100,10\n3,200,10\n", "utf-8")
    done = run("plan.yaml", "--trace", "moment.csv", folder=folder)
    assert done.returncode == 2
    assert "has no pace to be played at" in done.stderr


def test_a_plan_that_serves_nothing_is_2(folder):
    done = run("plan.yaml", "--set", 'demand=[{train: llama-3-8b, tokens: 2B}]', "--set", "design.placements=null",
               folder=folder)  # fmt: skip
    assert done.returncode == 2
    assert "serves nothing" in done.stderr


def test_a_search_writes_a_page_and_a_plan_that_can_be_served_again(folder):
    (folder / "open.yaml").write_text(PLAN.replace(PLACED, ""), "utf-8")
    done = run("open.yaml", "--search", "-o", "out", "--quiet", "--json", folder=folder)
    assert done.returncode == 0
    (one,) = json.loads(done.stdout)["runs"]
    search, result = one["search"], one["result"]
    assert search["best"]["layout"] == result["layout"]
    assert result["capacity"]["p50"] >= 0.95 * 40
    assert {front["domain"] for front in search["fronts"]} == {8, 72, 144, 576}
    assert json.loads((folder / "out" / "serving.json").read_text("utf-8"))["runs"] == [one]
    assert "Every layout of llama-3.1-8b" in (folder / "out" / "serving.html").read_text("utf-8")
    again = run("out/design.yaml", "--json", "--quiet", folder=folder)
    assert json.loads(again.stdout)["runs"][0]["result"] == result


def test_a_placement_that_is_written_stays_as_it_is(folder):
    done = run("plan.yaml", "--search", folder=folder)
    assert done.returncode == 0
    assert "8 replicas of 1 accelerator: one accelerator" in done.stdout
    assert "configurations; the fewest accelerators" in done.stdout
    assert "power capped to 70%" in done.stdout


POOLS = "{tensor: 2, batch: 64, engines: 2, prefill: {tensor: 2}}"


def test_two_pools_of_a_plan_are_computed_and_played(folder):
    placed = f"design.placements=[{{accelerators: 6, serving: {POOLS}}}]"
    (one,) = as_json("--set", placed, folder=folder)["runs"]
    steady, played = one["result"], one["traffic"]
    assert (steady["replicas"], steady["replica_accelerators"]) == (1, 6)
    assert played["per_token"]["p50"]["p50"] == pytest.approx(steady["per_token"]["p50"], rel=0.05)
    assert played["first_token"]["p50"]["p50"] == pytest.approx(steady["first_token"]["p50"], rel=0.1)
    assert played["refused"] == 0


@pytest.mark.parametrize("questions", ["{kind: users, users: 300, think: 4 s}", "{kind: agent, turns: 4, pause: 1 s}"])
def test_a_search_with_questions_plays_what_it_finds(folder, questions):
    (folder / "open.yaml").write_text(PLAN.replace(PLACED, ""), "utf-8")
    busy = ("--set", f"demand[0].traffic={{questions: {questions}}}", "--set", "demand[0].per_token=8 ms")
    done = run("open.yaml", "--search", *busy, "--json", "--quiet", folder=folder)
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["runs"]
    assert one["search"]["best"]["pools"] == "two pools"
    assert one["traffic"]["refused"] == 0
    assert one["traffic"]["tokens_per_s"] > 0.9 * one["traffic"]["asked_tokens_per_s"]


def test_engines_without_a_pool_that_reads_for_them_are_refused_where_they_stand(folder):
    placed = "design.placements=[{accelerators: 4, serving: {tensor: 2, engines: 2}}]"
    done = run("plan.yaml", "--set", placed, folder=folder)
    assert done.returncode == 2
    assert "more engines are more replicas" in done.stderr
    assert "Remove it, or add `prefill: {engines: 1}`" in done.stderr


def test_limits_that_no_layout_meets_are_1(folder):
    (folder / "open.yaml").write_text(PLAN.replace(PLACED, "").replace("answer: 300", "answer: 300, per_token: 1 us"))
    done = run("open.yaml", "--search", "-o", "out", folder=folder)
    assert done.returncode == 1
    assert "per_token" in done.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ("requests=400 /s", "requests", "times its accelerators, or let --search try every layout"),
        ("first_token=20 ms", "first_token", "lower the batch of its layout, or let --search try every layout"),
        ("per_token=4 ms", "per_token", "has 4 ms. Allow"),
    ],
)
def test_a_given_layout_that_misses_a_limit_is_1_and_is_still_told(folder, changed, field, told):
    done = run("plan.yaml", "--set", f"demand[0].{changed}", "--json", "--quiet", "-o", "out", folder=folder)
    assert done.returncode == 1
    assert "small is not served as it asks:" in done.stderr
    assert f"demand[0].{field}: needs" in done.stderr
    assert told in done.stderr
    answer = json.loads(done.stdout)
    (one,) = answer["runs"]
    assert answer["met"] is one["met"] is False
    broken = {margin["name"] for margin in one["margins"] if margin["used"] > margin["available"]}
    assert f"demand[0].{field}" in broken
    assert one["traffic"]["within"] == (None if field == "requests" else 0.0)
    assert "Not served as asked: llama-3.1-8b" in (folder / "out" / "serving.html").read_text("utf-8")


def test_a_layout_within_its_limits_says_so_and_what_it_draws(folder):
    done = run("plan.yaml", "--set", "demand[0].per_token=20 ms", folder=folder)
    assert done.returncode == 0
    assert "per_token 31% (6.1" in done.stdout
    assert "100.0% of the requests played are within the limits" in done.stdout
    assert "J an output token" in done.stdout
    answer = as_json(folder=folder)
    assert answer["met"] is True
    power = answer["runs"][0]["result"]["power"]
    assert power["idle"] < power["decode"] < power["prefill"]
    assert power["joules_per_token"] == pytest.approx(8 * power["mean"] / (40 * 300), rel=1e-6)


def test_hours_of_the_fleet(folder):
    busy = "demand[0].traffic={swing: 50 %, burst: 2, spread: 0.5}"
    chosen = ("--hours", "1", "--set", busy, "--set", "demand[0].scaling={target: 60 %}")
    (one,) = as_json(*chosen, folder=folder)["runs"]
    fleet = one["fleet"]
    assert len(fleet["rate"]) == len(fleet["up"]) == 120
    assert max(fleet["rate"]) == pytest.approx(40.0, rel=1e-3)
    assert set(fleet["first_token"]) == {"p50", "p90", "p99"}
    assert fleet["within"] is None
    assert "gaps that vary by 2 times their mean, lengths that vary by 50%" in one["traffic"]["source"]
    done = run("plan.yaml", *chosen, "-o", "out", folder=folder)
    assert "4 samples of" in done.stdout
    assert "The fleet of llama-3.1-8b over hours" in (folder / "out" / "serving.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--hours", "0"), "0"),
        (("--hours", "1000"), "168"),
        (("--set", "demand[0].scaling={target: 0 %}"), "target"),
        (("--set", "demand[0].traffic={peak_hour: 30}"), "peak_hour"),
    ],
)
def test_hours_and_traffic_that_cannot_be_are_2(folder, arguments, told):
    done = run("plan.yaml", *arguments, folder=folder)
    assert done.returncode == 2
    assert told in done.stderr


QUESTIONS = {
    "{kind: best-of, samples: 4, verifier: 1}": ("answered best of 8 requests with a verifier", 2),
    "{kind: tree, width: 3, depth: 4, kept: 2}": ("tree searches of 21 requests", 4),
    "{kind: agent, turns: 5, pause: 1 s}": ("agents' tasks of 5 requests", 5),
}


@pytest.mark.parametrize("questions", QUESTIONS)
def test_questions_end_with_the_last_of_their_answers(folder, questions):
    told, steps = QUESTIONS[questions]
    busy = f"demand[0].traffic={{questions: {questions}}}"
    (one,) = as_json("--set", busy, folder=folder)["runs"]
    traffic = one["traffic"]
    assert told in traffic["source"]
    answer = traffic["first_token"]["p50"]["p50"] + 299 * traffic["per_token"]["p50"]["p50"]
    pauses = 4.0 if "agent" in questions else 0.0
    thinking = traffic["question"]["p50"]["p50"] - pauses
    assert 0.9 * answer < thinking < 1.3 * steps * answer
    assert traffic["in_time"] is None
    assert traffic["refused"] == 0


@pytest.mark.parametrize(
    ("questions", "share"),
    [
        ("{kind: agent, turns: 10, pause: 2 s}", 1.0),
        ("{kind: agent, turns: 20, pause: 60 s}", 1.0),
        ("{kind: best-of, samples: 8}", 1.0),
        ("{kind: tree, width: 4, depth: 5, kept: 2, verifier: 1}", 301 / 2 / 300),
    ],
)
def test_questions_come_at_the_asked_rate_however_long_they_take(folder, questions, share):
    busy = f"demand[0].traffic={{questions: {questions}}}"
    (one,) = as_json("--set", busy, "--set", "demand[0].requests=20 /s", folder=folder)["runs"]
    traffic = one["traffic"]
    assert traffic["tokens_per_s"] == pytest.approx(20 * 300 * share, rel=0.04)
    assert traffic["asked_tokens_per_s"] == pytest.approx(20 * 300 * share, rel=1e-6)


def test_questions_too_long_to_be_played_are_refused(folder):
    busy = "demand[0].traffic={questions: {kind: agent, turns: 9, pause: 1 d}}"
    done = run("plan.yaml", "--set", busy, folder=folder)
    assert done.returncode == 2
    assert "demand[0]: traffic.questions: each takes 8 days, in which 3,45" in done.stderr


def test_replicas_that_do_not_keep_up_say_so(folder):
    done = run("plan.yaml", "--set", "demand[0].requests=400 /s", folder=folder)
    assert done.returncode == 1
    assert "do not keep up with the 120 k/s that are asked for" in done.stdout


@pytest.mark.parametrize(("period", "share"), [("100 ms", 0.0), ("10 s", 1.0)])
def test_loops_tell_how_many_answers_are_in_time(folder, period, share):
    busy = f"demand[0].traffic={{questions: {{kind: loop, period: {period}}}}}"
    (one,) = as_json("--set", busy, folder=folder)["runs"]
    assert one["traffic"]["in_time"] == share
    assert one["traffic"]["question"] == {}


def test_users_ask_as_fast_as_they_are_answered(folder):
    """Little's law: users = rate x (think + time of an answer)."""
    busy = "demand[0].traffic={questions: {kind: users, users: 300, think: 4 s}}"
    (one,) = as_json("--set", busy, folder=folder)["runs"]
    traffic = one["traffic"]
    stay = traffic["first_token"]["p50"]["p50"] + 299 * traffic["per_token"]["p50"]["p50"]
    assert traffic["rate"] * (4.0 + stay) == pytest.approx(300, rel=0.05)
    assert traffic["tokens_per_s"] == pytest.approx(300 * traffic["rate"], rel=0.02)
    assert (traffic["question"], traffic["in_time"]) == ({}, None)
    assert "of 300 users in all who think for 4 s" in traffic["source"]
    steady = one["result"]
    assert steady["requests"] == pytest.approx(traffic["rate"], rel=0.04)
    assert steady["first_token"]["p50"] == pytest.approx(traffic["first_token"]["p50"]["p50"], rel=0.05)
    assert steady["per_token"]["p50"] == pytest.approx(traffic["per_token"]["p50"]["p50"], rel=0.05)


def test_answers_of_one_token_have_no_time_per_token(folder):
    done = run("plan.yaml", "--set", "demand[0].answer=1", folder=folder)
    assert done.returncode == 0
    assert " a token\n" not in done.stdout
    (one,) = as_json("--set", "demand[0].answer=1", folder=folder)["runs"]
    steady, played = (one[kind]["first_token"] for kind in ("result", "traffic"))
    assert steady["p50"] == pytest.approx(played["p50"]["p50"], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--trace", "trace.csv", "--set", "demand[0].traffic={burst: 2}"), "traffic.burst has no effect"),
        (
            ("--hours", "1", "--set", "demand[0].traffic={questions: {kind: agent, turns: 3}}"),
            "leave traffic.questions",
        ),
        (("--hours", "1", "--trace", "trace.csv"), "give either --trace or --hours"),
        (("--set", "demand[0].traffic={questions: {kind: oracle}}"), "kind"),
        (
            ("--set", "demand[0].traffic={questions: {kind: tree, width: 2, depth: 3, kept: 3}}"),
            "3 branches cannot go on from 2 first thoughts",
        ),
        (
            ("--set", "demand[0].traffic={questions: {kind: agent, turns: 400}}"),
            "grows to 320,500 tokens: 1,000 + 400 answers of 300 + 399 results of 500",
        ),
        (
            (
                "--set",
                "demand[0].traffic={questions: {kind: tree, width: 2, depth: 256}}",
                "--set",
                "demand[0].answer=1000",
            ),
            "grows to 257,000 tokens",
        ),
        (
            ("--set", "demand[0].traffic={burst: 2, questions: {kind: users, users: 9}}"),
            "traffic.burst: has no effect: users ask when they are answered",
        ),
        (
            ("--set", "demand[0].traffic={burst: 2, questions: {kind: loop, period: 1 s}}"),
            "traffic.burst: has no effect: loops ask on time",
        ),
        (
            ("--set", "demand[0].answer=1", "--set", "demand[0].per_token=5 ms"),
            "answers of one token have no further one",
        ),
        (("--set", "demand[0].drafts={tokens: 1, later: 50 %}"), "one token is drafted, and none after it"),
        (("--set", "demand[0].drafts={tokens: 2}", "--set", "demand[0].answer=1"), "answers of one token are read"),
        (("--set", "demand[0].traffic={questions: {kind: best-of, samples: 1}}"), "samples"),
    ],
)
def test_traffic_that_cannot_be_is_2(folder, arguments, told):
    done = run("plan.yaml", *arguments, folder=folder)
    assert done.returncode == 2
    assert told in done.stderr
