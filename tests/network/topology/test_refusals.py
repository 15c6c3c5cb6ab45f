"""What cannot be built: the arithmetic that fails, and the nearest valid choice."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.network import topology

from ..graph import hashes
from .kinds import build, switch

SITES = {"count": 2, "length": "100 km"}


@pytest.mark.parametrize(
    ("kind", "endpoints", "rails", "ports", "more", "message"),
    [
        ("clos", 96, 1, 8, {"taper": [8, 1]}, r"8:1 leaves no uplink on a switch of 8 links; choose at most 7:1"),
        ("clos", 96, 1, 8, {"taper": [1, 64]}, r"64:1 above tier 1 leaves no uplink.*at most 7:1"),
        ("clos", 32, 1, 16, {"taper": [1, 2]}, r"taper of 2 tiers has no effect: of 2 tiers 1 have uplinks; write 1"),
        ("clos", 96, 1, 8, {"groups": [7]}, r"needs 7 \+ 7 links at 1:1, and a switch holds 8: at most 4"),
        ("clos", 96, 1, 8, {"groups": [4, 30]}, r"30 is not whole groups of 4; the nearest are 28 and 32"),
        ("clos", 960, 1, 16, {"groups": [8, 160]}, r"160 on 8 are 20 links.*8 downlinks.*write at most 64"),
        ("clos", 96, 1, 16, {"groups": [8, 96]}, r"the last of 2 groups has no effect"),
        ("clos", 8, 1, 16, {"trunk": 2}, r"a trunk has no effect: one switch"),
        ("rail-optimised", 96, 8, 64, {"groups": [12]}, r"12 endpoints is not whole nodes of 8 NICs; .* 8 and 16"),
        ("clos", 96, 1, 64, {"planes": 3}, r"split in 3 are links of 16.7 GB/s, .* Write .*planes: 1 or 2 or 4 or 8"),
        ("rail-only", 96, 8, 64, {"planes": 64}, r"split in 64 .*planes: 1 or 2 or 4 or 8, or choose a switch"),
        ("hyperx", 96, 1, 64, {"planes": 5}, r"split in 5 .*splits in 1 or 2 or 4 or 8"),
        ("dual-tor", 96, 8, 64, {"planes": 4}, r"2 leaves, not over 4 planes; write planes: 1 .* or 2"),
        ("dual-tor", 96, 1, 64, {"planes": 2}, r"choose fabric kind: clos"),
        ("dragonfly", 96, 1, 8, {"dragonfly": {"p": 4, "a": 4, "h": 2}}, r"p \+ a - 1 \+ h = 4 \+ 3 \+ 2 = 9 links.*8"),
        (
            "dragonfly",
            96,
            1,
            16,
            {"dragonfly": {"p": 2, "a": 4, "h": 2, "g": 12}},
            r"need 11 .*4 x 2 = 8; write at most g: 9",
        ),
        (
            "dragonfly",
            96,
            1,
            16,
            {"dragonfly": {"p": 2, "a": 4, "h": 2, "g": 9}},
            r"hold 36 to 72 .* there are 96; write g: 12",
        ),
        (
            "dragonfly",
            96,
            1,
            16,
            {"dragonfly": {"p": 3, "a": 4, "h": 0}},
            r"need 7 global links each, and a x h = 4 x 0 = 0",
        ),
        ("dragonfly", 10_000, 1, 8, {}, r"no balanced dragonfly.*3 to 72 do"),
        ("slim-fly", 96, 1, 64, {"slim_fly": {"q": 6}}, r"q = 6 is no prime power above 2; the nearest are 5 and 7"),
        ("slim-fly", 96, 1, 64, {"slim_fly": {"q": 2}}, r"q = 2 is no prime power above 2; the nearest are 3"),
        (
            "slim-fly",
            300,
            1,
            64,
            {"slim_fly": {"q": 5, "p": 2}},
            r"50 x 2 places hold 50 to 100 .* write p: 6, or q: 7",
        ),
        (
            "slim-fly",
            300,
            1,
            8,
            {"slim_fly": {"q": 5}},
            r"for q = 5 .* = 6 \+ 7 = 13 links.*holds 8; at full .*q = 3, p = 3: 54",
        ),
        ("hyperx", 64, 1, 16, {"hyperx": {"dimensions": [4, 4], "widths": [1]}}, r"2 dimensions has 1 widths; write 2"),
        ("hyperx", 64, 1, 8, {"hyperx": {"dimensions": [4, 4]}}, r"4 \+ 1 x 3 \+ 1 x 3 = 10 links.*8.*more dimensions"),
        (
            "hyperx",
            64,
            1,
            16,
            {"hyperx": {"dimensions": [4, 4], "p": 3}},
            r"4 x 4 switches x 3 .* 16 to 48 .* write p: 4",
        ),
        ("hyperx", 10**7, 1, 16, {}, r"make no regular HyperX"),
        ("torus", 65, 1, 0, {"torus": {"dimensions": [4, 4, 4]}}, r"joins 64 accelerators, and there are 65"),
        ("torus", 128, 1, 0, {"torus": {"dimensions": [2, 8, 8], "twisted": True}}, r"2 x 8 x 8 cannot be twisted"),
        (
            "torus",
            128,
            1,
            0,
            {"torus": {"slices": [{"dimensions": [4, 4, 6]}]}},
            r"not of whole cubes; write \[4, 4, 8\]",
        ),
        (
            "torus",
            128,
            1,
            0,
            {"torus": {"slices": [{"dimensions": [4, 4, 4]}]}},
            r"1 of 2 cubes are in no slice: \[1\]",
        ),
        (
            "torus",
            64,
            1,
            0,
            {"torus": {"slices": [{"dimensions": [4, 4, 8]}]}},
            r"is of 2 cubes, and 1 are named or free",
        ),
        ("torus", 100, 1, 0, {"torus": {"slices": [{"dimensions": [4, 4, 4]}]}}, r"whole cubes of 64; .* 64 and 128"),
        (
            "torus",
            128,
            1,
            0,
            {"torus": {"slices": [{"dimensions": [4, 4, 8], "cubes": [0, 2]}]}},
            r"cube 2 does not exist",
        ),
        (
            "torus",
            128,
            1,
            0,
            {"torus": {"slices": [{"dimensions": [4, 4, 8], "cubes": [1, 1]}]}},
            r"cube 1 is in two places",
        ),
        ("clos", 97, 1, 16, {"sites": SITES}, r"97 endpoints are not 2 equal sites; the nearest are 96 and 98"),
        (
            "clos",
            120,
            1,
            8,
            {"sites": {**SITES, "count": 4}},
            r"at 8:1 a top switch of 8 links has 0 long links.*each of 3 others; write sites.taper: 1 or less",
        ),
        ("dual-tor", 96, 8, 64, {"sites": SITES}, r"dual-tor has none; choose clos"),
        ("dragonfly", 96, 1, 64, {"sites": SITES}, r"sites has no effect on a dragonfly"),
        ("hyperx", 96, 1, 64, {"taper": 2}, r"taper has no effect on a hyperx"),
        ("clos", 96, 1, 64, {"torus": {"dimensions": [4, 4, 6]}}, r"design.fabric.torus has no effect on a clos"),
        ("rail-only", 96, 8, 64, {"hyperx": {"dimensions": [4]}}, r"design.fabric.hyperx has no effect on a rail-only"),
    ],
)
def test_refused_with_the_arithmetic(kind, endpoints, rails, ports, more, message):
    with pytest.raises(UsageError, match=message):
        build(kind, endpoints, rails, ports or 64, **more)


def test_no_path_between_slices_or_rails_is_told():
    slices = build("torus", 128, torus={"slices": [{"dimensions": [4, 4, 4]}] * 2})
    assert slices.distance(np.array([0]), np.array([64])).tolist() == [-1]
    with pytest.raises(UsageError, match=r"endpoints 0 and 64 are in slices 0 and 1, which no link joins"):
        slices.routes(np.array([0]), np.array([64]), hashes(0, 1))
    rails = build("rail-only", 64, 4, 8, sites={"count": 2, "length": "1 km", "taper": 1})
    assert rails.distance(np.array([0, 0]), np.array([33, 32])).tolist() == [-1, rails.hops()]
    with pytest.raises(UsageError, match="hand it over inside the scale-up domains"):
        rails.routes(np.array([0]), np.array([33]), hashes(0, 1))


def test_circuits_join_whole_cubes_only():
    with pytest.raises(UsageError, match="whole cubes of 4 x 4 x 4"):
        topology.circuits(build("torus", 72, torus={"dimensions": [3, 4, 6]}))


@pytest.mark.parametrize(
    ("accelerators", "domain", "speed", "message"),
    [
        (100, 8, 450e9, r"not whole domains of 8; the nearest are 96 and 104"),
        (96, 8, 430e9, r"430 GB/s of scale-up bandwidth are 8.6 ports of the switch \(50 GB/s\), not whole ones"),
    ],
)
def test_domains_are_whole(accelerators, domain, speed, message):
    with pytest.raises(UsageError, match=message):
        topology.scale_up(accelerators, domain, speed, switch(64, "50 GB/s", (1,)))


def test_a_torus_has_no_scale_up_domains():
    domains = topology.scale_up(64, 8, 450e9, switch(64, "50 GB/s", (1,)))
    with pytest.raises(UsageError, match="choose a fabric of switches"):
        topology.joined(domains, build("torus", 64))
