"""Flow of power from the feed to its uses, in three columns: source, uses, and what the largest use holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from firstlight.export.report import svg, words

_BAR = 9.0  # width of a node [px]
_LINE = 21.0  # least height that a label needs [px]
_LETTER = 7.0  # width of a letter at most, on average [px]
_TALL = 300.0  # height of the whole flow [px]


@dataclass(frozen=True)
class Use:
    """A use of the flow [W], and whether it is the purpose (the rest are losses and service)."""

    name: str
    value: float
    purpose: bool = False


@dataclass(frozen=True)
class Node:
    """A use with its place: top and height [px]."""

    use: Use
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Sankey:
    """The chart: the source, its uses (the first may be split into `inside`)."""

    source: str
    uses: tuple[Use, ...]
    inside: tuple[Use, ...]

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        total = sum(use.value for use in self.uses) or 1.0
        per = _TALL / total
        last = width - max((_room(use, per, narrow=width < 500) for use in self.inside or self.uses), default=0.0)
        middle = 0.5 * last if self.inside else last
        inner = _column(self.inside, last, 4.0, per)
        first = _column(self.uses[:1], middle, 4.0, per)
        below = max([node.y + max(node.height, _LINE) for node in (*inner, *first)], default=4.0) + 10.0
        nodes = [*first, *_column(self.uses[1:], middle, below, per)]
        origin = Node(Use(self.source, total), 0.0, 4.0, _TALL)
        height = max(node.y + max(node.height, _LINE) for node in (*nodes, *inner, origin)) + 6.0
        parts = [*_ribbons(origin, nodes, per), *(_ribbons(first[0], inner, per) if inner else ())]
        for node in (*nodes, *inner):
            parts += _drawn(node, narrow=width < 500)
        parts += [svg.rect(0, origin.y, _BAR, origin.height, "fill s-source"), *_words(origin, narrow=width < 500)]
        return svg.drawing(width, height, label, parts)


def _room(use: Use, per: float, *, narrow: bool) -> float:
    """What a node and the words beside it take [px]."""
    letters = [len(use.name), len(words.show(use.value, "power")) + 1]
    return _BAR + 9.0 + _LETTER * (max(letters) if _two_lines(use.value * per, narrow) else sum(letters))


def _two_lines(height: float, narrow: bool) -> bool:
    """Whether name and amount stand below each other: where there is little room beside a tall node."""
    return narrow and height > 2 * _LINE


def _column(uses: tuple[Use, ...], x: float, y: float, per: float) -> list[Node]:
    """Nodes below each other, each with room for its label."""
    nodes: list[Node] = []
    for use in uses:
        height = max(use.value * per, 1.0)
        nodes.append(Node(use, x, y + max(0.0, (_LINE - height) / 2), height))
        y += max(height, _LINE) + (8.0 if height > _LINE else 0.0)
    return nodes


def _ribbons(origin: Node, nodes: list[Node], per: float) -> Iterator[Markup]:
    """From the origin's right side, downwards, to each node."""
    top, x = origin.y, origin.x + _BAR
    for node in nodes:
        height, middle = node.use.value * per, (x + node.x) / 2
        ends = [svg.num(value) for value in (x, top, middle, node.x, node.y, node.y + height, top + height)]
        a, b, m, c, d, e, f = ends
        css = "ribbon s0" if node.use.purpose else "ribbon s1"
        tip = f"{origin.use.name} to {node.use.name}: {words.show(node.use.value, 'power')}"
        yield svg.path(f"M{a} {b}C{m} {b} {m} {d} {c} {d}L{c} {e}C{m} {e} {m} {f} {a} {f}z", css, tip)
        top += height


def _drawn(node: Node, *, narrow: bool) -> Iterator[Markup]:
    tone = "s0" if node.use.purpose else "s1"
    yield svg.rect(
        node.x, node.y, _BAR, node.height, f"fill {tone}", f"{node.use.name}: {words.show(node.use.value, 'power')}"
    )
    yield from _words(node, narrow=narrow)


def _words(node: Node, *, narrow: bool) -> Iterator[Markup]:
    """Name and amount right of a node: on two lines where it is tall and there is little room."""
    x, middle, amount = node.x + _BAR + 7, node.y + node.height / 2, words.show(node.use.value, "power")
    if _two_lines(node.height, narrow):
        yield svg.text(x, middle - 2, node.use.name)
        yield svg.text(x, middle + 15, amount, "strong")
        return
    yield Markup('<text x="{}" y="{}">{} <tspan class="strong" dx="3">{}</tspan></text>').format(
        svg.num(x), svg.num(middle + 4.5), node.use.name, amount
    )
