#!/usr/bin/env python3
"""Makes the pictures of the README, docs/images/*.png, from the report of examples/colossus-100k.yaml.

Needs Chromium. Run it with the Python of the environment, whose playwright it uses.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import firstlight

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
PLAN = ROOT / "examples" / "colossus-100k.yaml"
WIDTH, HEIGHT = 1280, 800
TODAY = dt.date(2026, 6, 1)
"""Day of the run, so that the picture does not depend on the day on which it is made."""


def report(folder: Path) -> Path:
    """Plan the example; its report."""
    firstlight.write(firstlight.plan(PLAN, today=TODAY), folder)
    return folder / "report.html"


def take(page: Page) -> None:
    """The first screen, and the floor plan."""
    page.screenshot(path=IMAGES / "report.png")
    page.locator("#floor figure").screenshot(path=IMAGES / "report-floor.png")


def main() -> None:
    """Make the pictures."""
    chromium = shutil.which("chromium") or sys.exit("chromium is not installed: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--hide-scrollbars"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        page.goto(report(Path(folder)).as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        take(page)
        browser.close()


if __name__ == "__main__":
    main()
