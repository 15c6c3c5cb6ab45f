"""One collective on the fabric of a plan: its time, the algorithm that wins, and the times of the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.evaluate.build import Parts, fabric, latencies, parts
from firstlight.evaluate.congested import congestion, units_of
from firstlight.network.collectives import FITTED, Congestion, FabricTime, Group, Tokens, bus_bandwidth
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.mesh import Mesh
from firstlight.network.collectives.timed.exchanges import Exchange, exchanges
from firstlight.network.collectives.timed.latency import device_of
from firstlight.network.jobs import Fabric, Steering
from firstlight.network.routing import fail, rails_of
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator
from firstlight.spec.plan import Plan
from firstlight.twin.protocols import Operation, Topology
from firstlight.twin.result import Prediction, Result, quantity

Routed = Literal["dispatch", "combine"]
Asked = Operation | Routed
OPERATIONS: tuple[Asked, ...] = (*get_args(Operation), *get_args(Routed))


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        operation: which collective, or an exchange of routed tokens.
        size: bytes, as `CollectiveTime` takes them; of an exchange those of one token with its scales [B].
        group: members per level from the inside out; one number of more than a domain is spread evenly over domains.
        algorithm: of which the time is wanted; None takes the fastest.
        queue_pairs: of each connection where switches hash paths; None where traffic is spread evenly.
        reduces: the fabric's switches add up.
        tokens: of an exchange; experts: of all ranks, None leaves the fitted times of exchanges out.
        routing: of which the loads are simulated, with `queue_pairs` where paths are hashed; None takes a constant of
            all fabrics, unless something is broken (then "spray").
        fails: failures, as `routing.fail` reads them.
    """

    operation: Asked
    size: float
    group: tuple[int, ...]
    algorithm: str | None = None
    queue_pairs: int | None = None
    reduces: bool = False
    tokens: Tokens | None = None
    experts: int | None = None
    routing: Steering | None = None
    fails: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class CollectiveAnswer(Result):
    """The time of one collective."""

    operation: str = quantity("", "which collective")
    size: float = quantity("B", "buffer of one rank; of a dispatch or combine what a rank sends, copies and all")
    group: tuple[int, ...] = quantity("", "members per level, from the scale-up domain outwards")
    ranks: int = quantity("", "members together")
    time: Prediction = quantity("s", "time, with its interval")
    algorithm: str = quantity("", "the fastest, or the one that was asked for, with its protocol")
    algorithm_bandwidth: float = quantity("B/s", "size over time")
    bus_bandwidth: float = quantity("B/s", "what each link would carry if every byte crossed the slowest one once")
    options: Mapping[str, float] = quantity("s", "time of each algorithm and protocol")


def evaluate_collective(plan: Plan, catalog: Catalog, a: Assumptions, asked: Question) -> CollectiveAnswer:
    """One collective on the fabric of a plan whose design is resolved.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts. a: assumptions.
        asked: what is asked.

    Raises:
        UsageError: the group does not fit the fabric, the algorithm is none of this operation, or switches that cannot
            add up should; says what would do.
    """
    made_of = parts(plan.design, catalog)
    time = _time(plan, catalog, made_of, a, asked)
    group = _spread(asked.group, time.domain)
    time.place(group)
    if asked.operation == "send_receive":
        _require_pair(group)
    _require_room(group, time, plan.design.accelerators or 0)
    if asked.tokens is not None:
        return _exchange(time, made_of.accelerator, asked, asked.tokens, group, a)
    operation = cast(Operation, asked.operation)
    options = {name: float(one) for name, one in time.options(operation, asked.size, group).items()}
    options = {name: one for name, one in options.items() if one < float("inf")}
    chosen = _chosen(asked.algorithm, options, operation)
    seconds = float(time(operation, asked.size, group)) if asked.algorithm is None else options[chosen]
    found = _interval(time, operation, asked, time.place(group), seconds, options[chosen], a)
    return _answer(asked, asked.size, group, found, chosen, options)


def _time(plan: Plan, catalog: Catalog, made_of: Parts, a: Assumptions, asked: Question) -> FabricTime:
    if asked.reduces and not (made_of.switch and made_of.switch.reduces):
        named = made_of.switch.name if made_of.switch else "a torus, which has no switches,"
        raise UsageError(
            f"{named} cannot add up what passes it; leave --in-network out, or choose a switch that `reduces`"
        )
    count, simulated = plan.design.accelerators or 0, asked.routing is not None or bool(asked.fails)
    net, found = fabric(
        plan.design.fabric, made_of, count, a, reduces=asked.reduces,
        queue_pairs=None if simulated else asked.queue_pairs,
    )  # fmt: skip
    if not simulated:
        return found
    table = _simulated(net, catalog, made_of, found, a, asked)
    return fabric(plan.design.fabric, made_of, count, a, reduces=asked.reduces, congestion=table)[1]


def _simulated(
    net: Topology, catalog: Catalog, made_of: Parts, time: FabricTime, a: Assumptions, asked: Question
) -> Congestion:
    """What the fabric costs NICs, from a simulation of its loads."""
    failures, routing = fail(net, asked.fails), asked.routing or "spray"
    if asked.queue_pairs is not None and routing != "ecmp":
        raise UsageError(f"--queue-pairs has no effect on {routing}, which spreads every message; leave it out")
    simulated = Fabric(net, failures, latencies(net, catalog, a), routing, asked.queue_pairs or 1)
    found = units_of(net, failures, made_of.system)
    assert isinstance(time.model, Levels)
    handed = rails_of(net) if time.model.forwards else 1
    return congestion(simulated, found, time.model.nic, handed)


def _spread(group: tuple[int, ...], domain: int) -> tuple[int, ...]:
    """The group; where it is one number of more than a domain, evenly over the fewest domains."""
    ranks, *outer = group
    if outer or ranks <= domain:
        return group
    domains = -(-ranks // domain)
    return (-(-ranks // domains), domains)


def _require_pair(group: tuple[int, ...]) -> None:
    """Refuse members that a message from one to another has no use for."""
    sizes = list(group)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    if sizes[-1] > 2:
        pair = "x".join(map(str, (*sizes[:-1], 2)))
        raise UsageError(
            f"a send_receive goes from one member to another, so the last level of its group is 2, not {sizes[-1]}; "
            f"write --group {pair}"
        )


def _require_room(group: tuple[int, ...], time: FabricTime, accelerators: int) -> None:
    """Refuse a group of more scale-up domains, or members, than a fabric of so many accelerators joins."""
    inner, *outer = group
    name, spanned, ranks = "x".join(map(str, group)), math.prod(outer), math.prod(group)
    if isinstance(time.model, Mesh):
        if ranks > time.domain:
            raise UsageError(
                f"group {name} has {ranks:,} members, and a torus here joins {time.domain:,} accelerators; the nearest "
                f"is --group {time.domain}"
            )
        return
    domains = max(-(-accelerators // time.domain), 1)
    if spanned <= domains and ranks <= accelerators:
        return
    *between, _ = outer or [1]
    last = min(domains, accelerators // inner) // math.prod(between)
    nearest = (inner, *between, last) if last else (inner, min(domains, accelerators // inner))
    raise UsageError(
        f"group {name} has {ranks:,} members in {spanned:,} scale-up domains, and this fabric joins {accelerators:,} "
        f"accelerators in {domains:,} domains of {time.domain:,}; the nearest is --group {'x'.join(map(str, nearest))}"
    )


def _chosen(algorithm: str | None, options: Mapping[str, float], operation: str) -> str:
    """Name of the asked algorithm, in its fastest protocol if none is named; of the fastest where none is asked for."""
    if algorithm is None:
        return FITTED if FITTED in options else min(options, key=lambda name: options[name])
    wanted = algorithm.lower()
    fitting = [name for name in options if wanted in (name.lower(), name.lower().rpartition(" ")[0])]
    if not fitting:
        raise UsageError(f"no algorithm {algorithm} for this {operation}; there are {', '.join(options)}")
    return min(fitting, key=lambda name: options[name])


def _interval(
    time: FabricTime, operation: Operation, asked: Question, placed: Group, seconds: float, least: float, a: Assumptions
) -> Prediction:
    if asked.algorithm is None and time.timed and operation in time.timed.time and bool(time.inside(placed)):
        of = "this accelerator" if time.timed.own else "sister accelerators"
        half = float(time.timed.width(operation, np.asarray(asked.size), placed.inner))
        return Prediction.within(seconds, half, calibrated=True, basis=f"timings of {of} inside a scale-up domain")
    basis = "published constants of NCCL; nothing was timed on such a group"
    if asked.routing or asked.fails:
        basis += "; what the fabric adds is simulated"
    if time.timed and seconds > least * (1 + 1e-9):
        basis += f", and the time is that of {min(int(placed.inner), int(time.timed.most))} timed ranks"
    return Prediction.within(seconds, a["network.collective_spread"], calibrated=False, basis=basis)


def _exchange(
    time: FabricTime, part: Accelerator, asked: Question, tokens: Tokens, group: tuple[int, ...], a: Assumptions
) -> CollectiveAnswer:
    placed = time.place(group)
    inside, across = tokens.sent(placed)
    basis = "published constants of NCCL's point-to-point messages and DeepEP's share of the NIC"
    found = {"direct": Prediction.within(
        float(time.exchange(tokens, group)), a["network.collective_spread"], calibrated=False, basis=basis
    )}  # fmt: skip
    if asked.experts is not None:
        call = Exchange(
            asked.operation, tokens.count, tokens.active, asked.experts, tokens.each, int(placed.inner),
            int(placed.domains),
        )  # fmt: skip
        fitted = exchanges(call, device_of(part))
        found |= {name: one.scaled(1.0)[0] for name, one in fitted.items()}
    options = {name: one.p50 for name, one in found.items()}
    timed = {name: seconds for name, seconds in options.items() if name != "direct"}
    chosen = _chosen(asked.algorithm, options if asked.algorithm else timed or options, asked.operation)
    return _answer(asked, float(inside + across), group, found[chosen], chosen, options)


def _answer(
    asked: Question, size: float, group: tuple[int, ...], time: Prediction, algorithm: str, options: Mapping[str, float]
) -> CollectiveAnswer:
    ranks = 1
    for level in group:
        ranks *= level
    if ranks == 1:
        raise UsageError("a group of one has nothing to exchange; name at least two members, such as --group 8x16")
    operation = cast(Operation, asked.operation if asked.tokens is None else "all_to_all")
    return CollectiveAnswer(
        operation=asked.operation,
        size=size,
        group=group,
        ranks=ranks,
        time=time,
        algorithm=algorithm,
        algorithm_bandwidth=size / time.p50,
        bus_bandwidth=float(bus_bandwidth(operation, size, ranks, time.p50)),
        options=dict(sorted(options.items(), key=lambda item: item[1])),
    )


def summary(answer: CollectiveAnswer) -> str:
    """The answer in lines of text."""

    def show(seconds: float) -> str:
        return units.show(seconds, "time")

    found = answer.time
    group = " x ".join(map(str, answer.group))
    lines = [
        f"{answer.operation} of {units.show(answer.size, 'bytes')} over {answer.ranks:,} accelerators ({group})",
        f"time       {show(found.p50)} (P10 {show(found.p10)}, P90 {show(found.p90)})",
        f"           {found.basis}",
        f"algorithm  {answer.algorithm}",
        f"bandwidth  {units.show(answer.bus_bandwidth, 'bandwidth')} of each link, "
        f"{units.show(answer.algorithm_bandwidth, 'bandwidth')} of the buffer",
    ]
    return "\n".join([*lines, "", *(f"{name:<22}{show(seconds)}" for name, seconds in answer.options.items())])
