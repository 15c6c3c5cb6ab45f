"""What can go wrong, as one small tree.

    FirstlightError
    ├── DocumentError      a document is wrong: every problem at once, each with file:line:col      exit 2
    ├── UsageError         a call is wrong: an option, a value or a combination that has no effect   exit 2
    ├── InfeasibleError    the answer is no: which limit binds, by how much, what would fit           exit 1
    ├── SolverError        a solver or an outside service did not deliver                             exit 3
    └── MissingExtraError  an optional library is not installed; names the line that installs it      exit 3

Only `apps/` turns these into exit codes and prints them; every message says what, where, and how to mend it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


class FirstlightError(Exception):
    """The root of every error that firstlight raises on purpose."""


class UsageError(FirstlightError):
    """A call is wrong: an unknown name, an impossible value, a parameter that would have no effect."""


@dataclass(frozen=True)
class Limit:
    """One limit that a demand runs into.

    Attributes:
        name: what binds, in the words of the document ("site.power").
        needed: how much the demand takes, as a printed quantity ("212 MW").
        available: how much there is, as a printed quantity ("150 MW").
        remedy: what would fit ("at most 70,600 accelerators, or 212 MW of power").
        over: needed over available, to tell near misses from far ones; 0 where that is no number.
    """

    name: str
    needed: str
    available: str
    remedy: str
    over: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}: needs {self.needed}, has {self.available}. {self.remedy}"


class InfeasibleError(FirstlightError):
    """A demand that cannot be met: which limits bind, by how much, and what would fit."""

    def __init__(self, summary: str, limits: tuple[Limit, ...] = ()):
        self.summary = summary
        self.limits = limits
        super().__init__("\n".join([summary, *(f"  {limit}" for limit in limits)]))

    @property
    def over(self) -> float:
        """How far the farthest of its limits is missed; infinite where none of them says so."""
        return max((limit.over for limit in self.limits if limit.over), default=math.inf)


class SolverError(FirstlightError):
    """A solver did not converge, or an outside service did not answer."""


class MissingExtraError(FirstlightError):
    """An optional library is missing; the message names the install line."""

    def __init__(self, library: str, extra: str):
        super().__init__(f"{library} is not installed. Install it with: pip install 'firstlight[{extra}]'")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a document.

    Attributes:
        where: dotted path inside the document ("demand[0].tokens").
        message: what is wrong.
        remedy: what to write instead (may be empty).
        file: the file's path as the user gave it, or "" for text.
        line, column: 1-based position; 0 where there is none.
        source: the source line, for the caret.
    """

    where: str
    message: str
    remedy: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""

    def __str__(self) -> str:
        place = ":".join(str(p) for p in (self.file, self.line, self.column) if p)
        lines = [f"{place or 'document'}: {self.where + ': ' if self.where else ''}{self.message}"]
        if self.source:
            lines += [f"    {self.source}", "    " + " " * (self.column - 1) + "^"]
        if self.remedy:
            lines.append(f"    {self.remedy}")
        return "\n".join(lines)


class DocumentError(FirstlightError):
    """A document that cannot be used, with all of its problems together."""

    def __init__(self, problems: tuple[Problem, ...]):
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([*map(str, problems), count]))
