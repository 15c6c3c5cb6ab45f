"""`firstlight network collective`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firstlight.apps.cli.network import network
from firstlight.errors import UsageError

PLAN = str(Path(__file__).parents[2] / "examples" / "superpod-127.yaml")


def run(*words: str):
    return CliRunner().invoke(network, ["collective", PLAN, *words], catch_exceptions=False)


def answer(*words: str):
    return json.loads(run(*words, "--json").output)


def test_the_answer_as_json():
    found = answer("--op", "all_reduce", "--bytes", "1GB", "--group", "8x16")
    assert found["ranks"] == 128
    assert found["algorithm"] == "NVLS tree"
    assert found["time"]["p10"] < found["time"]["p50"] < found["time"]["p90"]
    assert found["bus_bandwidth"] == pytest.approx(found["algorithm_bandwidth"] * 2 * 127 / 128)
    assert found["options"]["NVLS tree"] == min(found["options"].values())
    assert not found["time"]["calibrated"]


def test_inside_a_domain_the_timings_speak():
    found = answer("--op", "all_gather", "--bytes", "8MB", "--group", "4")
    assert found["algorithm"] == "as timed"
    assert found["time"]["calibrated"]
    assert "timings of this accelerator" in run("--op", "all_gather", "--bytes", "8MB", "--group", "4").output


def test_one_number_is_spread_over_domains():
    assert answer("--op", "all_to_all", "--bytes", "1MB", "--group", "100")["group"] == [8, 13]
    assert answer("--op", "all_to_all", "--bytes", "1MB", "--group", "12")["group"] == [6, 2]


def test_an_algorithm_is_timed_where_it_is_named():
    words = ("--op", "all_reduce", "--bytes", "1MB", "--group", "8x16")
    ring, fastest = answer(*words, "--algorithm", "rail ring"), answer(*words)
    assert ring["algorithm"].startswith("rail ring ")
    assert ring["time"]["p50"] >= fastest["time"]["p50"]
    assert answer(*words, "--algorithm", "Double Tree LL128")["algorithm"] == "double tree LL128"


def test_hashed_paths_and_switches_that_add_up():
    words = ("--op", "all_reduce", "--bytes", "1GB", "--group", "8x100")
    plain, hashed, summed = (answer(*words, *more) for more in ((), ("--queue-pairs", "1"), ("--in-network",)))
    assert hashed["time"]["p50"] > 2 * plain["time"]["p50"]
    assert summed["algorithm"] == "SHARP"


def test_what_the_fabric_costs_is_simulated_where_it_is_asked_for():
    words = ("--op", "all_to_all", "--bytes", "1GB", "--group", "8x64")
    whole, less, hashed = (
        answer(*words, *more)["time"]["p50"]
        for more in (("--routing", "spray"), ("--fail", "spine:8"), ("--routing", "ecmp", "--queue-pairs", "1"))
    )
    assert less > 1.2 * whole
    assert hashed > 1.05 * whole


def test_tokens():
    words = ("--bytes", "7.4kB", "--group", "8x4", "--tokens", "4096", "--top-k", "8")
    once, each = (answer("--op", "dispatch", *words, "--once", name) for name in ("domain", "expert"))
    assert once["time"]["p50"] < each["time"]["p50"]
    assert each["size"] == pytest.approx(4096 * 7400 * 8 * 31 / 32)


def test_fitted_exchanges_speak_where_they_reach():
    words = ("--op", "dispatch", "--bytes", "7.4kB", "--top-k", "8", "--experts", "256")
    few = answer(*words, "--group", "8x4", "--tokens", "128")
    assert few["algorithm"] == "DeepEP low latency"
    assert few["time"]["p50"] == pytest.approx(155e-6, rel=0.35)  # DeepEP's own table, all over the network: 155 us
    many = answer(*words, "--group", "8x4", "--tokens", "4096")
    assert many["algorithm"] == "DeepEP normal"
    far = answer(*words, "--group", "8x64", "--tokens", "4096")
    assert far["algorithm"] == "direct"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--op", "all_reduce", "--bytes", "1", "--group", "8"), "has no unit"),
        (("--op", "all_reduce", "--bytes", "-1 GB", "--group", "8"), "no size from 0 B"),
        (("--op", "all_reduce", "--bytes", "1 GB/s", "--group", "8"), "--bytes"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x"), "no list of whole numbers"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "0x8"), "no list of whole numbers"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "9x2"), "a scale-up domain has 8"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x32x4"),
         "1,024 members in 128 scale-up domains, and this fabric joins 1,016 .* 127 domains of 8; .* --group 8x32x3"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "2000"), "250 scale-up domains.* is --group 8x127"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "4x254"), "254 scale-up domains.* is --group 4x127"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x33x2"), "a leaf joins 32 .* 33 of the group"),
        (("--op", "dispatch", "--bytes", "7kB", "--group", "8x2", "--tokens", "4", "--top-k", "9", "--experts", "8"),
         "a token goes to 9 of 8 experts; write --top-k 8 at most"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "1"), "at least two members"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x2", "--algorithm", "PAT"), "no algorithm PAT"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x2", "--tokens", "4"), "--tokens has no effect"),
        (("--op", "send_receive", "--bytes", "1MB", "--group", "8x8"), "is 2, not 8; write --group 8x2"),
        (("--op", "send_receive", "--bytes", "1MB", "--group", "4"), "is 2, not 4; write --group 2"),
        (("--op", "dispatch", "--bytes", "7kB", "--group", "8x2"), "needs --tokens"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x2", "--fail", "spin#1"), "has no spin"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x2", "--routing", "spray", "--queue-pairs", "2"),
         "--queue-pairs has no effect on spray"),
        (("--op", "combine", "--bytes", "7kB", "--group", "8x2", "--tokens", "4", "--top-k", "8", "--algorithm", "PAT"),
         "no algorithm PAT for this combine; there are direct"),
        (("--op", "all_reduce", "--bytes", "1GB", "--group", "8x2", "--in-network", "--set",
          "design.fabric.switch=nvidia-sn5600"), "cannot add up"),
    ],
)  # fmt: skip
def test_what_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        run(*words)


def test_a_torus_has_as_many_members_as_accelerators(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "name: torus\nsite: {place: Oregon, power: 5 MW, floor: 3000 m2, existing: [shell, utility]}\n"
        "demand: [{train: llama-3-8b, tokens: 1T}]\ndesign: {system: tpu-v5p-cube, accelerators: 512}\n"
    )
    words = ["collective", str(plan), "--op", "all_reduce", "--bytes", "1GB", "--json", "--group"]
    found = json.loads(CliRunner().invoke(network, [*words, "4x128"], catch_exceptions=False).output)
    assert found["ranks"] == 512
    with pytest.raises(UsageError, match=r"4x129 has 516 members, .* 512 accelerators; the nearest is --group 512"):
        CliRunner().invoke(network, [*words, "4x129"], catch_exceptions=False)
