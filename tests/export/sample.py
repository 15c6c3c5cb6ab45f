"""A complete Evaluation made by hand from the result classes, for the tests of files and report.

The numbers hang together (sums add up, dates follow each other) but come from no model: no other room is needed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np

from firstlight import units
from firstlight.economics.result import CostLine, EconomicsResult, WorkloadCost
from firstlight.evaluate import Evaluation, FactorySummary, Margin
from firstlight.facility.result import FacilityResult, Plant
from firstlight.network.cables import CablePlan
from firstlight.network.result import CableLine, CollectivePoint, NetworkResult
from firstlight.performance.result import ServingCurve, ServingPower, ServingResult, TrainingResult
from firstlight.reliability.result import ReliabilityResult, RunReliability, Spares
from firstlight.schedule.result import Order, ScheduleResult, Task
from firstlight.spec.assumptions import Assumption
from firstlight.spec.design import ServingLayout, TrainingLayout
from firstlight.spec.parts import Accelerator, Host, Nic, System
from firstlight.spec.plan import Plan
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import Factory, Halls, RackKind, Racks
from firstlight.twin.positions import switch_units, system_units
from firstlight.twin.protocols import Bundle, Hashes, Ints, Paths, Tier, Topology
from firstlight.twin.result import Prediction

GPU = {"source": "NVIDIA H100 data sheet", "standing": "vendor"}
ACCELERATOR = Accelerator.model_validate(
    GPU
    | {"id": "nvidia-h100-sxm-80gb", "name": "NVIDIA H100 SXM 80GB", "vendor": "NVIDIA", "architecture": "hopper"}
    | {"released": 2022, "bf16": "989.4 TFLOP/s", "fp8": "1979 TFLOP/s", "memory": "80 GB", "memory_type": "HBM3"}
    | {"memory_bandwidth": "3.35 TB/s", "scale_up_bandwidth": "450 GB/s", "scale_up_domain": 8, "tdp": "700 W"}
    | {"matmul": {"value": "760 TFLOP/s", "source": "arXiv 2401.00001", "standing": "measured", "note": "8k cubes"}}
)
HOST = Host.model_validate(
    GPU
    | {"id": "intel-8480c", "name": "Xeon 8480C", "vendor": "Intel", "cores": 56, "memory": "1 TB"}
    | {"memory_bandwidth": "307 GB/s", "tdp": "350 W"}
)
NIC = Nic.model_validate(
    GPU | {"id": "cx7", "name": "ConnectX-7", "vendor": "NVIDIA", "ports": 1, "bandwidth": "400 Gb/s", "power": "25 W"}
)
SYSTEM = System.model_validate(
    GPU
    | {"id": "hgx-h100", "name": "HGX H100 server", "vendor": "NVIDIA", "accelerator": ACCELERATOR.id, "nics": 8}
    | {"accelerators": 8, "scale_up_domain": 8, "host": HOST.id, "sockets": 2, "nic": NIC.id, "power": "10.2 kW"}
    | {"idle_power": "3.1 kW", "liquid": "70 %", "racks": "server", "rack_units": 8, "per_rack": 4, "mass": "130 kg"}
    | {"price": {"value": "270 kUSD", "source": "analyst survey 2024", "standing": "estimate", "note": "street price"}}
)


class RailFabric(Topology):
    """Rail-optimised leaf and spine: NIC k of a node to leaf k of its group of 32 nodes; 32 uplinks a leaf."""

    def __init__(self, nodes: int):
        groups = -(-nodes // 32)
        leaves, spines = 8 * groups, max(1, 4 * groups)
        self.kind, self.endpoints, self.planes = "rail-optimised", 8 * nodes, 1
        self.tiers = (Tier("leaf", leaves, "nvidia-sn5600", 128), Tier("spine", spines, "nvidia-sn5600", 128))
        self.bundles = (
            Bundle("node-leaf", -1, 0, 8 * nodes, 5e10),
            Bundle("leaf-spine", 0, 1, 32 * leaves, 5e10),
        )

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        if bundle == 0:
            return links, links // 256 * 8 + links % 8
        return links // 32, links % self.tiers[1].switches

    def bisection(self) -> float:
        return self.endpoints * 5e10 / 2

    def hops(self) -> int:
        return 3

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        return np.where(sources == targets, 0, 3)

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        raise NotImplementedError


class Ring(Topology):
    """A torus of one dimension: each accelerator to the next, without switches."""

    def __init__(self, accelerators: int):
        self.kind, self.endpoints, self.planes, self.tiers = "torus", accelerators, 1, ()
        self.bundles = (Bundle("torus", -1, -1, accelerators, 5e10),)

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        return links, (links + 1) % self.endpoints

    def bisection(self) -> float:
        return 2 * 5e10

    def hops(self) -> int:
        return self.endpoints // 2

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        straight = np.abs(sources - targets)
        return np.minimum(straight, self.endpoints - straight)

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        raise NotImplementedError


def _floor(systems: int, halls: int, topology: Topology) -> tuple[Halls, Ints, Racks, tuple[Ints, ...]]:
    """Halls four abreast; rows of 20 racks, two rows of compute a pod, its leaves in a rack at the end of each row."""
    per_rack, per_row, per_pod = SYSTEM.per_rack, 20, 40
    compute = -(-systems // per_rack)
    pods = -(-compute // per_pod)
    pods_each = -(-pods // halls)
    rows_deep = 2 * pods_each
    width, depth = per_row * 0.6 + 0.6 + 8.0, rows_deep * 3.0 + 8.0
    hall = np.arange(halls)
    hall_x, hall_y = hall % 4 * (width + 12), hall // 4 * (depth + 15)
    rack = np.arange(compute)
    pod = rack // per_pod
    network = np.repeat(np.arange(pods), 2)
    where_pod = np.concatenate([pod, network])
    kind = np.concatenate([np.full(compute, RackKind.COMPUTE), np.full(2 * pods, RackKind.NETWORK)])
    row_in_pod = np.concatenate([rack % per_pod // per_row, np.tile([0, 1], pods)])
    column = np.concatenate([rack % per_row, np.full(2 * pods, per_row)])
    order = np.lexsort((column, row_in_pod, where_pod))
    where_pod, kind, row_in_pod, column = (array[order] for array in (where_pod, kind, row_in_pod, column))
    where_hall = np.minimum(where_pod // pods_each, halls - 1)
    row = where_pod % pods_each * 2 + row_in_pod
    held = np.zeros(len(kind), np.int64)
    held[kind == RackKind.COMPUTE] = np.diff(np.append(np.arange(compute) * per_rack, systems))
    kind_uint = kind.astype(np.uint8)
    racks = Racks(
        kind=kind_uint,
        x=hall_x[where_hall] + 4.3 + column * 0.6,
        y=hall_y[where_hall] + 5.0 + row * 3.0,
        row=row.astype(np.int32),
        power=np.where(kind == RackKind.COMPUTE, held * SYSTEM.power, 8000.0),
        idle_power=np.where(kind == RackKind.COMPUTE, held * SYSTEM.idle_power, 6000.0),
        liquid=held * SYSTEM.power * SYSTEM.liquid,
        mass=300.0 + held * SYSTEM.mass,
        systems=np.concatenate([[0], np.cumsum(held)]),
        feed=(where_pod % 6).astype(np.int32),
        loop=np.where(kind == RackKind.COMPUTE, where_pod, -1).astype(np.int32),
    )
    edges = np.searchsorted(where_pod, np.arange(pods + 1))
    offsets = np.searchsorted(np.minimum(np.arange(pods) // pods_each, halls - 1), np.arange(halls + 1))
    shape = Halls(hall // 2, hall_x * 1.0, hall_y * 1.0, np.full(halls, width), np.full(halls, depth), offsets)
    switches = np.flatnonzero(kind == RackKind.NETWORK)
    homes = tuple(switches[np.arange(tier.switches) * len(switches) // tier.switches] for tier in topology.tiers)
    return shape, edges, racks, homes


def factory(systems: int = 128, halls: int = 1, *, torus: bool = False) -> Factory:
    """A factory of servers on a rail-optimised fabric, or with their accelerators in a torus."""
    topology = Ring(8 * systems) if torus else RailFabric(systems)
    shape, pods, racks, homes = _floor(systems, halls, topology)
    return Factory(
        name="sample",
        system=SYSTEM,
        accelerator=ACCELERATOR,
        host=HOST,
        nic=None if torus else NIC,
        topology=topology,
        systems=systems,
        halls=shape,
        pods=pods,
        racks=racks,
        switch_rack=tuple(home.astype(np.int32) for home in homes),
        feed_power=np.bincount(racks.feed, racks.power),
        loop_power=np.ones(len(pods) - 1) * 1.2e6,
        site_width=float((shape.x + shape.width).max()),
        site_depth=float((shape.y + shape.depth).max()),
    )


def cable_plan(twin: Factory) -> CablePlan:
    """All links with straight distances in stock lengths."""
    lower, upper, bundle = [], [], []
    for index, kind in enumerate(twin.topology.bundles):
        low, high = twin.topology.ends(index, np.arange(kind.count))
        lower.append(low), upper.append(high), bundle.append(np.full(kind.count, index))
    low, high = np.concatenate(lower), np.concatenate(upper)
    bundles = np.concatenate(bundle).astype(np.int8)
    homes = {-1: twin.system_rack(np.arange(twin.accelerators) // 8), **dict(enumerate(twin.switch_rack))}
    ends = list(zip(twin.topology.bundles, lower, upper, strict=True))
    low_rack = np.concatenate([homes[kind.lower][index] for kind, index, _ in ends])
    high_rack = np.concatenate([homes[kind.upper][index] for kind, _, index in ends])
    distance = np.hypot(*(p[low_rack] - p[high_rack] for p in (twin.racks.x, twin.racks.y)))
    length = np.array([3.0, 10.0, 30.0, 100.0, 500.0])[np.searchsorted([2.0, 8.0, 25.0, 90.0], distance)]
    line = np.where(length == 3.0, 0, np.where(bundles == 0, 1, 2)).astype(np.int16)
    named = (("node-leaf", "dac-400g", "", 3.0), ("node-leaf", "mm-400g", "sr4-400g", 30.0))
    named += (("leaf-spine", "sm-400g", "dr4-400g", 100.0),)
    counts = np.bincount(line, minlength=3)
    lines = tuple(
        CableLine(
            name,
            part,
            size,
            int(n),
            optic,
            2 * int(n) if optic else 0,
            17.0 * n,
            900.0 * n,
            medium={"dac": "dac", "mm-": "multimode", "sm-": "single-mode"}[part[:3]],
        )
        for (name, part, optic, size), n in zip(named, counts, strict=True)
    )
    racks = (low_rack.astype(np.int32), high_rack.astype(np.int32))
    names = tuple(b.name for b in twin.topology.bundles)
    pulled = np.where(low_rack == high_rack, -1, low_rack * len(twin.racks) + high_rack).astype(np.int32)
    each = (twin.system.nics if twin.nic else twin.system.accelerators) // twin.system.nodes
    units_of = {-1: np.repeat(system_units(twin), each)}
    units_of |= {index: switch_units(twin, index, 1) for index in range(len(twin.topology.tiers))}
    shelved = {tier: found.astype(np.int16) for tier, found in units_of.items()}
    return CablePlan(names, bundles, low, high, *racks, pulled, length, line, lines, shelved)


def predict(value: float, basis: str = "scoreboard of 214 published runs") -> Prediction:
    """A prediction of 12 % either side."""
    return Prediction.within(value, 0.12, calibrated=True, basis=basis)


def _network(twin: Factory, cables: CablePlan) -> NetworkResult:
    sizes = 2.0 ** np.arange(16, 35, 2)
    points = tuple(
        CollectivePoint(kind, (8, twin.nodes), float(s), float(40e-6 * hop + s / bw), float(s / (40e-6 * hop + s / bw)))
        for kind, bw, hop in (("all_reduce", 3.6e11, 2), ("all_to_all", 4.6e10, 1))
        for s in sizes
    )
    net = twin.topology
    return NetworkResult(
        kind=net.kind,
        endpoints=net.endpoints,
        link=5e10,
        planes=1,
        tiers=tuple((tier.name, tier.switch, tier.switches) for tier in net.tiers),
        links=tuple((bundle.name, bundle.count, bundle.bandwidth) for bundle in net.bundles),
        bisection=net.bisection(),
        hops=3,
        latency=3.1e-6,
        switch_power=900.0 * sum(tier.switches for tier in net.tiers),
        optics_power=sum(line.power for line in cables.lines),
        cables=cables.lines,
        switch_cost=55e3 * sum(tier.switches for tier in net.tiers),
        cable_cost=sum(line.cost for line in cables.lines),
        collectives=points,
    )


def _training(accelerators: int, model: str = "llama-3.1-405b") -> TrainingResult:
    parts = {"compute": 14.2, "tensor-parallel communication": 2.1, "pipeline bubble": 1.4}
    parts |= {"data-parallel communication": 0.9, "optimizer": 0.35, "expert imbalance": 0.0}
    memory = {"weights": 12.7e9, "gradients": 25.3e9, "optimizer states": 9.1e9, "activations": 21.4e9}
    memory |= {"buffers": 2.2e9}
    step, batch, tokens = sum(parts.values()), 16.8e6, 2e12
    return TrainingResult(
        model=model,
        parameters=405.8e9,
        active_parameters=405.8e9,
        accelerators=accelerators,
        layout=TrainingLayout(tensor=8, pipeline=16, interleave=8, zero=1),
        data=max(1, accelerators // 128),
        sequence=8192,
        batch=batch,
        micro_batches=32,
        precision="bf16",
        step_time=predict(step),
        tokens_per_s=predict(batch / step),
        mfu=predict(0.41),
        teacher="",
        teacher_flops=0.0,
        teacher_mfu=None,
        generation=None,
        step_parts=parts,
        memory_parts=memory,
        memory=sum(memory.values()),
        memory_available=80e9,
        memory_stages={name: (size,) * 16 for name, size in memory.items()},
        host_memory=0.0,
        host_memory_available=256e9,
        tokens=tokens,
        duration=predict(tokens / batch * step),
        utilisation=0.84,
    )


def _serving(accelerators: int) -> ServingResult:
    batch = tuple(2**k for k in range(11))
    each = [0.012 + 1.1e-4 * b for b in batch]
    curve = ServingCurve(
        batch=batch,
        per_token=tuple(each),
        first_token=tuple(0.21 + 6e-4 * b for b in batch),
        tokens_per_s_each=tuple(b / t / 16 for b, t in zip(batch, each, strict=True)),
        tokens_per_s_user=tuple(1 / t for t in each),
    )
    memory = {"weights": 43.1e9, "KV cache": 27.0e9, "activations": 3.0e9}
    return ServingResult(
        model="deepseek-r1",
        parameters=671e9,
        active_parameters=37.6e9,
        accelerators=accelerators,
        layout=ServingLayout(tensor=8, data=2, expert=16, batch=64),
        replica_accelerators=16,
        replicas=accelerators // 16,
        precision="fp8",
        requests=40.0,
        prompt=4000,
        answer=1000,
        capacity=predict(52.0),
        first_token=predict(0.25),
        per_token=predict(0.019),
        percentile=90,
        first_token_at={"p50": predict(0.25), "p90": predict(0.4), "p99": predict(0.7)},
        per_token_at={"p50": predict(0.019), "p90": predict(0.021), "p99": predict(0.023)},
        tokens_per_s=predict(40_000.0),
        memory_parts=memory,
        memory=sum(memory.values()),
        memory_available=80e9,
        step_parts={"attention": 0.006, "experts": 0.008, "communication": 0.004, "sampling": 0.001},
        tokens_per_step=1.0,
        curve=curve,
        utilisation=0.55,
        power=ServingPower(400.0, 1200.0, 900.0, 800.0, 0.2, 0.7, 0.6),
    )


def _facility(twin: Factory) -> FacilityResult:
    hours = np.arange(8760)
    ambient = 288.0 + 10 * np.sin((hours / 8760 - 0.3) * 2 * np.pi) + 5 * np.sin((hours % 24 - 9) / 24 * 2 * np.pi)
    it = np.full(8760, twin.idle_power + 0.75 * (twin.it_power - twin.idle_power))
    it = it * (1 + 0.02 * np.sin(hours / 24 * 2 * np.pi))
    overhead = 0.11 + 0.0001 * np.maximum(ambient - 290.0, 0) ** 2.2
    peak_it = twin.it_power
    parts = {"IT": peak_it, "UPS losses": 0.03 * peak_it, "Transformers": 0.012 * peak_it, "Chillers": 0.11 * peak_it}
    parts |= {"Dry coolers": 0.02 * peak_it, "Pumps": 0.015 * peak_it, "Air handlers": 0.02 * peak_it}
    parts |= {"Lighting and rest": 0.01 * peak_it}
    power = it * (1 + overhead)
    energy = float(power.sum()) * units.HOUR
    it_energy = float(it.sum()) * units.HOUR
    rest = energy - it_energy
    yearly = {name: rest * w / (sum(parts.values()) - peak_it) for name, w in parts.items() if name != "IT"}
    return FacilityResult(
        station="Memphis Intl AP, Tennessee (TMY3 723340)",
        station_distance=11_300.0,
        it_peak=peak_it,
        it_idle=twin.idle_power,
        peak=sum(parts.values()),
        available=1.3 * peak_it,
        energy=energy,
        it_energy=it_energy,
        pue=energy / it_energy,
        pue_peak=float((1 + overhead).max()),
        water=21_500.0,
        wue=21_500.0 / it_energy,
        carbon=energy * 1.1e-7,
        carbon_source="TVA, 31 km",
        carbon_assumed=False,
        energy_parts={"IT": it_energy, **yearly},
        peak_parts=parts,
        hourly_power=power,
        hourly_it=it,
        hourly_water=np.maximum(ambient - 295, 0) * 1e-5,
        hourly_ambient=ambient,
        chiller_hours=2310,
        floor_used=float((twin.halls.width * twin.halls.depth).sum()),
        floor_available=1.4 * float((twin.halls.width * twin.halls.depth).sum()),
        plant=(
            Plant("cdu-1300", "rack coolant", 12, "liquid heat 5.2 MW, n+1"),
            Plant("ups-2000", "UPS", 6, "IT, n+1"),
        ),
    )


def _schedule(late_days: float, halls: int) -> ScheduleResult:
    start, source = dt.date(2027, 1, 4), "supply-chain survey 2025"
    tasks: list[Task] = []
    plan = [("Order: switchgear", "order", 0, 240, True, ()), ("Order: HGX H100 servers", "order", 20, 150, False, ())]
    plan += [("Order: CDUs", "order", 60, 120, False, ()), ("Order: optics", "order", 90, 90, False, ())]
    plan += [("Build shell", "build", 0, 200, False, ()), ("Energise feed", "build", 240, 20, True, (0,))]
    plan += [(f"Install racks, hall {h + 1}", "install", 260 + 2 * h, 25, h == halls - 1, (1, 5)) for h in range(halls)]
    end = max(begin + days for _, _, begin, days, _, _ in plan)
    plan += [("Commission", "commission", end, 20, True, (len(plan) - 1,))]
    plan += [("Burn in and accept", "accept", end + 20, 14, True, (len(plan) - 1,))]
    for name, stage, begin, days, critical, after in plan:
        begin_s, slack = begin * units.DAY, 0 if critical else 15 * units.DAY
        finish = begin_s + days * units.DAY
        before = tuple(plan[i][0] for i in after)
        times = (days * units.DAY, begin_s, finish, begin_s + slack, finish + slack)
        tasks.append(Task(name, stage, *times, critical, before, source, "published"))
    span = tasks[-1].finish
    light = start + dt.timedelta(seconds=span)
    orders = tuple(
        Order(task.name.removeprefix("Order: "), "", 40, task.duration, task.duration * 0.8, task.duration * 1.5,
              start + dt.timedelta(seconds=task.late_start) - dt.timedelta(days=late_days), late_days * units.DAY)
        for task in tasks if task.stage == "order"
    )  # fmt: skip
    return ScheduleResult(
        start=start,
        first_light=light,
        first_light_p10=light - dt.timedelta(days=25),
        first_light_p50=light + dt.timedelta(days=10),
        first_light_p90=light + dt.timedelta(days=60),
        chance=0.1 if late_days else 0.6,
        ready_by=light - dt.timedelta(days=late_days) if late_days else light + dt.timedelta(days=12),
        makespan=span,
        late=late_days * units.DAY,
        tasks=tuple(tasks),
        orders=tuple(sorted(orders, key=lambda order: order.order_by)),
        critical_path=tuple(task.name for task in tasks if task.critical),
    )


def _bill(twin: Factory, network: NetworkResult) -> tuple[BillLine, ...]:
    survey = ("analyst survey 2024", "estimate")
    lines = [BillLine("IT", SYSTEM.name, SYSTEM.id, twin.systems, "", 270e3, *survey, "accelerators")]
    lines += [
        BillLine("Network", "SN5600 switch", switch, n, "", 55e3, *survey, "switches") for _, switch, n in network.tiers
    ]
    for line in network.cables:
        item = f"{line.part}, {line.length:g} m"
        lines.append(BillLine("Network", item, line.part, line.count, "", 900.0, *survey, "cables"))
    lines += [BillLine("Cooling", "CDU 1.3 MW", "cdu-1300", 12, "", math.nan, "not stated", "estimate", "cdu")]
    return (*lines, BillLine("Building", 'Data hall, =fitted, "white"', "", 9000.0, "m2", 2000.0, *survey, ""))


def _economics(twin: Factory, bill: tuple[BillLine, ...], trained: bool, served: bool) -> EconomicsResult:
    lines = [
        CostLine(("Capital", each.category, each.item), each.amount, each.count, each.part, each.source, each.standing)
        for each in bill
        if math.isfinite(each.amount)
    ]
    capital = sum(line.amount for line in lines)
    energy = twin.it_power * 0.8 * 8760 * 0.07e-3
    yearly = {"Energy": energy, "Maintenance": 0.03 * capital, "Staff": 3.2e6}
    lines += [
        CostLine(("Running", name), value, 0.0, "", "utility tariff", "published") for name, value in yearly.items()
    ]
    running = sum(yearly.values())
    annual = running + capital / 5
    workloads = []
    if trained:
        workloads.append(WorkloadCost("llama-3.1-405b", "training", 512, predict(8.1e6), predict(4.05), 1.2))
    if served:
        workloads.append(WorkloadCost("deepseek-r1", "serving", 256, None, predict(0.61), 0.2))
    hour = annual / (twin.accelerators * 8760 * 0.98)
    return EconomicsResult(
        capital, running, annual, energy, predict(hour), capital / twin.it_power, tuple(lines), tuple(workloads)
    )


def _reliability(trained: TrainingResult | None) -> ReliabilityResult:
    rates = {"Accelerator": 2.1e-6, "HBM": 9e-7, "Network link": 8e-7, "Software": 6e-7, "Host": 3e-7, "Power": 1e-8}
    runs = ()
    if trained:
        losses = {"checkpoint writes": 0.011, "lost work": 0.018, "restarts": 0.021}
        goodput = 1 - sum(losses.values())
        share = Prediction(goodput - 0.02, goodput, goodput + 0.01, True, "failures drawn 1,000 times")
        runs = (
            RunReliability(trained.model, trained.accelerators, predict(2.1e5), 11.0, 5.6e12, 4.0, 1300.0, 600.0,
                           share, trained.duration.scaled(1 / goodput), losses, 4),
        )  # fmt: skip
    spares = (Spares("nvidia-h100-sxm-80gb", 1024, 31.0, 6), Spares("sr4-400g", 900, 4.4, 3))
    return ReliabilityResult(rates, predict(1 / sum(rates.values())), runs, 0.983, spares)


def _assumptions() -> tuple[Assumption, ...]:
    made = [("economics.discount_rate", 0.08, "fraction", "8 %", "Damodaran 2025, data centre sector", "published", "")]
    made += [("economics.energy_price", 45 / 3.6e9, "energy price", "45 USD/MWh", "the plan", "user", "")]
    made += [("facility.ups_share", 1.0, "fraction", "100 %", "ours", "estimate", "All IT behind a UPS <b>block</b>.")]
    made += [("network.hop_latency", 6e-7, "time", "600 ns", "arXiv 2402.15627, table 3", "measured", "")]
    return tuple(Assumption(*row) for row in made)  # type: ignore[arg-type]


def plan_document(trained: bool, served: bool) -> Plan:
    """The plan that the sample claims to come from."""
    demand = []
    if trained:
        demand.append({"train": "llama-3.1-405b", "tokens": "2T tokens", "within": "40 days"})
    if served:
        limits = {"first_token": "1 s", "per_token": "20 ms"}
        demand.append({"serve": "deepseek-r1", "requests": "40 /s", "prompt": 4000, "answer": 1000, **limits})
    demand = demand or [{"train": "llama-3.1-8b", "tokens": "1T tokens"}]
    site = {"place": "Memphis, Tennessee", "power": "2 MW", "floor": "2000 m2"}
    return Plan.model_validate({"name": "sample", "site": site, "demand": demand})


def _allowed(schedule: ScheduleResult) -> float:
    """From the first order to the date asked for [s]."""
    assert schedule.ready_by
    return (schedule.ready_by - schedule.start).days * units.DAY


def evaluation(
    systems: int = 128,
    halls: int = 1,
    *,
    training: bool = True,
    serving: bool = True,
    torus: bool = False,
    late_days: float = 0.0,
) -> Evaluation:
    """A whole evaluation.

    Args:
        systems: servers of 8 accelerators.
        halls: data halls.
        training, serving: whether there is such a workload.
        torus: accelerators are joined without switches.
        late_days: how many days first light misses its date.
    """
    twin = factory(systems, halls, torus=torus)
    cables = cable_plan(twin)
    network = _network(twin, cables)
    trained = _training(twin.accelerators // 2) if training else None
    served = _serving(twin.accelerators // 4) if serving else None
    facility, schedule, bill = _facility(twin), _schedule(late_days, halls), _bill(twin, network)
    reliability = _reliability(trained)
    margins = [Margin("site.power", facility.peak, facility.available, "power", "hard"),
               Margin("site.floor", facility.floor_used, facility.floor_available, "area", "hard"),
               Margin("ready_by", schedule.makespan, _allowed(schedule), "time", "target")]  # fmt: skip
    if trained:
        margins.append(Margin("demand[0].within", reliability.runs[0].duration.p50, 40 * units.DAY, "time", "target"))
    if served:
        where = f"demand[{int(training)}]"
        margins.append(Margin(f"{where}.per_token", served.per_token.p50, 0.02, "time", "target"))
        margins.append(Margin(f"{where}.first_token", served.first_token.p50, 1.0, "time", "target"))
    kinds = np.bincount(twin.racks.kind, minlength=3)
    made_of = (SYSTEM.id, ACCELERATOR.id, twin.accelerators, twin.systems, twin.nodes, *(int(n) for n in kinds))
    places = (len(twin.pods) - 1, halls, int(twin.halls.building.max()) + 1, SYSTEM.scale_up_domain)
    return Evaluation(
        name="sample",
        version="0.1.0",
        input_hash="9f2c" * 16,
        seed=0,
        plan=plan_document(training, serving),
        factory=FactorySummary(*made_of, *places),
        network=network,
        training=(trained,) if trained else (),
        serving=(served,) if served else (),
        facility=facility,
        reliability=reliability,
        economics=_economics(twin, bill, training, serving),
        schedule=schedule,
        bill=bill,
        margins=tuple(sorted(margins, key=lambda margin: -margin.share)),
        assumptions=_assumptions(),
        proposed=("design.fabric.switch = nvidia-sn5600: the cheapest that joins 1,024 endpoints in two tiers",
                  "design.power.ups = ups-2000: the smallest that carries a hall feed"),
        warnings=("No published run of this model at this scale: the interval of the step time is extrapolated.",),
        twin=twin,
        cable_plan=cables,
    )  # fmt: skip


def odd() -> Evaluation:
    """One with everything that is hard to print: not-a-number, infinities, markup, long words, nothing to do."""
    base = evaluation(training=True, serving=True, late_days=43)
    nowhere = dataclasses.replace(base.facility, station_distance=math.nan, wue=math.inf)
    never = Prediction(math.inf, math.inf, math.inf, False, "no data")
    reliability = dataclasses.replace(base.reliability, mtti=never, rates={}, spares=())
    name = "</script><script>alert(1)</script> & " + "Donaudampfschiffahrtselektrizitaeten" * 2
    return dataclasses.replace(base, name=name, facility=nowhere, reliability=reliability, warnings=(), proposed=())
