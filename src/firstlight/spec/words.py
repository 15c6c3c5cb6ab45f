"""What is wrong with one value, and what to write instead, in the words of the house."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from firstlight import units
from firstlight.spec import near, shape
from firstlight.spec.source import Where


@dataclass(frozen=True)
class Finding:
    """One finding of pydantic, with what the field would take.

    Attributes:
        where: way to the value in the document.
        value: what stands there.
        kind: type of the field (None: nothing is known).
        example: what a user would write there.
        required: the field cannot be left out.
        context: pydantic's own details.
    """

    where: Where
    value: object
    kind: Any
    example: str
    required: bool
    context: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last key on the way."""
        return next((step for step in reversed(self.where) if isinstance(step, str)), "the document")

    @property
    def mapping(self) -> bool:
        """A mapping stands here."""
        return isinstance(self.value, dict)

    @property
    def list(self) -> bool:
        """A list stands here."""
        return isinstance(self.value, list)

    @property
    def printed(self) -> str:
        """The value as messages quote it."""
        if self.mapping or self.list:
            return "a mapping" if self.mapping else "a list"
        return str(self.value) if isinstance(self.value, dt.date) else units.printed(self.value)

    @property
    def instead(self) -> str:
        """The line to write instead."""
        entry = bool(self.where) and isinstance(self.where[-1], int)
        return f"Write {self.example}." if entry else f"Write `{self.name}: {self.example}`."


Words = tuple[str, str]
"""What is wrong, and what to write instead."""


def say(kind: str, finding: Finding) -> Words:
    """One of pydantic's findings, by its kind, in plain words."""
    if finding.value is None:
        return "has no value", finding.instead if finding.required else "Write one, or leave the key out."
    words = _SAY.get(kind)
    return words(finding) if words else (f"{finding.printed} does not fit here", finding.instead)


def _not(what: str) -> Callable[[Finding], Words]:
    return lambda finding: (f"{finding.printed} is not {what}", finding.instead)


def _quantity(finding: Finding) -> Words:
    message, _, remedy = str(finding.context["reason"]).partition("; ")
    return message, remedy[:1].upper() + remedy[1:] + ("." if remedy and remedy[-1] not in "?." else "")


def _text(finding: Finding) -> Words:
    if finding.mapping or finding.list:
        return f"{finding.printed} is not a text", finding.instead
    quoted = finding.printed.strip('"')
    return f"{finding.printed} is not a text", f'Put it in quotes: "{quoted}".'


def _range(finding: Finding) -> Words:
    low, high = shape.bounds(finding.kind)
    limits = f"between {low:,} and {high:,}" if low is not None and high is not None else f"of at least {low}"
    if low is None:
        limits = f"of at most {high}"
    return f"{finding.printed} is out of range", f"Write a number {limits}."


def _length(finding: Finding) -> Words:
    low, high = shape.bounds(finding.kind)
    what = "entries" if finding.list else "characters"
    size = len(cast("list[Any] | str", finding.value))
    if low is not None and size < low:
        return ("is empty", finding.instead)
    return f"{size:,} {what} are too many", f"At most {high:,}."


def _choice(finding: Finding) -> Words:
    words = shape.choices(finding.kind)
    message = f"{finding.printed} is none of {', '.join(words)}"
    return message, near.hint(str(finding.value), words, f"Write one of {', '.join(words)}.")


def _kind(finding: Finding) -> Words:
    words = [word.strip("'") for word in str(finding.context.get("expected_tags", "")).split(", ")]
    if not words[0]:
        return '"kind" is missing', "Say what the part is: `kind: accelerator`, `kind: switch`, ..."
    tag = str(finding.context.get("tag", ""))
    return f"there is no kind {units.printed(tag)}", near.hint(tag, words, f"Write one of {', '.join(words)}.")


def _workload(finding: Finding) -> Words:
    if not finding.mapping:
        return f"{finding.printed} is not a workload", "Write a mapping with `train:` or `serve:`, or a .yaml path."
    keys = [str(key) for key in cast("dict[str, Any]", finding.value)]
    if "train" in keys:
        return "a workload is either trained or served", "Make two entries of it, one with `train:`, one with `serve:`."
    slips = {key: near.nearest(key, ["train", "serve"]) for key in keys}
    remedy = next(
        (f'Did you mean "{close[0]}" where {units.printed(key)} stands?' for key, close in slips.items() if close), ""
    )
    return "this workload does not say what it does", remedy or "Write `train: MODEL` or `serve: MODEL`."


def _list(finding: Finding) -> Words:
    if finding.mapping:
        return "a mapping is not a list", 'Begin each entry with "- ".'
    return f"{finding.printed} is not a list", f"Write `{finding.name}: [{finding.printed.strip(chr(34))}]`."


def _mapping(finding: Finding) -> Words:
    inside = shape.model(finding.kind, None)
    below = f"Write keys and values below it: {', '.join(inside.model_fields)}." if inside else finding.instead
    return f"{finding.printed} is not a mapping", below


_SAY: dict[str, Callable[[Finding], Words]] = {
    "quantity": _quantity,
    "workload": _workload,
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _not("a whole number")),
    **dict.fromkeys(("float_type", "float_parsing"), _not("a number")),
    "finite_number": _not("a finite number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), _not("true or false")),
    "string_type": _text,
    "string_pattern_mismatch": lambda f: (
        f"{f.printed} is not an id",
        "Use lower-case letters, digits, dots, plus and minus, beginning with a letter or digit.",
    ),
    **dict.fromkeys(("greater_than_equal", "less_than_equal", "greater_than", "less_than"), _range),
    **dict.fromkeys(("string_too_short", "string_too_long", "too_short", "too_long"), _length),
    "literal_error": _choice,
    **dict.fromkeys(("union_tag_invalid", "union_tag_not_found"), _kind),
    **dict.fromkeys(("tuple_type", "list_type"), _list),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), _mapping),
    "value_error": lambda f: (str(f.context.get("error", "does not fit here")), ""),
    "string_unicode": _not("a text"),
}
