"""Every published fabric of measurements/network/topologies.csv, built from its structure and counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.operate.validation.topologies import published
from firstlight.spec.catalog import shipped
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Accelerator, Switch, System

FOLDER = Path(__file__).parents[2] / "measurements" / "network"
ROWS = {one.name: one for one in published(FOLDER / "topologies.csv", FOLDER / "designs.yaml")}
SILENT = {"Oracle OCI Zettascale10", "Rail-only (MIT/Meta)", "RailX"}
NUMBERS = 468
"""That the rows state of their fabrics."""


def test_every_row_is_accounted_for():
    assert len(ROWS) == 55
    assert {name for name, one in ROWS.items() if not one.checks} == SILENT
    assert sum(len(one.checks) for one in ROWS.values()) == NUMBERS
    for name in SILENT:
        assert not any(ROWS[name].row[column] for column in ("leaf", "spine", "core", "cables", "radix")) or (
            name == "RailX" and ROWS[name].row["radix"] == "OCS 2D"
        )


@pytest.mark.parametrize("name", [name for name in ROWS if name not in SILENT])
def test_published_fabric(name):
    assert [check for check in ROWS[name].checks if not check.agrees] == []


def test_a_wrong_count_is_seen():
    one = ROWS["DGX B200 SuperPOD 16 SU"]
    for column, wrong in (
        ("leaf", "127"),
        ("core", "65"),
        ("nodes", "513"),
        ("cables", "node-leaf 4095"),
        ("radix", "65"),
    ):
        changed = replace(one, row={**one.row, column: wrong})
        assert [check.agrees for check in changed.checks].count(False) == 1


def test_a_row_without_a_design_is_named(tmp_path):
    cases = tmp_path / "topologies.csv"
    cases.write_text("name,endpoints\nunheard of,8\n", "utf-8")
    with pytest.raises(UsageError, match='"unheard of" has 0 designs'):
        published(cases, FOLDER / "designs.yaml")


def test_alibaba_s_core_is_15_to_1():
    """Two pods under cores: 120 ports of an aggregation switch down and 8 up, at 400G; its links are of 200G."""
    one = ROWS["Alibaba HPN 7.0 pod"]
    design = {**one.design["fabric"], "taper": [16 / 15, 15], "groups": [1024, 15_360]}
    fabric = replace(one, design={**one.design, "fabric": design}).build(2 * 15_360)
    assert [tier.switches for tier in fabric.tiers[:2]] == [480, 240]
    up, cores = fabric.bundles[2].count, fabric.tiers[2]
    assert up == 240 * 16
    assert cores.switches == 2 * -(-up // 2 // 256)


def test_alibaba_s_other_build():
    """8 segments of 1,024 with 64 uplinks a leaf: 8,192 accelerators without taper (woter.ai, as the row notes)."""
    one = ROWS["Alibaba HPN 7.0 pod"]
    design = {**one.design["fabric"], "taper": 1.0}
    fabric = replace(one, design={**one.design, "fabric": design}).build(8192)
    assert [tier.switches for tier in fabric.tiers] == [8 * 16, 64]


def test_meta_with_the_other_source_s_uplinks():
    """2:1 more up than down at a rack switch, one uplink to each cluster switch: 32 a pod, not 18."""
    one = ROWS["Meta 24k RoCE"]
    design = {**one.design["fabric"], "taper": [0.5, 7]}
    fabric = replace(one, design={**one.design, "fabric": design}).build(24_576)
    assert fabric.tiers[1].switches == 8 * 32 != int(one.row["spine"])


def test_kedios_spines_are_twice_the_fewest():
    one = ROWS["Kedios B300 32-server farm"]
    design = {key: value for key, value in one.design["fabric"].items() if key != "trunk"}
    assert replace(one, design={**one.design, "fabric": design}).build(256).tiers[1].switches == 2


def test_tpu_v4_pod():
    """64 cubes of 4 x 4 x 4 on 48 circuit switches of 128 ports: 6,144 fibres, every port taken, none twice."""
    fabric = topology.build(FabricDesign(kind="torus", link="50 GB/s"), 4096, 4, None)
    made = topology.circuits(fabric)
    assert fabric.dimensions == (16, 16, 16)
    assert (made.switches, made.ports, 2 * len(made.link)) == (48, 128, 6144)
    ports = np.concatenate([made.switch * made.ports + made.first, made.switch * made.ports + made.second])
    assert np.array_equal(np.sort(ports), np.arange(6144))


def test_nvlink_domain_of_72():
    """Each B200 has 18 links of 50 GB/s, two to each of the 9 trays of a rack (NVIDIA GB200 NVL72 data sheet)."""
    tray = shipped().part(Switch, "nvidia-nvlink5-tray")
    system = next(s for s in shipped().parts(System) if s.scale_up_domain == 72)
    bandwidth = shipped().part(Accelerator, system.accelerator).scale_up_bandwidth
    assert bandwidth is not None
    domain = topology.scale_up(2 * 72, 72, bandwidth, tray)
    assert [tier.switches for tier in domain.tiers] == [2 * 9]
    assert domain.injection == bandwidth
    assert domain.distance(np.array([0, 0]), np.array([71, 72])).tolist() == [1, -1]
