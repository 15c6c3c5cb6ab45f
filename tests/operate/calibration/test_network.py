"""The constants of the formula for large cases, fitted to packet-level runs with topologies left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight.errors import UsageError
from firstlight.network.transport.estimate import constants
from firstlight.operate.calibration import calibrate_network

MEASURED = Path(__file__).parents[3] / "measurements" / "network"


def cases(tmp_path, wanted):
    rows = (MEASURED / "packet_level_more.csv").read_text().splitlines()
    file = tmp_path / "cases.csv"
    file.write_text("\n".join([rows[0], *(row for row in rows[1:] if wanted(row))]) + "\n")
    return file


def test_shipped_constants_stay_where_the_runs_put_them(tmp_path):
    file = cases(tmp_path, lambda row: "perm_128_8MB_s38" in row or "perm_64_8MB" in row)
    found = calibrate_network([file], MEASURED / "topo", MEASURED / "tm")
    assert found.left_out is not None
    assert found.fitted[0] < 0.05
    assert found.left_out[0] < 0.06
    assert found.values["walk_adaptive"] == pytest.approx(constants()["walk_adaptive"], rel=0.4)
    assert any("is not sprayed" in told for told in found.passed)


def test_runs_over_degraded_links_are_not_fitted_to(tmp_path):
    file = cases(tmp_path, lambda row: "deg1" in row)
    with pytest.raises(UsageError, match="no row is of sprayed traffic over healthy links"):
        calibrate_network([file], MEASURED / "topo", MEASURED / "tm")
