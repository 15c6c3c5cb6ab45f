"""The report as a document: whole, in one file, with the numbers of the evaluation."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from importlib import resources

import pytest

from firstlight.export import report
from firstlight.export.report import blocks, words

from . import sample

VOID = {"meta", "link", "br", "hr", "img", "input"}
CASES = {
    "whole": {},
    "late": {"late_days": 43.0},
    "idle": {"training": False, "serving": False},
    "trains": {"serving": False},
    "serves": {"training": False},
    "torus": {"torus": True},
    "large": {"systems": 12_500, "halls": 4},
}


class Page(HTMLParser):
    """Elements, their attributes and texts; complains where tags do not match."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(source)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module", params=CASES)
def case(request):
    evaluation = sample.evaluation(**CASES[request.param])
    source = report.html(evaluation)
    return request.param, evaluation, source, Page(source)


def test_it_loads_nothing(case):
    _, _, source, page = case
    for tag, attributes in page.elements:
        for name in ("src", "href", "data", "action", "poster", "srcset", "xlink:href"):
            if name in attributes:
                assert attributes[name].startswith(("#", "data:")), (tag, attributes)
    assert set(re.findall(r"url\((.{5})", source)) == {"data:"}
    assert "@import" not in source
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "://" not in re.sub(r'data:font/woff2;base64,[^)"]*', "", source)


def test_every_section_is_there_and_reached_from_the_top(case):
    name, _, _, page = case
    work = {"idle": [], "trains": ["training"], "serves": ["serving"]}.get(name, ["training", "serving"])
    wanted = ["limits", "floor", "fabric", "power", *work, "schedule", "cost", "reliability", "basis"]
    assert [section["id"] for section in page.all("section")] == wanted
    links = [link["href"] for link in page.all("a") if link.get("class") != "skip"]
    assert links == ["#answer", *(f"#{section}" for section in wanted)]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_answer_comes_first(case):
    _, evaluation, _, page = case
    top = page.text[: page.text.index("What limits it")]
    for number in (
        words.money(evaluation.economics.capital).split()[0],
        words.show(evaluation.facility.peak, "power").split()[0],
        words.date(evaluation.schedule.first_light),
        words.count(evaluation.factory.accelerators),
        *(words.per_second(result.tokens_per_s.p50) for result in (*evaluation.training, *evaluation.serving)),
        words.share(evaluation.margins[0].share).split()[0],
    ):
        assert number in top


def test_numbers_are_those_of_the_evaluation(case):
    _, evaluation, _, page = case
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    said = [words.show(watts, "power") for watts in evaluation.facility.peak_parts.values()]
    said += [words.show(joules, "energy") for joules in evaluation.facility.energy_parts.values()]
    said += [words.money(line.amount) for line in (*evaluation.economics.lines, *evaluation.bill)]
    said += [words.short_date(order.order_by) for order in evaluation.schedule.orders]
    said += [words.show(part, "time") for run in evaluation.training for part in run.step_parts.values() if part]
    said += [words.show(time, "time") for result in evaluation.serving for time in result.curve.per_token]
    said += [f"{evaluation.facility.pue:.3f}", f"seed {evaluation.seed}", evaluation.input_hash, evaluation.version]
    missing = [each for each in said if each.replace("\N{NO-BREAK SPACE}", " ") not in text]
    assert not missing


def test_every_assumption_has_its_source(case):
    _, evaluation, _, page = case
    for entry in evaluation.assumptions:
        assert f"{entry.name} " in page.text
        assert entry.source in page.text
        assert entry.note in page.text
    for entry in evaluation.proposed:
        for part in re.split(" = |: ", entry, maxsplit=2):
            assert part in page.text


def test_every_drawing_and_table_is_named(case):
    page = case[3]
    assert page.all("svg")
    for drawing in page.all("svg"):
        assert drawing["role"] == "img"
        assert len(drawing["aria-label"]) > 10
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"


def test_a_plan_that_is_missed_says_so_first():
    evaluation = sample.evaluation(late_days=43)
    text = Page(report.html(evaluation)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "The plan does not hold. Missed: Date of first light (43 days late)." in text
    assert "The plan holds" not in text
    assert "43 days too late" in text
    assert "1 of 6 limits are broken." in text


def test_markup_and_not_numbers_are_printed_as_text():
    evaluation = sample.odd()
    source = report.html(evaluation)
    page = Page(source)
    assert evaluation.name not in source
    assert evaluation.name in page.text
    assert len(page.all("script")) == 1
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", page.text)
    assert "<b>block</b>" in page.text


def test_same_evaluation_same_bytes():
    assert report.html(sample.evaluation()) == report.html(sample.evaluation())


def test_a_million_accelerators_fit_two_megabytes():
    evaluation = sample.evaluation(systems=125_000, halls=40)
    assert evaluation.factory.accelerators == 1_000_000
    assert len(report.html(evaluation).encode()) < 2_000_000


def test_every_template_is_used():
    folder = resources.files(report) / "templates"
    found = {path.name for path in folder.iterdir() if path.name.endswith(".html")}
    kinds = (kind for kind in vars(blocks).values() if isinstance(kind, type))
    used = {kind.template for kind in kinds if hasattr(kind, "template")} | {"report.html", "cell.html"}
    assert found == used | {"floor.html", "gantt.html", "tiers.html"}


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (70_000.0, "area", "70,000 m²"),
        (3.1e-6, "time", "3.1 µs"),
        (887e3, "rate", "887k/s"),
        (40.0, "rate", "40 /s"),
        (1.613e6, "power", "1.61 MW"),
    ],
)
def test_quantities_are_typeset(value, dimension, text):
    assert words.show(value, dimension).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.61, "0.61 USD"),
        (999.0, "999.00 USD"),
        (270e3, "270,000 USD"),
        (5.56e6, "5.56 million USD"),
        (3.2e9, "3.2 billion USD"),
    ],
)
def test_money_is_typeset(value, text):
    assert words.money(value).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        ("2.05 USD", "2.61 USD", "2.05 to 2.61 USD"),
        ("282 ms", "1.09 s", "282 ms to 1.09 s"),
        ("14M/s", "19M/s", "14M/s to 19M/s"),
    ],
)
def test_a_unit_is_said_once(low, high, text):
    gap = "\N{NO-BREAK SPACE}"
    assert words.span(low.replace(" ", gap), high.replace(" ", gap)).replace(gap, " ") == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("the feed is full", "The feed is full."), ("gb300 ships late", "gb300 ships late."), ("Done.", "Done.")],
)
def test_notes_are_sentences(text, sentence):
    assert words.sentence(text) == sentence


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 1), (4, 4), (5, 5), (6, 3), (7, 4), (9, 5), (11, 4)])
def test_grids_are_balanced(count, columns):
    assert report.columns(count) == columns


def test_words():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.plural(1, "switch", "switches") == "1 switch"
    assert words.plural(2, "switch", "switches") == "2 switches"
    assert html.unescape(words.counted(9000, "m2")) == "9,000\N{NO-BREAK SPACE}m²"
