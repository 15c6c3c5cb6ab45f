"""What all tests share: the scoreboard of checks against published figures, written with `--accuracy FILE`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from numpy.typing import ArrayLike

# A busy machine is no failure, and a change fails for what it changed, not for an example that nobody has seen before:
# the same examples are drawn each time. `--hypothesis-profile=explore` draws new ones.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("house")

HEAD = """<!-- Written by `scripts/test tests/oracles --accuracy docs/accuracy.md`; do not edit. -->

# Accuracy

What firstlight says against what others have measured or published. Nothing here was fitted to the row it is compared
with, unless the row says so. A row that misses by more than 5 % says why.

| what | published | firstlight | error | source | why it misses |
|---|---|---|---|---|---|
"""
Against = Callable[..., None]


@pytest.fixture
def against(record_property: Callable[[str, Any], None]) -> Against:
    """Hold a figure to a published one, and put both on the scoreboard.

    `against("what", found, published, unit="s", source="paper")` allows 5 %; a larger `within` needs its `why`.
    """

    def check(
        what: str, found: float, published: float, *, source: str, unit: str = "", within: float = 0.05, why: str = ""
    ) -> None:
        error = found / published - 1
        assert why or within <= 0.05, "a check that may miss by more than 5 % says why it does"
        cells = (what, f"{published:,.6g} {unit}", f"{found:,.6g} {unit}", f"{100 * error:+.1f} %", source, why)
        record_property("accuracy", "| " + " | ".join(cell.strip() for cell in cells) + " |")
        assert abs(error) <= within, f"{what}: {found:.6g} {unit} against {published:.6g}, {100 * error:+.1f} %"

    return check


@pytest.fixture
def weather_file() -> Callable[..., Path]:
    """Write an EPW file of one year: every hour alike, or each with its own of 8,760 values."""

    def write(
        path: Path, dry: ArrayLike = 20.0, dew: ArrayLike = 10.0, pressure: ArrayLike = 101_325, *, elevation: float = 0
    ) -> Path:
        columns = np.broadcast_arrays(np.arange(8760), dry, dew, pressure)
        head = [f"LOCATION,Nowhere,XX,XXX,TEST,1,10.0,20.0,1.0,{elevation}", *["-"] * 7]
        hours = [
            f"2001,1,1,{int(hour) % 24 + 1},0,-,{each_dry},{each_dew},50,{each_pressure}"
            for hour, each_dry, each_dew, each_pressure in zip(*columns, strict=True)
        ]
        path.write_text("\n".join([*head, *hours]) + "\n", "utf-8")
        return path

    return write


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accuracy", type=Path, help="write the scoreboard of `against` to this file")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--accuracy")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Scoreboard(path), "scoreboard")


class Scoreboard:
    """Gathers the rows of `against` from all workers, and writes them when all tests have passed."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            rows = [str(row) for name, row in report.user_properties if name == "accuracy"]
            self.rows |= {f"{report.nodeid} {index:04}": row for index, row in enumerate(rows)}

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus == 0:
            rows = [self.rows[key] for key in sorted(self.rows)]
            self.path.write_text(HEAD + "\n".join(rows) + "\n", "utf-8")
