"""What replicas keep of prompts, what room that takes, and how long it is brought back to the accelerators."""

from __future__ import annotations

import math
from dataclasses import replace

from firstlight import units
from firstlight.errors import UsageError
from firstlight.performance.serving.events import StepCosts, Tiers
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import request_bytes
from firstlight.spec.design import ServingLayout
from firstlight.spec.workload import PrefixCache

NAMES = ("accelerator", "host", "storage")


def tiers(case: Case, layout: ServingLayout, asked: PrefixCache) -> Tiers:
    """The tiers of one engine that reads prompts, in tokens and seconds for a token.

    Its accelerators hold a token together and bring their shares of it side by side, over the link to the host or from
    the SSDs.

    Args:
        case: requests on the engine. layout: of the replica, whose engines that read share what it keeps.

    Raises:
        UsageError: more of the hosts' memory than there is, or no link to the host in the catalogue.
    """
    a, work = case.a, case.work
    engines = layout.prefill.engines if layout.prefill else 1
    ranks, own = int(case.layouts.accelerators[0]), float(request_bytes(case, case.prompt)[0]) / float(case.prompt)
    whole = own * ranks / int(case.layouts.data[0])
    available = work.host_memory * ranks * engines
    if asked.host > available:
        raise UsageError(
            f"prefix_cache.host: the hosts of a replica have {units.show(available, 'bytes')}, not "
            f"{units.show(asked.host, 'bytes')}; keep less there"
        )
    if asked.host and not work.host_link:
        raise UsageError(
            f"prefix_cache.host: the catalogue has no link of {work.accelerator} to its host; add `host_link:` to it"
        )
    host = own / (work.host_link * a.positive("performance.serving_host_fetch")) if asked.host else 0.0
    storage = own / a.positive("performance.serving_storage_fetch")
    rooms = asked.accelerator, asked.host / whole, asked.storage / whole
    return Tiers(tuple(room / engines for room in rooms), (0.0, host, storage))


def beside(costs: StepCosts, kept: Tiers, longest: float, engines: int = 1) -> StepCosts:
    """An engine whose accelerators keep prompts in a part of their cache, which its requests then have not.

    Args:
        costs: of the engine. kept: by it. longest: request [tokens]. engines: of the replica that keep prompts.

    Raises:
        UsageError: the cache has no room for that and the longest request that it could hold without.
    """
    left = costs.room - kept.rooms[0]
    if left < min(longest, costs.room):
        most = max(costs.room - min(longest, costs.room), 0.0) * engines
        raise UsageError(
            f"prefix_cache.accelerator: the cache of a replica's accelerators has room for "
            f"{units.show(costs.room * engines, 'number')} tokens, and requests of up to {longest:,.0f} tokens beside; "
            f"keep at most {math.floor(most):,} tokens there, not {kept.rooms[0] * engines:,.0f}"
        )
    return replace(costs, room=left)
