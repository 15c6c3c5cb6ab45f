"""What replicas keep of prompts, and how long it takes to bring it back to the accelerators."""

from __future__ import annotations

from firstlight import units
from firstlight.errors import UsageError
from firstlight.performance.serving.events import Tiers
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
