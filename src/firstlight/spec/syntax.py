"""What PyYAML says about a broken text, in words that help whoever wrote it."""

from __future__ import annotations

import re
from typing import Any

import yaml

FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML does not allow in a text."""

TOO_DEEP = ("nested too deep", "No document of firstlight needs more than ten levels; check brackets and indentation.")

_CLOSE = "Close it, and put a comma between its entries."
_INDENT = "Begin it in the same column as its neighbours above."
_QUOTE = "Put the value in quotes."
_TAB = ("a tab where spaces are needed", "Indent with spaces.")
_EXPLAINED = {
    "tab character": _TAB,
    "mapping values are not allowed": ('a ":" where none can be', "Put the text in quotes, or mend the indentation."),
    "expected ',' or ']'": ('a list that begins here is not closed with "]"', _CLOSE),
    "expected ',' or '}'": ('a mapping that begins here is not closed with "}"', _CLOSE),
    "expected node content": ("a value is missing before this", _CLOSE),
    "unexpected end of stream": ("a quote that begins here is not closed", "Close it with the same quote."),
    "undefined alias": ("a word after * names an anchor that is not there", _QUOTE),
    "another document": ('a second document begins here, after "---"', "One file holds one document."),
    "exceeded maximum nesting depth": TOO_DEEP,
    "expected key": ("this line does not fit the mapping above it", _INDENT),
    "expected <block end>": ("this line does not fit what stands above it", _INDENT),
    "'-' indicator": ("this line does not fit the list above it", _INDENT),
    "could not find expected ':'": ('a key without ":" and a value', "Write `key: value`."),
    "escape character": ('an unknown escape after "\\"', "Use single quotes, or write the backslash twice."),
}
_FROM_START = ("expected ',' or", "unexpected end of stream", "could not find expected ':'")


def explained(error: yaml.MarkedYAMLError, lines: list[str]) -> tuple[Any, str, str]:
    """Where a text is broken (PyYAML's mark), what is wrong, and what to do."""
    problem = error.problem or error.context or "it cannot be read"
    from_start = error.context_mark and any(words in problem for words in _FROM_START)
    at = error.context_mark if from_start else error.problem_mark or error.context_mark
    if "cannot start any token" in problem and at is not None:
        return (at, *_odd_start(lines[at.line][at.column : at.column + 1] if at.line < len(lines) else ""))
    for words, (message, remedy) in _EXPLAINED.items():
        if words in problem:
            return at, message, remedy
    return at, f"this is not YAML: {problem}", "Mend the line, or put the value in quotes."


def _odd_start(character: str) -> tuple[str, str]:
    if character == "\t":
        return _TAB
    return f'"{character}" cannot begin a value', _QUOTE
