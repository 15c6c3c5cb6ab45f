"""The examples that the README and the guides point to: they hold, and their headline numbers stay where they are.

`HEADLINES` are what firstlight says today, within 2 %; a change that moves one of them says so here. What is known of
the places that the examples are after stands in the tests below it.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

import pytest

from firstlight.design import plan
from firstlight.evaluate import Evaluation
from firstlight.evaluate.margins import require

EXAMPLES = Path(__file__).parents[2] / "examples"
TODAY = dt.date(2026, 11, 25)
NAMES = [path.stem for path in sorted(EXAMPLES.glob("*.yaml"))]
FAST = [name for name in NAMES if name != "million"]


@cache
def planned(name: str, **sets: str) -> Evaluation:
    return plan(EXAMPLES / f"{name}.yaml", sets=sets, today=TODAY)


def headlines(one: Evaluation) -> dict[str, float]:
    """What a reader takes home from a plan."""
    found: dict[str, float] = {
        "accelerators": one.factory.accelerators,
        "switches": sum(count for _, _, count in one.network.tiers),
        "peak_mw": one.facility.peak / 1e6,
        "pue": one.facility.pue,
        "capital_busd": one.economics.capital / 1e9,
        "usd_per_hour": one.economics.per_accelerator_hour.p50,
        "days": one.schedule.makespan / 86400,
    }
    for index, (result, run) in enumerate(zip(one.training, one.reliability.runs, strict=True)):
        found[f"mfu_{index}"] = result.mfu.p50
        found[f"run_days_{index}"] = run.duration.p50 / 86400
    for index, result in enumerate(one.serving):
        found[f"served_on_{index}"] = result.accelerators
        found[f"per_token_ms_{index}"] = result.per_token.p50 * 1e3
    return found


HEADLINES: dict[str, dict[str, float]] = {
    "colossus-100k": {
        "accelerators": 100_000, "switches": 3963, "peak_mw": 149.7, "pue": 1.098, "capital_busd": 5.784,
        "usd_per_hour": 1.525, "days": 119.3, "mfu_0": 0.44, "run_days_0": 14.87, "served_on_0": 2528,
        "per_token_ms_0": 49.66,
    },
    "deepseek-v3": {
        "accelerators": 2080, "switches": 57, "peak_mw": 3.816, "pue": 1.121, "capital_busd": 0.1273,
        "usd_per_hour": 1.72, "days": 513.7, "mfu_0": 0.2191, "run_days_0": 49.26,
    },
    "million": {
        "accelerators": 1_000_010, "switches": 55550, "peak_mw": 2712, "pue": 1.117, "capital_busd": 106.6,
        "usd_per_hour": 2.696, "days": 1185, "mfu_0": 0.2531, "run_days_0": 14.96, "mfu_1": 0.09387,
        "run_days_1": 22.86, "mfu_2": 0.1037, "run_days_2": 21.2, "mfu_3": 0.1179, "run_days_3": 16.62,
        "served_on_0": 422100, "per_token_ms_0": 49.47,
    },
    "nvl72-abilene": {
        "accelerators": 510_552, "switches": 20000, "peak_mw": 1197, "pue": 1.1, "capital_busd": 42.66,
        "usd_per_hour": 2.081, "days": 678.6, "mfu_0": 0.2776, "run_days_0": 13.34, "mfu_1": 0.08977,
        "run_days_1": 27.72, "served_on_0": 188928, "per_token_ms_0": 29.99, "served_on_1": 57456,
        "per_token_ms_1": 29.97,
    },
    "serve-deepseek": {
        "accelerators": 1568, "switches": 45, "peak_mw": 2.902, "pue": 1.123, "capital_busd": 0.1045,
        "usd_per_hour": 1.835, "days": 511.4, "served_on_0": 1552, "per_token_ms_0": 24.98,
    },
    "superpod-127": {
        "accelerators": 1016, "switches": 48, "peak_mw": 1.767, "pue": 1.104, "capital_busd": 0.06417,
        "usd_per_hour": 1.879, "days": 409.3, "mfu_0": 0.5755, "run_days_0": 9.26,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", [*FAST, pytest.param("million", marks=pytest.mark.slow)])
def test_plan_holds_and_its_headline_numbers_stay(name):
    one = planned(name)
    require(one)
    assert headlines(one) == pytest.approx(HEADLINES[name], rel=0.02)


def test_every_example_is_pinned():
    assert sorted(HEADLINES) == NAMES


def test_colossus_is_as_xai_and_nvidia_say():
    """100,000 H100 on 130 to 150 MW, Spectrum-X, in four halls, online 122 days after the start."""
    one = planned("colossus-100k")
    assert one.factory.accelerators == 100_000
    assert one.factory.halls == 4
    assert 130e6 <= one.facility.peak <= 150e6
    assert one.schedule.makespan <= 122 * 86400
    assert {switch for _, switch, _ in one.network.tiers} == {"nvidia-sn5600"}


def test_superpod_has_the_switches_of_the_reference_architecture():
    """127 DGX H100: 32 leaf and 16 spine switches (NVIDIA DGX SuperPOD reference architecture, RA-11333)."""
    one = planned("superpod-127")
    assert [(name, count) for name, _, count in one.network.tiers] == [("leaf", 32), ("spine", 16)]
    assert one.factory.systems == 127
    assert one.facility.it_peak > 127 * 10.2e3


def test_abilene_is_about_as_large_as_its_builders_say():
    """Crusoe and Oracle: eight buildings, 1.2 GW, each designed for up to 50,000 GB200 NVL72 GPUs."""
    one = planned("nvl72-abilene")
    assert one.factory.buildings == 8
    assert 0.8 * 400_000 <= one.factory.accelerators <= 1.3 * 400_000
    assert one.economics.capital / one.facility.peak == pytest.approx(35, rel=0.1)  # billion USD a GW (Bernstein)


def test_deepseek_v3_fits_and_takes_as_long_as_its_paper_says():
    """14.8T tokens in 2,664 thousand hours of H800 (arXiv 2412.19437, table 1), 54 days of 2,048; without the moving
    average and bf16 moments on board it is nearly full."""
    one = planned("deepseek-v3")
    memory = next(margin for margin in one.margins if margin.name == "demand[0].memory")
    assert 0.7 < memory.share < 1
    assert one.reliability.runs[0].duration.p50 / 86400 == pytest.approx(54.2, rel=0.15)


def test_a_domain_of_72_serves_on_fewer_than_domains_of_8():
    eight, wide = planned("serve-deepseek"), planned("serve-deepseek", **{"design.system": "gb200-nvl72"})
    assert wide.serving[0].accelerators < eight.serving[0].accelerators
    for one in (eight, wide):
        require(one)


@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("superpod-127", {"site.place": "Phoenix, Arizona"}),
        ("superpod-127", {"demand[0].train": "mixtral-8x22b"}),
        ("colossus-100k", {"design.accelerators": "50_000", "site.power": "75 MW"}),
        ("serve-deepseek", {"demand[0].serve": "kimi-k2"}),
    ],
)
def test_what_ifs_of_the_guides_are_answered(name, sets):
    other, one = planned(name, **sets), planned(name)
    assert headlines(other) != headlines(one)
