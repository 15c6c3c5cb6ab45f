"""The network of activities of a build: permits to acceptance, hall by hall, and the orders that feed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from firstlight.errors import UsageError
from firstlight.schedule.facts import BuildFacts, OrderItem
from firstlight.schedule.leadtimes import SECURED, LeadTime, generation_key, lead_time
from firstlight.spec.assumptions import Assumptions

UNBILLED = {"switchgear": "Switchgear", "busway": "Busway", "storage": "Storage systems"}
"""Each build needs them, and no part of the catalogue stands for them: names by key, one lot for each hall."""
WAITS_FOR = {
    "substation": ("transformer-high-voltage",),
    "power": ("transformer", "switchgear", "switchgear-low-voltage", "ups", "busway"),
    "cooling": ("chiller", "dry-cooler", "cdu", "air-handler"),
    "functional": ("generator", "battery"),
    "trunks": ("cables",),
    "racks": ("accelerators", "accelerators-new", "racks"),
    "connect": ("switches", "optics", "storage"),
}
"""Which deliveries an activity waits for, by key of the lead-time table."""


@dataclass(frozen=True)
class Activity:
    """One activity: its duration with low, typical and high lead times [s], and the indices it waits for."""

    name: str
    stage: str
    durations: tuple[float, float, float]
    after: tuple[int, ...]
    source: str
    standing: str


@dataclass
class Network:
    """Activities in an order in which each comes after all that it waits for."""

    a: Assumptions
    activities: list[Activity] = field(default_factory=list)
    deliveries: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, stage: str, assumption: str, after: Iterable[int], duration: float | None = None) -> int:
        """Append an activity and return its index.

        Args:
            name, stage: as in `Task`.
            assumption: that its duration rests on.
            after: indices of the activities it waits for.
            duration: [s]; None: that of the assumption.
        """
        value = self.a[f"schedule.{assumption}"]
        entry = self.a.entry(f"schedule.{assumption}")
        each = value if duration is None else duration
        self.activities.append(Activity(name, stage, (each, each, each), tuple(after), entry.source, entry.standing))
        return len(self.activities) - 1

    def order(self, item: OrderItem, lead: LeadTime, key: str) -> int:
        """Append the order of an item."""
        times = (lead.low, lead.typical, lead.high)
        self.activities.append(Activity(f"Order: {item.item}", "order", times, (), lead.source, lead.standing))
        self.deliveries.setdefault(key, []).append(len(self.activities) - 1)
        return len(self.activities) - 1

    def arrived(self, activity: str) -> list[int]:
        """The orders that an activity waits for."""
        return [order for key in WAITS_FOR[activity] for order in self.deliveries.get(key, ())]


def to_order(items: Sequence[OrderItem], build: BuildFacts, year: int, a: Assumptions) -> list[tuple[OrderItem, str]]:
    """What is ordered, with its key of the lead-time table.

    Items with an empty key do not wait. Substation transformers of a feed that already stands are not ordered. What
    halls need beside the items (`UNBILLED`) is added where no item names it; small sites need low-voltage boards only.
    """
    stands = {"transformer-high-voltage"} if "utility" in build.existing else set[str]()
    wanted = [(i, generation_key(i.lead, i.released, year)) for i in items if i.lead and i.lead not in stands]
    named = {key for _, key in wanted}
    small = {"switchgear": "switchgear-low-voltage"} if build.it_power < a["schedule.low_voltage"] else dict[str, str]()
    unnamed = [(OrderItem(name, "", build.halls, key), key) for key, name in UNBILLED.items() if key not in named]
    return wanted + [(item, small.get(key, key)) for item, key in unnamed]


def network(orders: Sequence[tuple[OrderItem, str]], build: BuildFacts, a: Assumptions) -> Network:
    """All activities of a build; the orders come first, in the order given, the acceptance last.

    Args:
        orders: items and keys of `to_order`.
        build: how much there is to build.
        a: the run's assumptions.

    Raises:
        UsageError: an unknown key, or an assumption that no build can have.
    """
    net = Network(a)
    for item, key in orders:
        net.order(item, SECURED if item.lead in build.secured else lead_time(key, a), key)
    speed = _speed(a)
    shells, ground = _shells(net, build, speed)
    energised = _utility(net, build, ground, speed)
    halls = _halls(net, build, shells, energised, speed)
    net.add("Acceptance of the whole factory", "accept", "acceptance", halls)
    return net


def _speed(a: Assumptions) -> float:
    """Work done in a day, over that of one shift."""
    shifts = a["schedule.shifts"]
    if not 1 <= shifts <= 3:
        raise UsageError(f"assumptions.schedule.shifts is {shifts:g}; write a number of shifts from 1 to 3")
    return 1 + (shifts - 1) * a["schedule.shift_efficiency"]


def _growth(power: float, reference: str, a: Assumptions) -> float:
    """How much longer a building or hall takes than the one of reference (Bromilow 1969: T = K C^B)."""
    exponent = a["schedule.growth"]
    if exponent > 1:
        raise UsageError(f"assumptions.schedule.growth is {exponent:g}; write an exponent from 0 to 1, such as 0.3")
    return (power / a.positive(f"schedule.{reference}")) ** exponent


def _shells(net: Network, build: BuildFacts, speed: float) -> tuple[list[int], list[int]]:
    """Enclosure of each building, and the end of the site works; both empty of work where the shell stands."""
    if "shell" in build.existing:
        return [], []
    a = net.a
    permits = net.add("Permits", "build", "permits", ())
    ground = net.add("Site works", "build", "site_works", (permits,), a["schedule.site_works"] / speed)
    longer = _growth(build.it_power / build.buildings, "building_power", a) / speed
    crews = -(-build.buildings // max(1, int(a.positive("schedule.buildings_per_crew"))))
    frames: list[int] = []
    shells: list[int] = []
    for b in range(build.buildings):
        before = frames[b - crews] if b >= crews else ground
        name = f"building {b + 1}"
        frames.append(net.add(f"Frame, {name}", "build", "frame", (before,), a["schedule.frame"] * longer))
        shells.append(
            net.add(f"Enclosure, {name}", "build", "enclosure", (frames[b],), a["schedule.enclosure"] * longer)
        )
    return shells, [ground]


def _utility(net: Network, build: BuildFacts, ground: list[int], speed: float) -> list[int]:
    """The utility's line, and the substation of a site that orders its transformers; none where they stand."""
    if "utility" in build.existing:
        return []
    line = net.add("Utility connection", "build", "utility_connection", ())
    if not net.arrived("substation"):
        return [line]
    after = (*ground, *net.arrived("substation"))
    return [line, net.add("Substation", "build", "substation", after, net.a["schedule.substation"] / speed)]


def _halls(net: Network, build: BuildFacts, shells: list[int], energised: list[int], speed: float) -> list[int]:
    """Fit-out, commissioning, racks, cabling and burn-in of each hall; returns the burn-ins."""
    crews = -(-build.halls // max(1, int(net.a.positive("schedule.halls_per_crew"))))
    moving_on: list[dict[str, int]] = []
    for h in range(build.halls):
        shell = [shells[h * build.buildings // build.halls]] if shells else []
        before = moving_on[h - crews] if h >= crews else {}
        moving_on.append(_hall(net, build, h, shell, energised, before, speed))
    return [hall["burn_in"] for hall in moving_on]


def _hall(
    net: Network,
    build: BuildFacts,
    hall: int,
    shell: list[int],
    energised: list[int],
    before: dict[str, int],
    speed: float,
) -> dict[str, int]:
    """One hall. `before` is the hall that the same crews come from; each trade moves on when its work there is over."""
    a, label = net.a, f"hall {hall + 1}"
    longer = _growth(build.it_power / build.halls, "hall_power", a) / speed
    done: dict[str, int] = {}

    def step(key: str, name: str, stage: str, assumption: str, after: Iterable[int], time: float) -> None:
        freed = [before[key]] if key in before else []
        done[key] = net.add(f"{name}, {label}", stage, assumption, (*after, *freed), time)

    fitting, testing = a["schedule.equipment"] * longer, 1 / speed
    step("rough_in", "Rough-in", "build", "rough_in", shell, a["schedule.rough_in"] * longer)
    step("power", "Power plant", "build", "equipment", (done["rough_in"], *net.arrived("power")), fitting)
    step("cooling", "Cooling plant", "build", "equipment", (done["rough_in"], *net.arrived("cooling")), fitting)
    ready = (done["power"], done["cooling"], *energised)
    step("start_up", "Start-up tests", "commission", "start_up", ready, a["schedule.start_up"] * testing)
    after = (done["start_up"], *net.arrived("functional"))
    step("functional", "Functional tests", "commission", "functional_tests", after,
         a["schedule.functional_tests"] * testing)  # fmt: skip
    step("integrated", "Integrated tests", "commission", "integrated_tests", (done["functional"],),
         a["schedule.integrated_tests"] * testing)  # fmt: skip
    racks, trunks, links = _handwork(build, a, speed)
    step("trunks", "Trunk cables", "install", "link_rate", (done["rough_in"], *net.arrived("trunks")), trunks)
    step("racks", "Racks", "install", "rack_rate", (done["start_up"], *net.arrived("racks")), racks)
    step("connect", "Cables and switches", "install", "link_rate",
         (done["racks"], done["trunks"], *net.arrived("connect")), links)  # fmt: skip
    step("burn_in", "Burn-in", "commission", "burn_in", (done["connect"], done["integrated"]),
         a["schedule.burn_in"] + _mending(build, a, speed))  # fmt: skip
    return done


def _handwork(build: BuildFacts, a: Assumptions, speed: float) -> tuple[float, float, float]:
    """Time to set the racks of a hall, to lay its trunks and to connect its links [s]."""
    cabling = build.cables / build.halls / (a.positive("schedule.link_rate") * speed)
    racks = build.racks / build.halls / (a.positive("schedule.rack_rate") * speed)
    return racks, cabling * a["schedule.trunk_share"], cabling * (1 - a["schedule.trunk_share"])


def _mending(build: BuildFacts, a: Assumptions, speed: float) -> float:
    """Time to mend the nodes of a hall that fail early [s]."""
    failing = build.nodes / build.halls * a["schedule.early_failures"]
    return failing / (a.positive("schedule.repair_rate") * speed)
