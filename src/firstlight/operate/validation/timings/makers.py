"""Which kernels run on whose accelerators, by the rules of data/kernels/makers.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from firstlight.operate.validation.timings import names
from firstlight.spec.parts import Accelerator
from firstlight.timings.device import generation


@dataclass(frozen=True)
class Rule:
    """Some kernels and what they run on.

    Attributes:
        what: the kernels in words.
        makers: of accelerators that they run on; generations: of these, empty for all.
        operations, frameworks, contains: what the rule fits, the last by part of the kernel's name.
    """

    what: str
    makers: Sequence[str]
    generations: Sequence[str] = ()
    operations: Sequence[str] = ()
    frameworks: Sequence[str] = ()
    contains: Sequence[str] = ()

    def fits(self, operation: str, framework: str, kernel: str) -> bool:
        """It speaks of this kernel."""
        named = operation in self.operations or framework.lower() in self.frameworks
        return named or any(part in kernel.lower() for part in self.contains)

    def allows(self, part: Accelerator) -> bool:
        """The kernels run on this accelerator."""
        made = part.vendor.lower() in [maker.lower() for maker in self.makers]
        return made and (not self.generations or generation(part.architecture) in self.generations)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    return tuple(Rule(**raw) for raw in names.load("makers.yaml"))


def foreign(part: Accelerator, operation: str, frameworks: Iterable[str], kernels: Iterable[str]) -> Mapping[int, str]:
    """Rows whose kernel cannot run on an accelerator, with the reason.

    Args:
        part: the table's accelerator; operation: the table's.
        frameworks, kernels: of each row [rows].
    """
    pairs = list(zip(frameworks, kernels, strict=True))
    reasons = {pair: _reason(part, operation, *pair) for pair in set(pairs)}
    return {row: reasons[pair] for row, pair in enumerate(pairs) if reasons[pair]}


def _reason(part: Accelerator, operation: str, framework: str, kernel: str) -> str:
    """Why a kernel cannot run on an accelerator; empty where it can."""
    broken = (rule for rule in rules() if rule.fits(operation, framework, kernel) and not rule.allows(part))
    rule = next(broken, None)
    if rule is None:
        return ""
    named = f'"{kernel or framework or operation}"'
    newer = f" ({', '.join(rule.generations)})" if rule.generations else ""
    on = " and ".join(rule.makers) + newer
    return f"{named} cannot have run on {part.id}: {rule.what} runs on accelerators of {on} only"
