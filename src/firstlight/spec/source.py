"""A YAML text as plain Python values, with the file, line and column of every key and every value.

PyYAML composes the nodes (in C where it can); what they mean is decided here, so that nothing in a document is
executed, guessed or overwritten: duplicate keys, tags and merge keys are refused, and size, depth and the growth by
aliases ("billion laughs") are bounded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import yaml

from firstlight.errors import DocumentError, Problem
from firstlight.spec import near, scalar, syntax
from firstlight.units import printed

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 40
MAX_VALUES = 200_000

Where = tuple[str | int, ...]
"""The way to a value inside a document: ("demand", 0, "tokens")."""

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file.

    Attributes:
        file: as the user gave it.
        line, column: 1-based.
        text: the whole line.
    """

    file: str
    line: int
    column: int
    text: str

    def problem(self, where: str, message: str, remedy: str = "") -> Problem:
        """A problem here."""
        # The caret stays below its character: a tab becomes one blank, what a terminal cannot show a mark.
        shown = self.text[:250].replace("\t", " ") if self.column <= 200 else ""
        shown = "".join(c if c.isprintable() else "\ufffd" for c in shown)
        return Problem(where, message, remedy, self.file, self.line, self.column, shown.rstrip())


@dataclass(frozen=True)
class Source:
    """A document's plain values, and where each of them stands.

    Attributes:
        value: dicts (keys are text), lists, texts, numbers, dates, None.
        keys: mark of each key, by the way to its value.
        values: mark of each value; of a mapping or list, its first entry.
        problems: what is wrong with the text already (duplicate keys, files that are not there), by place.
        broken: ways to values that could not be read; nothing more is said of them.
    """

    value: Any
    keys: Mapping[Where, Mark]
    values: Mapping[Where, Mark]
    problems: Mapping[Where, tuple[Problem, ...]] = field(default_factory=dict[Where, tuple[Problem, ...]])
    broken: frozenset[Where] = frozenset()

    @property
    def wrong(self) -> list[Problem]:
        """All of `problems`."""
        return [problem for found in self.problems.values() for problem in found]

    def mark(self, where: Where, *, key: bool = False) -> Mark:
        """The mark of a value (or of its key); of the nearest value around it where it has none."""
        if key and where in self.keys:
            return self.keys[where]
        while where and where not in self.values:
            where = where[:-1]
        return self.values[where]

    def problem(self, where: Where, message: str, remedy: str = "", *, key: bool = False) -> Problem:
        """A problem with one value (or with its key)."""
        return self.mark(where, key=key).problem(dotted(where), message, remedy)

    def get(self, where: Where) -> Any:
        """The value at the end of a way; None where there is none."""
        value = self.value
        for step in where:
            inside = isinstance(value, list) and isinstance(step, int) and step < len(cast("list[Any]", value))
            if not inside and not (isinstance(value, dict) and step in value):
                return None
            value = cast("Any", value)[step]
        return value

    def blame(self, where: Where, problems: tuple[Problem, ...], *, broken: bool = False) -> Source:
        """This document with problems of one value noted; `broken` where there is no value to go on with."""
        noted = {**self.problems, where: (*self.problems.get(where, ()), *problems)}
        return replace(self, problems=noted, broken=self.broken | {where} if broken else self.broken)

    def readable(self, where: Where) -> bool:
        """No value on the way is broken."""
        return not any(where[:end] in self.broken for end in range(len(where) + 1))

    def graft(self, where: Where, other: Source) -> Source:
        """This document with the value at `where` taken from another; what is noted of the one it replaces is dropped.

        Mappings on the way that do not exist yet are made.
        """
        depth = len(where)
        keys = {w: m for w, m in self.keys.items() if w[:depth] != where or w == where}
        values = {w: m for w, m in self.values.items() if w[:depth] != where}
        problems = {w: p for w, p in self.problems.items() if w[:depth] != where}
        broken = {w for w in self.broken if w[:depth] != where}
        keys.update({where + w: m for w, m in other.keys.items()})
        values.update({where + w: m for w, m in other.values.items()})
        problems.update({where + w: p for w, p in other.problems.items()})
        broken.update(where + w for w in other.broken)
        return Source(_replaced(self.value, where, other.value), keys, values, problems, frozenset(broken))


def _replaced(value: Any, where: Where, new: Any) -> Any:
    if not where:
        return new
    step, rest = where[0], where[1:]
    if isinstance(step, int):
        entries = list(cast("list[Any]", value))
        entries[step] = _replaced(entries[step], rest, new)
        return entries
    inside = cast("dict[str, Any]", value or {})
    return {**inside, step: _replaced(inside.get(step), rest, new)}


def dotted(where: Where) -> str:
    """The way as it is written: "demand[0].tokens"."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return text.removeprefix(".")


def read(path: Path, name: str = "") -> Source:
    """Read a document.

    Args:
        path: of the file.
        name: the path as messages show it, if that is another.

    Raises:
        DocumentError: there is no such file, or it is not YAML. What stands in the way of no other value (a duplicate
            key) is noted in `problems` instead.
    """
    return parse(content(path, name), name or str(path))


def content(path: Path, name: str = "") -> str:
    """The text of a document's file; arguments as in `read`.

    Raises:
        DocumentError: there is no such file, it is too large, or not UTF-8.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DocumentError((_unreadable(path, name, error),)) from None
    if len(content) > MAX_BYTES:
        remedy = f"A document holds at most {MAX_BYTES // 2**20} MiB; split it, or check that it is the right file."
        raise DocumentError((Problem("", "too large for a document", remedy, name),))
    return _decoded(content, name)


def _unreadable(path: Path, name: str, error: Exception) -> Problem:
    if isinstance(error, IsADirectoryError):
        return Problem("", "this is a folder, not a document", "Name a file inside it.", name)
    if not isinstance(error, FileNotFoundError):
        reason = getattr(error, "strerror", None) or str(error)
        return Problem("", f"cannot be read: {reason}", "Check the path and its permissions.", name)
    # Only the stems are compared: every document ends in ".yaml".
    beside = {p.stem: p.name for p in path.parent.iterdir()} if os.path.isdir(path.parent) else {}
    close = [beside[stem] for stem in near.nearest(path.stem, beside)]
    return Problem("", "no such file", f'Did you mean "{close[0]}"?' if close else "Check the path.", name)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        mark = _mark_at(before, len(before), name)
        message = f"this is not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise DocumentError((mark.problem("", message, "Save the file as UTF-8."),)) from None


def _mark_at(text: str, offset: int, name: str) -> Mark:
    lines = _BREAK.split(text[:offset])
    return Mark(name, len(lines), len(lines[-1]) + 1, _BREAK.split(text)[len(lines) - 1])


def parse(text: str, name: str = "") -> Source:
    """Read a document from text; `name` stands for its file in messages.

    Raises:
        DocumentError: as `read`.
    """
    if odd := syntax.FORBIDDEN.search(text):
        mark = _mark_at(text, odd.start(), name)
        message = f"this is not text (character U+{ord(odd[0]):04X})"
        raise DocumentError((mark.problem("", message, "Check that it is the right file."),))
    reader = _Reader(name, _BREAK.split(text))
    node = reader.compose(text)
    if node is None:
        remedy = (
            "`firstlight schema` says what may stand in each document; examples/ of the repository holds whole ones."
        )
        raise DocumentError((Problem("", "the document is empty", remedy, name),))
    value = reader.plain(node, (), 0)
    return Source(value, reader.keys, reader.values, {w: tuple(found) for w, found in reader.problems.items()})


@dataclass
class _Reader:
    """Turns nodes into plain values and notes where they stand; gathers the problems."""

    name: str
    lines: list[str]
    keys: dict[Where, Mark] = field(default_factory=dict[Where, Mark])
    values: dict[Where, Mark] = field(default_factory=dict[Where, Mark])
    problems: dict[Where, list[Problem]] = field(default_factory=dict[Where, list[Problem]])

    def mark(self, at: Any) -> Mark:
        line = min(int(at.line), len(self.lines) - 1)
        text = self.lines[line]
        return Mark(self.name, line + 1, 1 + int(at.column if at.line == line else len(text)), text)

    def compose(self, text: str) -> Any:
        """The root node, or None of an empty text."""
        try:
            return _LOADER(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            at, message, remedy = syntax.explained(error, self.lines)
            raise DocumentError((self.mark(at).problem("", message, remedy),)) from None
        except RecursionError:
            raise DocumentError((Problem("", *syntax.TOO_DEEP, self.name),)) from None

    def plain(self, node: Any, where: Where, depth: int) -> Any:
        """The plain value of a node, noted in the tables."""
        self.values[where] = mark = self.mark(node.start_mark)
        if depth > MAX_DEPTH:
            raise self.end(mark.problem("", *syntax.TOO_DEEP))
        if len(self.values) > MAX_VALUES:
            message = f"the document holds more than {MAX_VALUES:,} values, those that aliases repeat included"
            raise self.end(mark.problem("", message, "Split it, or use fewer aliases."))
        if node.tag not in _PLAIN_TAGS:
            remedy = "Remove it; firstlight knows the kind of each value by its key."
            self.note(where, mark, f"tags such as {printed(node.tag)} have no meaning here", remedy)
        if isinstance(node, yaml.MappingNode):
            return {key: self.plain(below, (*where, key), depth + 1) for key, below in self.entries(node, where)}
        if isinstance(node, yaml.SequenceNode):
            entries = cast("list[Any]", node.value)
            return [self.plain(below, (*where, index), depth + 1) for index, below in enumerate(entries)]
        return node.value if node.style else scalar.read(node.value)

    def note(self, where: Where, mark: Mark, message: str, remedy: str) -> None:
        """Note a problem that reading goes on after."""
        self.problems.setdefault(where, []).append(mark.problem(dotted(where), message, remedy))

    def end(self, last: Problem) -> DocumentError:
        """The problems so far, and the one that ends the reading."""
        return DocumentError((*(problem for found in self.problems.values() for problem in found), last))

    def entries(self, node: Any, where: Where) -> Iterator[tuple[str, Any]]:
        """The keys and value nodes of a mapping; keys that cannot stand are problems."""
        for key, value in cast("list[tuple[Any, Any]]", node.value):
            mark = self.mark(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self.note(where, mark, "a key is one word", "Check brackets and braces.")
                continue
            name = str(key.value)
            way = (*where, name)
            if way in self.keys:
                message = f"the key {printed(name)} stands here twice, first on line {self.keys[way].line}"
                self.note(way, mark, message, "Keep one of them.")
            elif name == "<<" and not key.style:
                remedy = "Write the keys out (YAML 1.2 has no merging)."
                self.note(way, mark, '"<<" does not merge mappings', remedy)
            else:
                self.keys[way] = mark
                yield name, value
