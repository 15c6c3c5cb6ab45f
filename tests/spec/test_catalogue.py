"""The shipped catalogue is true as far as arithmetic can tell: ranges of every number, parts against each other, and
published figures of systems that everybody knows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import get_args

import pytest

from firstlight.spec import catalog
from firstlight.spec.assumptions import Standing
from firstlight.spec.browse import dimension_of
from firstlight.spec.catalog import KINDS
from firstlight.spec.overlay import HEADER
from firstlight.spec.parts import Accelerator, Cable, Host, Nic, Part, Rack, Switch, System, Transceiver
from firstlight.spec.parts.names import word

SHIPPED = catalog.shipped()
ACCELERATORS, SYSTEMS, SWITCHES = (SHIPPED.parts(kind) for kind in (Accelerator, System, Switch))
GBPS = 1e9 / 8

TERA, GB = 1e12, 1e9
RANGES = {
    "accelerator": {
        "price": (1000, 200e3), "released": (2016, 2028), "fp64": (0.4 * TERA, 120 * TERA),
        "fp32": (10 * TERA, 400 * TERA), "tf32": (50 * TERA, 6000 * TERA), "bf16": (20 * TERA, 1e4 * TERA),
        "fp8": (150 * TERA, 5e4 * TERA), "fp4": (1500 * TERA, 2e5 * TERA), "int8": (100 * TERA, 1e4 * TERA),
        "memory": (16 * GB, 1100 * GB), "memory_bandwidth": (0.25e12, 40e12),
        "scale_up_bandwidth": (30 * GB, 6000 * GB), "scale_up_domain": (1, 10_000),
        "host_link": (10 * GB, 500 * GB), "tdp": (50, 4000),
        "matmul": (200 * TERA, 3000 * TERA),
    },
    "host": {
        "price": (500, 30e3), "cores": (16, 300), "memory": (100 * GB, 4000 * GB),
        "memory_bandwidth": (70 * GB, 2000 * GB), "tdp": (100, 700),
    },
    "nic": {"price": (0, 5000), "ports": (1, 8), "bandwidth": (100 * GBPS, 1600 * GBPS), "power": (0.5, 100)},
    "system": {
        "price": (20e3, 30e6), "accelerators": (1, 400), "nodes": (1, 100), "scale_up_domain": (1, 400),
        "sockets": (1, 200), "nics": (0, 1000), "power": (1e3, 700e3), "idle_power": (250, 200e3), "liquid": (0, 1),
        "rack_units": (0, 20), "racks_each": (1, 16), "per_rack": (1, 130), "rack_width": (0.5, 1.3),
        "rack_depth": (1, 2), "mass": (20, 15e3),
    },
    "switch": {
        "price": (10e3, 2e6), "ports": (32, 600), "port_bandwidth": (100 * GBPS, 1600 * GBPS), "latency": (80e-9, 5e-6),
        "rack_units": (1, 40), "power": (100, 25e3),
    },
    "transceiver": {"price": (50, 7000), "bandwidth": (100 * GBPS, 1600 * GBPS), "reach": (30, 10e3), "power": (2, 40)},
    "cable": {
        "price": (10, 2000), "bandwidth": (100 * GBPS, 1600 * GBPS), "reach": (1, 10e3), "power": (1, 40),
        "price_per_metre": (0.2, 100),
    },
    "rack": {
        "price": (2e3, 50e3), "rack_units": (40, 60), "width": (0.5, 0.9), "depth": (1, 1.4), "mass": (80, 300),
        "power": (10e3, 200e3),
    },
    "cdu": {
        "price": (10e3, 400e3), "capacity": (80e3, 3e6), "approach": (2, 10), "flow": (1e-3, 0.1), "power": (500, 50e3)
    },
    "chiller": {
        "price": (100e3, 2e6), "capacity": (200e3, 6e6), "cop": (2.5, 8), "design_ambient": (25, 45), "leaving": (5, 25)
    },
    "dry-cooler": {"price": (20e3, 400e3), "capacity": (200e3, 4e6), "approach": (3, 15), "power": (2e3, 100e3)},
    "air-handler": {"price": (10e3, 200e3), "capacity": (50e3, 1e6), "power": (1e3, 40e3), "approach": (2, 15)},
    "transformer": {
        "price": (40e3, 1e7), "rating": (1e6, 400e6), "no_load_loss": (500, 2e5), "load_loss": (5e3, 1e6)
    },
    "ups": {"price": (50e3, 2e6), "rating": (100e3, 5e6), "efficiency": (0.94, 0.99), "no_load_loss": (1e3, 60e3)},
    "generator": {"price": (50e3, 3e6), "rating": (100e3, 5e6)},
    "battery": {"price": (1e5, 2e7), "rating": (1e5, 1e8), "energy": (1e9, 1e12), "round_trip": (0.8, 0.97)},
}  # fmt: skip
"""Between which values each number of each kind lies, in SI and USD."""

MEASURED = (
    "amd-mi300x", "amd-mi325x", "amd-mi355x", "aws-inferentia2", "google-tpu-v4", "google-tpu-v5e",
    "google-tpu-v5p", "google-tpu-v6e", "intel-gaudi2", "intel-gaudi3", "nvidia-a100-pcie-80gb",
    "nvidia-a100-sxm-40gb", "nvidia-a100-sxm-80gb", "nvidia-b200-sxm", "nvidia-b300-sxm", "nvidia-gb200",
    "nvidia-gh200", "nvidia-h100-pcie", "nvidia-h100-sxm-80gb", "nvidia-h100-sxm-96gb", "nvidia-h200-sxm",
    "nvidia-h800-sxm", "nvidia-l40s",
)  # fmt: skip
"""The names that published measurements use."""
VARIANTS = (
    "p100", "v100", "v100-16gb", "v100-sxm3", "a100", "a100-40gb", "a100-pcie", "a100-40gb-pcie", "a800", "l4",
    "l40s", "h100", "h100-96gb", "h100-pcie", "h100-nvl", "h800", "h20", "h200", "h200-nvl", "gh200",
    "gh200-144gb", "rtx-pro-6000", "b200", "b300", "gb200", "gb300", "rubin", "rubin-ultra", "mi250x", "mi300x",
    "mi325x", "mi350x", "mi355x", "mi455x", "tpu-v3", "tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-v7x",
    "trainium1", "trainium2", "trainium3", "inferentia2", "gaudi2", "gaudi3", "ascend-910b", "ascend-910c",
    "ascend-950dt",
)  # fmt: skip
SWITCH_NAMES = (
    "qm8700", "qm9700", "q3400-ra", "q3450-ld", "sn5400", "sn5600", "sn6600", "sn6600-ld", "sn6810-ld",
    "sn6800-ld", "th5", "th6", "nvlink5-tray", "slingshot",
)  # fmt: skip
SYSTEM_NAMES = (
    "dgx-1", "dgx-2", "dgx-a100", "hgx-h100", "hgx-h100-liquid", "dgx-h100", "dgx-h200", "dgx-b200", "dgx-b300",
    "gb200-nvl72", "gb300-nvl72", "vera-rubin-nvl72", "hgx-rubin-nvl8", "kyber", "helios", "mi300x-8",
    "mi355x-8", "trn2-ultraserver", "trn3-ultraserver", "ironwood-cube", "hpe-cray-ex-frontier",
    "cloudmatrix-384",
)  # fmt: skip


def numbers(part: Part) -> dict[str, float]:
    """The numbers of a part by field; words, flags and lists are none."""
    values = {name: getattr(part, name) for name in type(part).model_fields if name not in HEADER}
    return {
        name: value for name, value in values.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_lies_in_its_range(kind):
    fields = KINDS[kind].model_fields.keys() - HEADER
    assert RANGES[kind].keys() <= fields
    for part in SHIPPED.parts(KINDS[kind]):
        for name, value in numbers(part).items():
            low, high = RANGES[kind][name]
            assert low <= value <= high, f"{part.id}.{name} = {value:g}"


def test_every_number_has_a_unit_or_is_one_by_nature():
    plain = {
        "released", "scale_up_domain", "cores", "ports", "accelerators", "nodes", "sockets", "nics", "racks_each",
        "per_rack", "breakouts", "cop", "all_reduce_ranks",
    }  # fmt: skip
    for kind in KINDS.values():
        for name, info in kind.model_fields.items():
            if name in HEADER or any(word in str(info.annotation) for word in ("str", "bool", "Literal")):
                continue
            told = dimension_of(info) or "[" in (info.description or "") or name in plain or name == "rack_units"
            assert told, f"{kind.__name__}.{name} says no unit"


def test_every_number_has_a_source_and_a_standing():
    for part in SHIPPED:
        assert part.vendor
        assert part.name != part.id
        for name in (*numbers(part), "source"):
            told = part.provenance(name)
            assert len(told.source) > 3 or told.source == "ours", f"{part.id}.{name}"
            assert told.standing in get_args(Standing), f"{part.id}.{name}"
            # What is ours is an estimate, whatever its part is.
            assert told.standing == "estimate" or not told.source.startswith("ours"), f"{part.id}.{name}"


def test_facts_are_of_fields_that_have_a_value():
    for part in SHIPPED:
        for name in part.facts:
            assert name in type(part).model_fields
            assert getattr(part, name) is not None, f"{part.id}.{name}"


def test_no_two_parts_share_a_name():
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for part in SHIPPED:
        for name in (part.id, part.name, *part.aliases):
            owners[name.lower()].add(part.id)
    assert not {name: ids for name, ids in owners.items() if len(ids) > 1}
    for part in SHIPPED:
        assert len({*part.aliases}) == len(part.aliases), part.id
        assert part.id not in part.aliases


@pytest.mark.parametrize("name", [*MEASURED, *VARIANTS])
def test_accelerators_are_found_by_the_names_in_use(name):
    assert SHIPPED.part(Accelerator, name)


@pytest.mark.parametrize("name", SWITCH_NAMES)
def test_switches_are_found(name):
    assert SHIPPED.part(Switch, name)


@pytest.mark.parametrize("name", SYSTEM_NAMES)
def test_systems_are_found(name):
    assert SHIPPED.part(System, name)


def test_there_is_enough_of_each_kind():
    least = {"accelerator": 45, "system": 60, "switch": 18, "transceiver": 15, "cable": 18, "rack": 5, "cdu": 5}
    for kind, cls in KINDS.items():
        assert len(SHIPPED.parts(cls)) >= least.get(kind, 3), kind


# Accelerators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ACCELERATORS, ids=lambda part: part.id)
def test_narrower_types_are_no_slower(part):
    assert part.bf16
    assert part.fp8 is None or part.fp8 >= part.bf16 * (1 - 1e-9)
    assert part.fp4 is None or (part.fp8 and part.fp4 >= part.fp8 * (1 - 1e-9))
    # The matrix rate of bf16 is at least that of wider types.
    for wider in (part.fp64, part.fp32, part.tf32):
        assert wider is None or wider <= part.bf16 * (1 + 1e-9)


SAME_FP8 = {"aws-inferentia2", "aws-trainium1", "google-tpu-v6e", "intel-gaudi3"}
"""No faster in fp8 than in bf16."""
MORE_FP8 = {"aws-trainium3", "nvidia-rubin", "nvidia-rubin-ultra"}
"""About four times faster in fp8 than in bf16."""


@pytest.mark.parametrize("part", [p for p in ACCELERATORS if p.fp8], ids=lambda part: part.id)
def test_fp8_is_twice_bf16(part):
    expected = 1 if part.id in SAME_FP8 else 4 if part.id in MORE_FP8 else 2
    assert part.fp8 / part.bf16 == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize(
    "part", [p for p in ACCELERATORS if p.tf32 and p.vendor in ("NVIDIA", "AMD")], ids=lambda p: p.id
)
def test_tf32_is_half_of_bf16(part):
    assert part.tf32 / part.bf16 == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("part", ACCELERATORS, ids=lambda part: part.id)
def test_what_was_achieved_is_less_than_the_peak(part):
    if part.matmul:
        assert 0.5 <= part.matmul / part.bf16 <= 0.98
        assert part.provenance("matmul").standing == "measured"


STACKS = {
    "HBM2": (180, 330), "HBM2e": (200, 480), "HBM3": (400, 900), "HBM3e": (600, 1300), "HBM4": (1400, 2900),
    "HBM4e": (1400, 4200),
}  # fmt: skip
"""GB/s of one stack."""
SIZES = {"HBM2": (4, 8), "HBM2e": (16,), "HBM3": (16, 24), "HBM3e": (24, 36, 48), "HBM4": (36, 48), "HBM4e": (48, 64)}
"""GB of one stack."""


@pytest.mark.parametrize("part", [p for p in ACCELERATORS if p.memory_type in STACKS], ids=lambda part: part.id)
def test_some_number_of_stacks_gives_both_size_and_bandwidth(part):
    low, high = STACKS[part.memory_type]
    # Part of a stack may be kept back for yield or error correction.
    fitting = [
        count
        for count in range(1, 17)
        for size in SIZES[part.memory_type]
        if 0.89 <= part.memory / 1e9 / (count * size) <= 1.08 and low <= part.memory_bandwidth / 1e9 / count <= high
    ]
    assert fitting, f"{part.memory / 1e9:g} GB at {part.memory_bandwidth / 1e9:g} GB/s of {part.memory_type}"


@pytest.mark.parametrize("part", ACCELERATORS, ids=lambda part: part.id)
def test_memory_feeds_the_arithmetic(part):
    # Bytes of memory traffic for each bf16 operation; P100 and H20 have little arithmetic for their memory.
    high = 0.04 if part.id in ("nvidia-p100-sxm2-16gb", "nvidia-h20") else 0.01
    assert 0.0015 <= part.memory_bandwidth / part.bf16 <= high
    assert part.scale_up_bandwidth < part.memory_bandwidth / 2


@pytest.mark.parametrize("part", ACCELERATORS, ids=lambda part: part.id)
def test_work_per_watt_and_price_follow_the_year(part):
    per_watt = part.bf16 / part.tdp / 1e9
    assert per_watt <= {2016: 100, 2017: 450, 2018: 450}.get(part.released, 1300 if part.released < 2022 else 3200)
    assert part.price / (part.bf16 / 1e12) <= (500 if part.released < 2017 else 120)


# Systems ------------------------------------------------------------------------------------------------------------


def kit(system: System) -> tuple[Accelerator, Host, Nic | None]:
    nic = SHIPPED.part(Nic, system.nic) if system.nic else None
    return SHIPPED.part(Accelerator, system.accelerator), SHIPPED.part(Host, system.host), nic


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_systems_name_parts_by_their_ids(system):
    accelerator, host, nic = kit(system)
    assert (accelerator.id, host.id) == (system.accelerator, system.host)
    assert nic is None or nic.id == system.nic
    assert (system.nic is None) == (system.nics == 0)


CAPPED = {"alps-node", "tpu-v7x-cube"}
"""The modules of Alps are set below their highest power; the power of Ironwood is an average over a pod."""


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_a_system_takes_the_power_of_its_parts_and_some_more(system):
    accelerator, host, nic = kit(system)
    chips = accelerator.tdp * system.accelerators
    parts = chips + host.tdp * system.sockets + (nic.power * system.nics if nic else 0)
    assert chips <= system.power <= 2.1 * chips
    assert (0.7 if system.id in CAPPED else 1.0) <= system.power / parts <= 1.75
    assert 0.15 <= system.idle_power / system.power <= 0.45


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_a_system_divides_into_nodes_and_domains(system):
    accelerator, _, _ = kit(system)
    assert system.accelerators % system.nodes == 0
    assert system.accelerators % system.scale_up_domain == 0
    assert system.scale_up_domain <= accelerator.scale_up_domain
    assert system.sockets % system.nodes == 0
    assert system.nics == 0 or system.nics % system.nodes == 0


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_a_system_fits_into_racks(system):
    if system.racks == "rack":
        assert (system.rack_units, system.per_rack) == (0, 1)
        assert system.power / system.racks_each >= 20e3
    else:
        assert system.rack_units > 0
        assert system.racks_each == 1
        assert system.per_rack * system.rack_units <= 52
        assert system.per_rack * system.mass <= 4000
    # Air takes away no more than about 55 kW of a rack.
    racks = system.racks_each / system.per_rack
    assert system.power * (1 - system.liquid) / racks <= 58e3


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_a_system_costs_its_accelerators_and_some_more(system):
    accelerator, _, _ = kit(system)
    assert 1.0 <= system.price / (accelerator.price * system.accelerators) <= 2.6
    assert 3 <= system.mass / (system.power / 1e3) <= 45  # kg for each kW


PCIE = {2016: 16, 2018: 16, 2020: 32, 2022: 64, 2024: 128, 2026: 256}
"""GB/s of sixteen lanes, one direction, from this year on."""


@pytest.mark.parametrize("system", [s for s in SYSTEMS if s.nic], ids=lambda system: system.id)
def test_a_system_is_joined_no_faster_than_its_buses(system):
    accelerator, _, nic = kit(system)
    assert nic
    each = nic.bandwidth * system.nics / system.accelerators
    lanes = max(rate for year, rate in PCIE.items() if year <= accelerator.released) * 1e9
    # The newest systems give one accelerator two or more adapters, each on a bus of its own.
    assert each <= lanes * max(1, system.nics / system.accelerators) * (1 + 1e-9)
    assert nic.bandwidth <= 2 * lanes
    assert each < accelerator.scale_up_bandwidth or system.scale_up_domain <= 8


def test_every_part_of_a_system_is_used_by_one():
    used = {name for system in SYSTEMS for name in (system.accelerator, system.host, system.nic)}
    for kind in (Accelerator, Host, Nic):
        for part in SHIPPED.parts(kind):
            assert part.id in used, f"no system has {part.id}"


@pytest.mark.parametrize(
    ("name", "low", "high", "accelerators"),
    [
        ("dgx-1", 3.2e3, 3.5e3, 8), ("dgx-2", 10e3, 10e3, 16), ("dgx-a100", 6.5e3, 6.5e3, 8),
        ("dgx-h100", 10.2e3, 10.2e3, 8), ("dgx-h200", 10.2e3, 10.2e3, 8), ("dgx-b200", 14.3e3, 14.3e3, 8),
        ("dgx-b300", 14e3, 14.5e3, 8), ("gb200-nvl72", 120e3, 132e3, 72), ("gb300-nvl72", 120e3, 142e3, 72),
        ("vera-rubin-nvl72", 190e3, 230e3, 72), ("hgx-rubin-nvl8", 24e3, 24e3, 8), ("kyber", 600e3, 600e3, 144),
        ("helios", 140e3, 200e3, 72), ("cloudmatrix-384", 559e3, 600e3, 384),
    ],
)  # fmt: skip
def test_published_powers_of_systems(name, low, high, accelerators):
    system = SHIPPED.part(System, name)
    assert low <= system.power <= high
    assert system.accelerators == accelerators


def test_frontier_adds_up():
    # 9,472 nodes; RAPS reckons with 7.28 MW idle and 28.20 MW at most, switches and coolant units included.
    node = SHIPPED.part(System, "frontier-node")
    assert node.accelerators == 4
    assert 0.9 * 28.2e6 <= 9472 * node.power <= 28.2e6
    assert 0.85 * 7.28e6 <= 9472 * node.idle_power <= 7.28e6


def test_a_pod_of_ironwood_takes_ten_megawatts():
    cube = SHIPPED.part(System, "tpu-v7x-cube")
    assert 9216 / cube.accelerators * cube.power == pytest.approx(10e6, rel=0.05)


@pytest.mark.parametrize(
    ("name", "fp8", "memory", "bandwidth"),
    [
        ("dgx-h100", 32e15 / 2, 640e9, 26.8e12),
        ("dgx-b200", 72e15 / 2, 1440e9, 64e12),
        ("gb200-nvl72", 720e15 / 2, 13.4e12, 576e12),
        ("gb300-nvl72", 720e15 / 2, 20.7e12, 576e12),
        ("trn3-ultraserver", 362e15, 20.7e12, 706e12),
        ("kyber", 5e18, 147e12, 4608e12),
    ],
)
def test_what_makers_say_of_whole_systems(name, fp8, memory, bandwidth):
    system = SHIPPED.part(System, name)
    accelerator, _, _ = kit(system)
    assert accelerator.fp8
    assert system.accelerators * accelerator.fp8 == pytest.approx(fp8, rel=0.03)
    assert system.accelerators * accelerator.memory == pytest.approx(memory, rel=0.08)
    assert system.accelerators * accelerator.memory_bandwidth == pytest.approx(bandwidth, rel=0.03)


# Networks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "capacity"),
    [
        ("sb7800", 3.6), ("qm8700", 8), ("qm9700", 25.6), ("q3400-ra", 115.2), ("q3450-ld", 115.2), ("sn5400", 25.6),
        ("sn5600", 51.2), ("sn6600", 102.4), ("sn6600-ld", 102.4), ("sn6810-ld", 102.4), ("sn6800-ld", 409.6),
        ("th3", 12.8), ("th4", 25.6), ("th5", 51.2), ("th6", 102.4), ("7816r3", 230.4), ("7816r4", 460.8),
        ("slingshot", 12.8), ("nvlink5-tray", 57.6),
    ],
)  # fmt: skip
def test_ports_times_their_speed_are_the_capacity(name, capacity):
    switch = SHIPPED.part(Switch, name)
    assert switch.ports * switch.port_bandwidth * 8 / 1e12 == pytest.approx(capacity)


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.id)
def test_switches_are_plausible(switch):
    capacity = switch.ports * switch.port_bandwidth * 8 / 1e9
    assert switch.breakouts[0] == 1
    assert sorted(switch.breakouts) == list(switch.breakouts)
    assert 0.01 <= switch.power / capacity <= 0.07  # W for each Gb/s, without pluggable optics
    if switch.protocol == "nvlink":
        assert switch.price is None
    else:
        assert 0.8 <= switch.price / capacity <= 6  # USD for each Gb/s
    if switch.protocol == "infiniband":
        assert switch.latency <= 400e-9


REACH = {
    "dac": (1, 5), "aec": (2, 7), "aoc": (10, 100), "multimode": (30, 150), "single-mode": (500, 10e3)
}  # fmt: skip


@pytest.mark.parametrize("cable", SHIPPED.parts(Cable), ids=lambda cable: cable.id)
def test_cables_reach_as_far_as_their_kind_can(cable):
    low, high = REACH[cable.medium]
    assert low <= cable.reach <= high
    assert (cable.power is not None) == (cable.medium in ("aec", "aoc"))


@pytest.mark.parametrize("medium", ["dac", "aec", "aoc"])
def test_faster_cables_are_dearer_hotter_and_no_longer(medium):
    found = sorted((c for c in SHIPPED.parts(Cable) if c.medium == medium), key=lambda c: c.bandwidth)
    for slow, fast in pairwise(found):
        assert fast.price > slow.price
        assert fast.reach <= slow.reach
        assert (fast.power or 0) >= (slow.power or 0)


@pytest.mark.parametrize("part", SHIPPED.parts(Transceiver), ids=lambda part: part.id)
def test_transceivers_reach_as_far_as_their_fibre_can(part):
    low, high = (30, 150) if part.fibre == "multimode" else (500, 10e3)
    assert low <= part.reach <= high
    assert 0.01 <= part.power / (part.bandwidth / GBPS) <= 0.045  # W for each Gb/s


def test_longer_reach_takes_more_power_and_money():
    found = sorted(SHIPPED.parts(Transceiver), key=lambda t: (t.bandwidth, t.reach))
    for near, far in pairwise(found):
        if near.bandwidth == far.bandwidth:
            assert far.power >= near.power
            assert far.price > near.price


@pytest.mark.parametrize("rate", [100, 200, 400, 800, 1600])
@pytest.mark.parametrize("metres", [0.5, 3, 30, 300, 1500])
def test_every_link_can_be_made(rate, metres):
    speed = rate * GBPS * (1 - 1e-9)
    cables = [c for c in SHIPPED.parts(Cable) if c.bandwidth >= speed and c.reach >= metres]
    fibres = {c.medium for c in cables} & {"multimode", "single-mode"}
    modules = [
        t for t in SHIPPED.parts(Transceiver) if t.fibre in fibres and t.bandwidth >= speed and t.reach >= metres
    ]
    assert modules or {c.medium for c in cables} & {"dac", "aec", "aoc"}


def test_every_adapter_finds_a_switch_of_its_speed():
    for nic in SHIPPED.parts(Nic):
        links = [nic.bandwidth, nic.bandwidth / nic.ports]
        assert any(
            switch.port_bandwidth / n == pytest.approx(link)
            for switch in SWITCHES
            for n in switch.breakouts
            for link in links
        ), nic.id


# What feeds and cools -----------------------------------------------------------------------------------------------


def test_facility_parts_are_plausible():
    for part in SHIPPED:
        match word(type(part)):
            case "cdu":
                # Water that takes the heat away warms by 6 to 15 K.
                assert 6 <= part.capacity / (part.flow * 4.18e6) <= 15, part.id
                assert 0.005 <= part.power / part.capacity <= 0.025, part.id
            case "dry-cooler":
                assert 0.01 <= part.power / part.capacity <= 0.04, part.id
                assert 80 <= part.price / (part.capacity / 1e3) <= 250, part.id
            case "air-handler":
                assert 0.02 <= part.power / part.capacity <= 0.06, part.id
            case "chiller":
                assert 200 <= part.price / (part.capacity / 1e3) <= 600, part.id
            case "transformer":
                assert 0.0003 <= part.no_load_loss / part.rating <= 0.001, part.id
                assert 0.003 <= part.load_loss / part.rating <= 0.009, part.id
                assert part.high_voltage == (part.rating >= 10e6), part.id
                assert 20 <= part.price / (part.rating / 1e3) <= 70, part.id
            case "ups":
                assert part.no_load_loss < (1 - part.efficiency) * part.rating, part.id
                assert 300 <= part.price / (part.rating / 1e3) <= 600, part.id
            case "generator":
                assert 300 <= part.price / (part.rating / 1e3) <= 700, part.id
            case "battery":
                assert 0.5 <= part.energy / 3600 / part.rating <= 8, part.id
                assert 150 <= part.price / (part.energy / 3.6e6) <= 450, part.id
            case _:
                pass


def test_larger_parts_cost_less_for_each_watt():
    for kind, size in (("cdu", "capacity"), ("ups", "rating"), ("dry-cooler", "capacity")):
        found = sorted((p for p in SHIPPED.parts(KINDS[kind]) if not getattr(p, "adiabatic", False)),
                       key=lambda part: getattr(part, size))  # fmt: skip
        rates = [part.price / getattr(part, size) for part in found]
        assert rates == sorted(rates, reverse=True), kind


def test_some_rack_takes_every_server():
    for system in SYSTEMS:
        if system.racks == "server" and system.rack_width <= 0.8:
            fitting = [r for r in SHIPPED.parts(Rack) if r.power >= system.power and r.rack_units >= system.rack_units]
            assert fitting, system.id
