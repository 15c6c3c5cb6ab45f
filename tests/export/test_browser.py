"""The report in a real browser: it is drawn, complains of nothing, asks for nothing, and fits a phone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import firstlight
from firstlight.export import report

from . import sample

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
EXAMPLES = Path(__file__).parents[2] / "examples"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
CASES = {
    "whole": {},
    "late": {"late_days": 43.0},
    "idle": {"training": False, "serving": False},
    "torus": {"torus": True},
    "large": {"systems": 12_500, "halls": 4},
}
MARKS = "rect, path, circle"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, case in CASES.items():
        (folder / f"{name}.html").write_text(report.html(sample.evaluation(**case)), "utf-8")
    served = firstlight.serve(EXAMPLES / "serve-deepseek.yaml", search=True)
    (folder / "served.html").write_text(report.serving_html(served), "utf-8")
    (folder / "odd.html").write_text(report.html(sample.odd()), "utf-8")
    return folder


@pytest.fixture
def visit(browser, pages):
    """Open a report; at the end, nothing may have been complained of or asked for."""
    contexts, wrong = [], []

    def go(name: str, size: dict[str, int], **options):
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        address = (pages / f"{name}.html").as_uri()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:80]}"))
        page.on("request", lambda request: request.url.startswith((address, "data:")) or wrong.append(request.url[:80]))
        page.goto(f"{address}#answer")
        return page

    yield go
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(params=[*CASES, "odd", "served"])
def name(request):
    return request.param


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_drawing_has_marks_and_the_page_fits(visit, name, size):
    page = visit(name, size)
    page.wait_for_selector("html[data-ready=yes]")
    drawings = page.locator("main svg:visible")
    assert drawings.count() >= 4
    for index in range(drawings.count()):
        drawing = drawings.nth(index)
        assert drawing.locator(MARKS).count() > 3, drawing.get_attribute("aria-label")
        box = drawing.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 60
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def texts_outside(page) -> list[str]:
    """Texts of drawings that the screen cuts off."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main svg text")].filter((text) => {
            const box = text.getBoundingClientRect();
            return box.width && (box.left < 0 || box.right > innerWidth + 0.5);
        }).map((text) => text.textContent)"""
    )


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_text_of_a_drawing_leaves_the_screen(visit, name, size):
    assert texts_outside(visit(name, size)) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples(visit, pages, path):
    made, *_ = firstlight.write(firstlight.plan(path), pages / path.stem)
    assert made.stat().st_size < 2_000_000
    made.rename(pages / f"{path.stem}.html")
    for size in (DESK, PHONE):
        page = visit(path.stem, size)
        page.wait_for_selector("html[data-ready=yes]")
        assert texts_outside(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.locator("#floor-plan .racks path").count() > 3


def test_one_size_of_each_chart_is_shown(visit):
    for size, width in ((DESK, "large"), (PHONE, "small")):
        page = visit("whole", size)
        shown = page.locator("#power .fits").first.locator("> div:visible")
        assert [each.get_attribute("class") for each in shown.all()] == [width]


def test_the_answer_fits_the_first_screen(visit):
    page = visit("whole", DESK)
    box = page.locator(".tiles").bounding_box()
    assert box["y"] + box["height"] < DESK["height"]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_reads_without_scripts(visit, size):
    page = visit("whole", size, java_script_enabled=False)
    for section in ("limits", "floor", "fabric", "power", "training", "serving", "schedule", "cost", "basis"):
        assert page.locator(f"#{section} h2").is_visible()
    assert page.locator("#floor-plan .racks path").count() >= 3
    assert page.locator("#power svg:visible").first.locator(MARKS).count() > 10
    assert not page.locator(".zoom").is_visible()
    assert not page.locator("#tip").is_visible()


def test_pointing_says_what_a_mark_is(visit):
    page = visit("whole", DESK)
    page.locator("#floor-plan .racks path").first.hover()
    assert "compute rack" in page.locator("#tip").inner_text()
    page.locator("#power svg:visible .ribbon").first.hover()
    assert page.locator("#tip").inner_text().startswith("Utility feed to IT: ")
    page.locator("h1").hover()
    assert not page.locator("#tip").is_visible()


def test_the_floor_plan_zooms_and_comes_back(visit):
    page = visit("large", DESK)
    whole = page.locator("#floor-plan").get_attribute("viewBox")
    page.get_by_label("Zoom in").click()
    width = [float(box.split()[2]) for box in (whole, page.locator("#floor-plan").get_attribute("viewBox"))]
    assert width[1] == pytest.approx(width[0] / 2)
    page.get_by_label("Show all").click()
    again = page.locator("#floor-plan").get_attribute("viewBox")
    assert [float(n) for n in again.split()] == pytest.approx([float(n) for n in whole.split()])


def test_wide_tables_scroll_inside_themselves(visit):
    page = visit("whole", PHONE)
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".scroll")].filter((each) => each.scrollWidth > each.clientWidth)
            .map((each) => [getComputedStyle(each).overflowX, each.tabIndex, each.getAttribute("aria-label")])"""
    )
    assert wide
    assert all(scroll == "auto" and tab == 0 and label for scroll, tab, label in wide)


def test_colours_follow_the_system(visit):
    grounds = [
        visit("whole", DESK, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(int(n) for n in ground[4:-1].split(",")) for ground in grounds)
    assert light > 600 > 150 > dark


def test_it_prints_with_everything_open(visit):
    page = visit("whole", DESK)
    assert page.locator("details:not([open])").count() > 5
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 5
