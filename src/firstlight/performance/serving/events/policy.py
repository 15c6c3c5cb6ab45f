"""How an engine schedules, and how a fleet is routed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from firstlight.errors import UsageError
from firstlight.spec.workload import Scheduler

ROUTERS = ("round-robin", "least-loaded", "power-of-two", "prefix-affinity")


@dataclass(frozen=True)
class Policy:
    """Scheduling of one engine; its defaults are those of vLLM V1.

    Attributes:
        budget: tokens of one prefill pass, on each attention rank.
        mixed: decode goes on in passes that read prompts; otherwise it stands still (prefill first).
        reserve: room for the whole answer is set aside before a request begins; otherwise the cache grows token by
            token, and where it is full the youngest request is thrown out and read again.
        poll: decode steps between two looks at what waits.
        block: tokens of one block of the cache.
        router: one of `ROUTERS`.
    """

    budget: int = 8192
    mixed: bool = True
    reserve: bool = False
    poll: float = 1.0
    block: int = 16
    router: str = "round-robin"

    def __post_init__(self) -> None:
        if self.router not in ROUTERS:
            raise UsageError(f'there is no router "{self.router}"; choose one of {", ".join(ROUTERS)}')
        if min(self.budget, self.block, self.poll) < 1:
            raise UsageError("budget, block and poll of a scheduler are at least 1")

    def of(self, given: Scheduler) -> Policy:
        """The same with a workload's own settings."""
        own = {"budget": given.token_budget, "mixed": given.mixed, "reserve": given.reserve, "block": given.block}
        return replace(self, **{name: value for name, value in own.items() if value is not None})


@cache
def engines() -> Mapping[str, Mapping[str, Any]]:
    """What is known of each engine's scheduling, of data/serving/engines.yaml."""
    return yaml.safe_load((resources.files("firstlight.data") / "serving" / "engines.yaml").read_text("utf-8"))


def engine(name: str, router: str = "round-robin") -> Policy:
    """The policy of an engine by its defaults.

    Raises:
        UsageError: there is no such engine; names those that there are.
    """
    if name not in engines():
        raise UsageError(f'there is no engine "{name}"; choose one of {", ".join(engines())}')
    known = engines()[name]
    return Policy(known["budget"], known["mixed"], known["reserve"], float(known["poll"]), known["block"], router)
