"""What a section of the report is made of. Each block knows the template that draws it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from markupsafe import Markup

from firstlight.export.report import words

COLOURS = 8
"""Parts that a bar tells apart by colour."""


@dataclass(frozen=True)
class Table:
    """A table; `align` has one letter for each column: l text, r number, m a bar (a share of 1)."""

    template: ClassVar[str] = "table.html"
    caption: str
    columns: tuple[str, ...]
    align: str
    rows: tuple[tuple[Any, ...], ...]
    folded: bool = False
    note: str = ""
    total: tuple[str, ...] = ()


@dataclass(frozen=True)
class Badge:
    """A table cell that is a small coloured word."""

    text: str
    tone: str


@dataclass(frozen=True)
class Code:
    """A table cell that is a name in a document."""

    text: str


@dataclass(frozen=True)
class Bar:
    """A table cell that is a bar.

    Attributes:
        share: its length, 1 fills the cell.
        tone: "plain", "good", "warn" or "bad".
        mark: where to draw a line, as a share of the cell; None draws none.
    """

    share: float
    tone: str = "plain"
    mark: float | None = None


@dataclass(frozen=True)
class Fact:
    """One number of a row of facts: what it is, the number, and what a reader should know about it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """A row of facts."""

    template: ClassVar[str] = "facts.html"
    facts: tuple[Fact, ...]


class Drawable(Protocol):
    """What draws itself as SVG of a width [px]; `label` says what it shows to those who cannot see it."""

    def draw(self, width: float, label: str) -> Markup:
        """The drawing."""
        ...


@dataclass(frozen=True)
class Chart:
    """A chart, drawn for several widths so that its type has one size everywhere; `note` explains its marks.

    Attributes:
        drawings: class ("small", "medium", "large") and SVG; the style sheet shows the one that fits.
    """

    template: ClassVar[str] = "chart.html"
    title: str
    drawings: tuple[tuple[str, Markup], ...]
    note: str = ""

    @classmethod
    def of(cls, title: str, label: str, chart: Drawable, *, wide: bool = False, note: str = "") -> Chart:
        """A chart for a column, or for the whole width of the page."""
        widths = {"small": 345, "medium": 640, "large": 1030} if wide else {"small": 345, "medium": 500}
        return cls(title, tuple((name, chart.draw(width, label)) for name, width in widths.items()), note)


@dataclass(frozen=True)
class Node:
    """One line of a tree: its name, printed amount, share of the whole, and what it is made of."""

    name: str
    text: str
    share: float
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Tree:
    """Amounts that add up from the leaves, as lines that unfold."""

    template: ClassVar[str] = "tree.html"
    root: Node


@dataclass(frozen=True)
class Part:
    """One part of a whole: its name, its printed value, its share of the bar's length."""

    name: str
    text: str
    share: float


@dataclass(frozen=True)
class Stack:
    """A whole and its parts, as one bar and a key with the numbers.

    Attributes:
        title: what the whole is; total: its printed value.
        parts: largest first.
        free: share of the bar that is left over, and what that is called.
        shares: print the shares beside the values; not where the values are shares themselves.
    """

    template: ClassVar[str] = "stack.html"
    title: str
    total: str
    parts: tuple[Part, ...]
    free: Part | None = None
    shares: bool = True


@dataclass(frozen=True)
class Notes:
    """A list of sentences."""

    template: ClassVar[str] = "notes.html"
    title: str
    items: tuple[str, ...]
    tone: str = "plain"


@dataclass(frozen=True)
class Text:
    """A paragraph between blocks."""

    template: ClassVar[str] = "text.html"
    text: str


@dataclass(frozen=True)
class Side:
    """Blocks beside each other where there is room."""

    template: ClassVar[str] = "side.html"
    blocks: tuple[Any, ...]


@dataclass(frozen=True)
class Section:
    """One section: the question that it answers, the answer in a sentence, and what shows it."""

    id: str
    title: str
    lead: str
    blocks: tuple[Any, ...] = ()
    short: str = ""


@dataclass(frozen=True)
class Shares:
    """Parts of a dictionary result, ordered and printed."""

    parts: dict[str, float]
    dimension: str
    whole: float = field(default=0.0)

    def stack(self, title: str, spare: str = "") -> Stack:
        """As a bar; what the whole leaves over is called `spare`."""
        total = sum(self.parts.values())
        full = max(self.whole, total) or 1.0
        ordered = self._largest()
        parts = tuple(Part(name, words.amount(value, self.dimension), value / full) for name, value in ordered)
        left = self.whole - total
        free = Part(spare, words.amount(left, self.dimension), left / full) if spare and left > 0 else None
        return Stack(title, words.amount(total, self.dimension), parts, free, self.dimension != "fraction")

    def _largest(self) -> list[tuple[str, float]]:
        """The parts by size; there are as many colours as a bar can keep apart, and the smallest parts share one."""
        ordered = sorted(((name, value) for name, value in self.parts.items() if value > 0), key=lambda item: -item[1])
        if len(ordered) <= COLOURS:
            return ordered
        rest = ordered[COLOURS - 1 :]
        return [*ordered[: COLOURS - 1], (f"{len(rest)} smaller parts", sum(value for _, value in rest))]


def standing(text: str) -> Badge:
    """How far a number can be trusted, as a coloured word."""
    return Badge(text, {"measured": "good", "estimate": "warn", "user": "user"}.get(text, "plain"))


def rows(items: Iterable[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    """Rows of a table."""
    return tuple(tuple(item) for item in items)
