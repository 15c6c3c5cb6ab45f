"""What software did, from the words of a row."""

from __future__ import annotations

import pytest

from firstlight.operate.validation import software
from firstlight.spec.assumptions import shipped


@pytest.mark.parametrize(
    ("framework", "family"),
    [
        ("Megatron-DeepSpeed", "deepspeed"), ("Megatron-LM 2021", "megatron-lm"), ("NeMo", "megatron-core"),
        ("llm-foundry/Composer FSDP (PyTorch)", "fsdp"), ("torchtitan (PyTorch)", "fsdp"), ("MaxText (JAX)", "xla"),
        ("PaxML (JAX) TE BF16", "pax"), ("something new", "megatron-core"),
    ],
)  # fmt: skip
def test_family(framework, family):
    assert software.family(framework) == family


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2025-02 (v25.02.01)", 2025.125),
        ("2023-2024 (repo 2025-07)", 2023.5),
        ("2024", 2024.5),
        ("", None),
        ("x", None),
    ],
)
def test_year(date, year):
    assert software.year(date) == (pytest.approx(year) if year else None)


def test_switches_change_what_they_stand_for_and_others_are_told():
    plain, _ = software.assumptions("torchtitan", (), "2025-06")
    compiled, told = software.assumptions("torchtitan", ("compile", "frobnicate"), "2025-06")
    assert compiled["performance.launch_gpu"] < plain["performance.launch_gpu"]
    assert compiled["performance.elementwise_gpu"] < plain["performance.elementwise_gpu"]
    assert told == ("frobnicate is not modelled",)


def test_a_star_multiplies_what_stands():
    a, _ = software.assumptions("torchtitan", (), "2025-06")
    name = "performance.attention_efficiency"
    own = next(entry for entry in software.table()["families"] if entry["name"] == "fsdp")["assumptions"][name]
    assert own.startswith("*")
    assert a[name] == pytest.approx(float(own[1:]) * shipped()[name].value)
    graphs, _ = software.assumptions("torchtitan", ("cuda_graphs",), "2025-06")
    assert graphs["performance.launch_gpu"] == pytest.approx(0.2 * a["performance.launch_gpu"])


def test_what_a_release_brought_is_missing_before_it():
    early, _ = software.assumptions("Megatron-Core", (), "2026-05")
    late, _ = software.assumptions("Megatron-Core", (), "2026-06")
    assert (early["performance.fused_experts"], late["performance.fused_experts"]) == (0, 1)


def test_a_run_without_a_date_is_taken_as_of_now():
    a, told = software.assumptions("Megatron-Core", (), "")
    assert a["performance.software_year"] == software.LATEST
    assert told == ("software of 2026.5",)


def test_every_family_and_switch_names_assumptions_that_there_are():
    for entry in software.table()["families"]:
        software.assumptions(entry["words"][0], tuple(software.table()["switches"]), "2025")


def test_notes_name_the_dispatcher():
    assert software.noted("arch from public config; dispatcher DeepEP; recompute 'full'") == ("deepep",)
    assert software.noted("dispatcher A2A") == ()
    plain, _ = software.assumptions("Megatron-Core", (), "2026-01")
    named, told = software.assumptions("Megatron-Core", software.noted("dispatcher DeepEP"), "2026-01")
    assert (plain["performance.dispatch_once"], named["performance.dispatch_once"]) == (0, 1)
    assert not told


def test_deepspeed_is_as_old_as_its_date():
    early, late = (software.assumptions("Megatron-DeepSpeed", (), date)[0] for date in ("2022-02", "2023-06"))
    assert early["performance.software_year"] < late["performance.software_year"] < 2024
