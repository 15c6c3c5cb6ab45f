"""A plan as YAML that reads back as the same plan."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight.spec.load import dump, load_plan
from firstlight.spec.plan import Plan

from .conftest import COLOSSUS, TODAY

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
FULL = COLOSSUS.replace("ready_by: 122 days", "start: 2026-07-01\nready_by: 2027-03-01") + (
    "assumptions: {economics.energy_price: 45 USD/MWh, network.host_latency: 3}\n"
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_read_back(path, tmp_path):
    plan = load_plan(path, today=TODAY).plan
    (tmp_path / "again.yaml").write_text(dump(plan))
    again = load_plan(tmp_path / "again.yaml", today=TODAY).plan
    assert again == plan
    assert dump(again) == dump(plan)


def test_quantities_stay_readable(load):
    text = dump(load(COLOSSUS.replace("122 days", "2027-03-01")).plan)
    assert "power: 150 MW\n" in text
    assert "tokens: 15T tokens\n" in text
    assert "link: 50 GB/s\n" in text
    assert "first_token: 1 s\n" in text
    assert "ready_by: 2027-03-01\n" in text
    assert "accelerators: 100000\n" in text
    assert "spare" not in text


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAMES
    | st.sampled_from(["null", "~", "7", "1e3", "2027-01-01", "yes", "- a", "a: b", "#", "0x1F", "1_0", "="]),
    power=st.floats(1e3, 1e11),
    tokens=st.floats(1, 1e18),
    seconds=st.floats(1e-9, 3e9),
    spare=st.floats(0, 0.99),
    temperature=st.floats(200, 400),
)
def test_every_value_reads_back_to_the_last_bit(tmp_path, name, power, tokens, seconds, spare, temperature):
    plan = Plan.model_validate(yaml.safe_load(COLOSSUS))
    site = plan.site.model_copy(update={"power": power, "supply_temperature": temperature})
    demand = (plan.demand[0].model_copy(update={"tokens": tokens, "within": seconds}), *plan.demand[1:])
    design = plan.design.model_copy(update={"spare": spare})
    changed = plan.model_copy(update={"name": name, "site": site, "demand": demand, "design": design})
    (tmp_path / "plan.yaml").write_text(dump(changed), "utf-8")
    assert load_plan(tmp_path / "plan.yaml", today=TODAY).plan == changed


def test_paths_are_rewritten_for_another_folder(tmp_path, weather_file):
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "deep").mkdir(parents=True)
    weather_file(tmp_path / "in" / "my.epw")
    (tmp_path / "in" / "parts.yaml").write_text("[]\n")
    text = COLOSSUS.replace("  floor:", "  weather: my.epw\n  floor:") + "catalog: parts.yaml\n"
    (tmp_path / "in" / "plan.yaml").write_text(text)
    plan = load_plan(tmp_path / "in" / "plan.yaml", today=TODAY).plan
    moved = dump(plan, base=tmp_path / "in", to=tmp_path / "out" / "deep")
    (tmp_path / "out" / "deep" / "design.yaml").write_text(moved)
    again = load_plan(tmp_path / "out" / "deep" / "design.yaml", today=TODAY).plan
    assert again.site.weather == "../../in/my.epw"
    assert again.catalog == "../../in/parts.yaml"
    assert again.demand == plan.demand
