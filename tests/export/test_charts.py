"""The charts by number: what is drawn is as long, as high and as far as the values say."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from firstlight import units
from firstlight.export.report import dates, floor, svg
from firstlight.export.report.blocks import Chart, Shares
from firstlight.export.report.charts import wiring
from firstlight.export.report.charts.calendar import Heat, Year
from firstlight.export.report.charts.curve import Axis, Curve, Mark, Point, Series
from firstlight.export.report.charts.lattice import Lattice
from firstlight.export.report.charts.sankey import Sankey, Use
from firstlight.export.report.charts.wiring import Row, Wiring, joints
from firstlight.export.report.svg import Scale
from firstlight.twin.result import Prediction

from . import sample


def drawn(chart, width=640.0):
    """The drawing as XML, which it must be."""
    return ElementTree.fromstring(str(chart.draw(width, "a label")))


def rects(root, css=""):
    return [
        {name: float(each.get(name)) for name in ("x", "y", "width", "height")} | {"tip": each.findtext("title", "")}
        for each in root.iter("rect")
        if css in each.get("class", "")
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (10.0, "10"), (1.005, "1"), (-3.14159, "-3.14"), (1e6, "1000000")]
)
def test_coordinates_are_short(value, text):
    assert svg.num(value) == text


def test_texts_are_escaped():
    drawing = svg.drawing(10, 10, '"<&>', [svg.text(0, 0, "<b>&"), svg.rect(0, 0, 1, 1, "x", "a<b")])
    root = ElementTree.fromstring(str(drawing))
    assert root.get("aria-label") == '"<&>'
    assert root.findtext("text") == "<b>&"
    assert root.find("rect").findtext("title") == "a<b"


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e12), st.integers(2, 9))
def test_ticks_are_few_round_and_inside(low, span, most):
    high = low + span
    if not high > low + 1e-9 * abs(low):
        return
    ticks = Scale(low, high, 0, 100).ticks(most)
    assert len(ticks) <= most + 1
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)


@given(st.floats(1e-9, 1e9), st.floats(1.5, 1e9), st.integers(2, 9))
def test_logarithmic_ticks_are_one_two_five(low, ratio, most):
    ticks = Scale(low, low * ratio, 0, 100, log=True).ticks(most)
    assert len(ticks) <= max(most, 3)
    assert all(f"{tick:e}"[0] in "125" for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0, 513, (0, 600)), (3, 3, (2.6, 3.4)), (0, 0, (0, 1)), (1.19e6, 1.242e6, (1.18e6, 1.26e6))],
)
def test_a_scale_covers_its_values(low, high, ends):
    found = svg.covering(low, high, 5)
    assert found[0] <= low
    assert found[1] >= high
    assert found == pytest.approx(ends, abs=0.3)


def test_scales_are_straight_and_logarithmic():
    assert Scale(0, 10, 100, 200)(5) == 150
    assert Scale(1, 100, 0, 100, log=True)(10) == pytest.approx(50)
    assert Scale(5, 5, 0, 100)(5) == 0


def test_sankey_heights_are_the_watts():
    uses = (Use("IT", 80e6, True), Use("Chillers", 15e6), Use("Losses", 5e6))
    inside = (Use("Accelerators", 60e6, True), Use("Rest", 20e6, True))
    found = {rect["tip"].partition(":")[0]: rect for rect in rects(drawn(Sankey("Feed", uses, inside)), "fill")}
    per = found["IT"]["height"] / 80e6
    for use in (*uses, *inside):
        assert found[use.name]["height"] == pytest.approx(per * use.value, abs=0.02)
    assert found["Rest"]["x"] > found["IT"]["x"] > 0


@pytest.mark.parametrize("width", [345.0, 1030.0])
def test_sankey_labels_do_not_meet_each_other_or_the_edge(width):
    uses = (Use("IT", 80e6, True), *(Use(f"Loss number {i}", 1e5 * i) for i in range(1, 10)))
    root = drawn(Sankey("Feed", uses, (Use("Accelerators and their memory", 79e6), Use("Network racks", 1e6))), width)
    texts = [(float(t.get("x")), float(t.get("y")), "".join(t.itertext())) for t in root.iter("text")]
    assert all(x + 6.2 * len(text) <= width + 2 for x, _, text in texts)
    for column in {x for x, _, _ in texts}:
        heights = sorted(y for x, y, _ in texts if x == column)
        assert all(np.diff(heights) > 14)


def test_sankey_of_nothing_draws_its_source():
    assert len(rects(drawn(Sankey("Feed", (), ())))) == 1


def test_curve_points_lie_where_their_values_are():
    points = tuple(Point(x, y, f"{x}") for x, y in ((0.0, 0.0), (50.0, 30.0), (100.0, 60.0)))
    root = drawn(Curve(Axis("x", "number"), Axis("y", "number"), (Series("one", points),)))
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter("circle")]
    assert dots[1] == pytest.approx(np.mean([dots[0], dots[2]], axis=0), abs=0.02)
    assert dots[0][0] < dots[2][0]
    assert dots[0][1] > dots[2][1]


def test_curve_marks_the_plan_and_the_limit():
    points = (Point(0.01, 10.0, ""), Point(0.1, 100.0, ""))
    planned = Mark(Prediction.within(0.05, 0.1, calibrated=True, basis=""), sample.predict(50.0), "as planned")
    root = drawn(Curve(Axis("t", "time"), Axis("y", "number"), (Series("", points),), (0.06, "limit 60 ms"), planned))
    by_class = {path.get("class"): path.get("d") for path in root.iter("path")}
    at = [float(number) for number in re.findall(r"[\d.]+", by_class["limit"])]
    mark = next(float(dot.get("cx")) for dot in root.iter("circle") if dot.findtext("title") == "as planned")
    assert at[0] == at[2] > mark
    assert "limit 60 ms" in [text.text for text in root.iter("text")]


def test_curve_without_points_is_empty_axes():
    root = drawn(Curve(Axis("x", "number"), Axis("y", "number"), ()))
    assert not list(root.iter("circle"))


def test_year_says_each_month():
    hours = np.arange(8760)
    power = 1e6 + 1e5 * (hours // 24 >= 31) * (hours // 24 < 59)
    root = drawn(Year(power, np.full(8760, units.CELSIUS_ZERO + 20.0)))
    tips = [rect["tip"] for rect in rects(root, "field")]
    assert len(tips) == 12
    assert tips[1] == "Feb: mean 1.1 MW, greatest 1.1 MW; outdoors 20 to 20 °C".replace(
        "1.1 MW", "1.1\N{NO-BREAK SPACE}MW"
    )
    assert tips[2].startswith("Mar: mean 1\N{NO-BREAK SPACE}MW")


def test_heat_is_darkest_at_the_greatest():
    values = np.ones((12, 24))
    values[6, 15] = 1.4
    cells = [r for r in drawn(Heat(values, "PUE")).iter("rect") if r.find("title") is not None]
    darkest = [cell.findtext("title") for cell in cells if cell.get("class") == "h8"]
    assert len(cells) == 288
    assert darkest == ["Jul, 15:00 to 16:00: PUE 1.400"]
    assert {cell.get("class") for cell in cells} == {"h0", "h8"}


def test_heat_of_one_value_has_one_shade():
    cells = [r for r in drawn(Heat(np.full((12, 24), 1.2), "PUE")).iter("rect") if r.find("title") is not None]
    assert {cell.get("class") for cell in cells} == {"h0"}


def test_joints_count_every_link():
    lower, upper = np.arange(1000) % 100, np.arange(1000) // 10 % 30
    found = joints(lower, upper, 100, 30)
    assert found.shape == (wiring.MOST, wiring.MOST)
    assert found.sum() == 1000
    small = joints(np.array([0, 1, 1]), np.array([0, 0, 2]), 2, 3)
    assert small.tolist() == [[1, 0, 0], [1, 0, 1]]


def test_wiring_draws_a_line_for_each_joint():
    rows = (Row("ports", "4", 4), Row("leaf", "2", 2))
    links = np.array([[1.0, 0], [1, 0], [0, 1], [0, 3]])
    root = drawn(Wiring(rows, (links,)))
    lines = "".join(path.get("d") for path in root.iter("path"))
    assert lines.count("M") == 4
    assert {path.get("class") for path in root.iter("path")} == {"wire w1", "wire w3"}
    assert [rect["tip"] for rect in rects(root, "box")] == [
        "ports 1",
        "ports 2",
        "ports 3",
        "ports 4",
        "leaf 1",
        "leaf 2",
    ]


def test_wiring_groups_neighbours():
    root = drawn(Wiring((Row("ports", "", 1000), Row("leaf", "", 1)), (np.ones((24, 1)),)))
    tips = [rect["tip"] for rect in rects(root, "box")]
    assert tips[0] == "ports 1 to 41"
    assert tips[23].endswith("to 1,000")


@pytest.mark.parametrize(
    ("dimensions", "dots", "links"),
    [((6, 3, 3), 54, 54 * 3), ((2, 2, 2), 8, 12), ((512, 1, 1), 6, 6), ((1, 1, 1), 1, 0)],
)
def test_lattice_joins_each_to_its_next(dimensions, dots, links):
    root = drawn(Lattice(dimensions))
    assert len(rects(root, "box")) == dots
    assert sum(path.get("d").count("M") for path in root.iter("path")) == links


@pytest.mark.parametrize("width", [345.0, 1030.0])
def test_lattice_stays_inside(width):
    root = drawn(Lattice((16, 16, 24)), width)
    assert all(rect["x"] >= 0 and rect["x"] + 20 <= width and rect["y"] >= 0 for rect in rects(root))


def test_gantt_positions_are_the_dates():
    plan = sample.evaluation(late_days=43).schedule
    chart = dates.gantt(plan)
    light = next(line.at for line in chart.lines if line.tone == "light")
    asked = next(line.at for line in chart.lines if line.tone == "asked")
    assert (light - asked) / light == pytest.approx(43 * units.DAY / plan.makespan)
    last = max(chart.rows, key=lambda row: row.left + row.width)
    assert last.left + last.width == pytest.approx(light)
    assert chart.likely[0] < light < sum(chart.likely) <= 1
    assert all(row.left >= 0 and row.left + row.width + row.slack <= 1 for row in chart.rows)
    assert [row.name for row in chart.rows if row.critical] == list(plan.critical_path)


def test_gantt_gathers_what_is_done_in_several_halls():
    plan = sample.evaluation(systems=3000, halls=90).schedule
    chart = dates.gantt(plan)
    racks = next(row for row in chart.rows if row.name == "Install racks, 90 halls")
    tasks = [task for task in plan.tasks if task.name.startswith("Install racks")]
    span = plan.makespan / next(line.at for line in chart.lines if line.tone == "light")
    assert racks.left == pytest.approx(min(task.start for task in tasks) / span)
    assert racks.left + racks.width == pytest.approx(max(task.finish for task in tasks) / span)
    assert racks.critical
    assert chart.left_out == f"All {len(plan.tasks)} tasks, hall by hall, are in schedule.csv."


def test_gantt_gathers_orders_of_what_is_there():
    task = sample.evaluation().schedule.tasks[0]
    there = [
        dataclasses.replace(task, name=f"Order: {what}", duration=0.0, finish=0.0, critical=False) for what in "abc"
    ]
    (work,) = dates.gathered(there)
    assert work.name == "Orders without lead time (3)"


def test_gantt_keeps_the_critical_when_there_is_no_room(monkeypatch):
    monkeypatch.setattr(dates, "MOST", 6)
    plan = sample.evaluation().schedule
    chart = dates.gantt(plan)
    assert len(chart.rows) == 6
    assert [row.name for row in chart.rows if row.critical] == list(plan.critical_path)


def test_the_smallest_parts_share_a_colour():
    stack = Shares({str(size): float(size) for size in range(1, 13)}, "time").stack("all")
    assert [part.name for part in stack.parts] == ["12", "11", "10", "9", "8", "7", "6", "5 smaller parts"]
    assert sum(part.share for part in stack.parts) == pytest.approx(1)


def test_shares_add_up():
    stack = Shares({"a": 1.0, "b": 3.0, "none": 0.0}, "time", 8.0).stack("all", "free")
    assert [(part.name, part.share) for part in stack.parts] == [("b", 0.375), ("a", 0.125)]
    assert stack.free.share == 0.5


def test_floor_draws_each_rack_where_it_stands():
    twin = sample.factory(16)
    plan = floor.plan(twin)
    corners = [tuple(map(float, pair)) for mark in plan.marks for pair in re.findall(r"M(\S+) ([^hM]+)h", mark.path)]
    assert len(corners) == len(twin.racks)
    width, depth = twin.system.rack_width, twin.system.rack_depth
    expected = np.stack([twin.racks.x - width / 2, twin.racks.y - depth / 2], axis=1)
    assert np.allclose(sorted(corners), sorted(expected.tolist()), atol=1e-3)


def areas(plan):
    """Area of all marks by colour, drawn over each other or not."""
    found = {}
    for mark in plan.marks:
        sides = re.findall(r"h([\d.]+)v([\d.]+)h-", mark.path)
        found[mark.tone] = found.get(mark.tone, 0.0) + sum(float(w) * float(d) for w, d in sides)
    return found


def test_floor_of_many_racks_joins_neighbours_and_covers_the_same_floor(monkeypatch):
    twin = sample.factory(6400, 4)
    one = floor.plan(twin)
    monkeypatch.setattr(floor, "MARKS", 1000)
    run = floor.plan(twin)
    assert one.grain == "Each mark is one rack."
    assert run.grain.startswith("Neighbouring racks")
    assert areas(run) == pytest.approx(areas(one), rel=1e-3)
    assert sum(mark.path.count("M") for mark in run.marks) < 0.1 * len(twin.racks)


def test_floor_of_the_most_racks_has_a_bar_for_each_row(monkeypatch):
    monkeypatch.setattr(floor, "MARKS", 10)
    plan = floor.plan(sample.factory(6400, 4))
    assert "one bar in each row" in plan.grain
    assert all(mark.path.count("M") == 1 for mark in plan.marks)


def test_floor_of_many_halls_numbers_them():
    plan = floor.plan(sample.factory(12_800, 40))
    assert [hall.label for hall in plan.halls] == [str(number) for number in range(1, 41)]
    assert plan.grain.endswith("The numbers are halls.")


def test_floor_key_names_each_colour_that_is_drawn():
    plan = floor.plan(sample.factory(130))
    assert {mark.tone for mark in plan.marks} == {tone for tone, _ in plan.key}


def test_a_chart_is_drawn_for_each_width():
    chart = Chart.of("title", "label", Sankey("Feed", (Use("IT", 1.0, True),), ()), wide=True)
    assert [name for name, _ in chart.drawings] == ["small", "medium", "large"]
    assert all(isinstance(drawing, Markup) for _, drawing in chart.drawings)
