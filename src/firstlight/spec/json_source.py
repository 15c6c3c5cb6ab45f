"""A JSON text as plain values with the line and column of every key and value, as `spec.source` gives them of YAML.

The values are those of the standard library's parser, so that a config.json means here what it means to everyone else.
What that parser lets pass and a person would want to know, a key that stands twice, is refused.
"""

from __future__ import annotations

import bisect
import json
import re
from typing import Any

from firstlight.errors import DocumentError, Problem
from firstlight.spec import syntax
from firstlight.spec.source import MAX_DEPTH, MAX_VALUES, Mark, Source, Where, dotted
from firstlight.units import printed

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_LONGEST_NUMBER = "a number of thousands of digits"


def parse(text: str, name: str = "") -> Source:
    """Read a JSON document from text; `name` stands for its file in messages.

    Raises:
        DocumentError: not JSON, nested too deep, or a key stands twice in one mapping.
    """
    lines = _Lines(text, name)
    try:
        value: Any = json.loads(text)
    except json.JSONDecodeError as error:
        remedy = "Check for a missing or surplus comma, quote or bracket just before it."
        raise DocumentError(
            (lines.mark(error.pos).problem("", f"this is not JSON: {_lower(error.msg)}", remedy),)
        ) from None
    except RecursionError:
        raise DocumentError((Problem("", *syntax.TOO_DEEP, name),)) from None
    except ValueError:
        raise DocumentError(
            (Problem("", f"holds {_LONGEST_NUMBER}", "Check that it is the right file.", name),)
        ) from None
    walk = _Walk(lines)
    for token in _TOKEN.finditer(text):
        walk.step(token[0], token.start())
    if walk.problems:
        raise DocumentError(tuple(walk.problems))
    return Source(value, walk.keys, walk.values)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


class _Lines:
    """Finds line and column of a place in a text."""

    def __init__(self, text: str, name: str):
        self._name = name
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines[:-1]:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def mark(self, offset: int) -> Mark:
        """The mark of the character at this offset."""
        line = bisect.bisect_right(self._starts, offset) - 1
        return Mark(self._name, line + 1, offset - self._starts[line] + 1, self._lines[line].rstrip("\r"))


class _Walk:
    """Follows the tokens of a valid JSON text and notes where each key and value stands.

    Attributes:
        keys, values: as in `Source`.
        problems: keys that stand twice.
    """

    def __init__(self, lines: _Lines):
        self._lines = lines
        self._around: list[Where] = []  # ways of the containers that are open
        self._index: list[int] = []  # next index in each; -1 in a mapping
        self._where: Where = ()
        self._wants_key = False
        self.keys: dict[Where, Mark] = {}
        self.values: dict[Where, Mark] = {}
        self.problems: list[Problem] = []

    def step(self, token: str, offset: int) -> None:
        """Take the next token."""
        if token in "{[":
            self._open(token == "{", offset)
        elif token in "]}":
            self._where = self._around.pop()
            self._index.pop()
            self._wants_key = False
        elif token == ",":
            self._next()
        elif token != ":":
            self._word(token, offset)

    def _open(self, mapping: bool, offset: int) -> None:
        self._note(offset)
        if len(self._around) >= MAX_DEPTH:
            raise DocumentError((self._lines.mark(offset).problem("", *syntax.TOO_DEEP),))
        self._around.append(self._where)
        self._index.append(-1 if mapping else 0)
        self._wants_key = mapping
        if not mapping:
            self._where = (*self._where, 0)

    def _next(self) -> None:
        self._wants_key = self._index[-1] < 0
        if not self._wants_key:
            self._index[-1] += 1
            self._where = (*self._around[-1], self._index[-1])

    def _word(self, token: str, offset: int) -> None:
        """A key, or a plain value."""
        if not self._wants_key:
            self._note(offset)
            return
        self._wants_key = False
        self._where = (*self._around[-1], str(json.loads(token)))
        mark = self._lines.mark(offset)
        if first := self.keys.get(self._where):
            message = f"the key {printed(self._where[-1])} stands here twice, first on line {first.line}"
            self.problems.append(mark.problem(printed(dotted(self._where), 200)[1:-1], message, "Keep one of them."))
        self.keys[self._where] = mark

    def _note(self, offset: int) -> None:
        if len(self.values) >= MAX_VALUES:
            message = f"the document holds more than {MAX_VALUES:,} values"
            raise DocumentError((Problem("", message, "Check that it is the right file."),))
        self.values[self._where] = self._lines.mark(offset)
