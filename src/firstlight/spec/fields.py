"""Reads a mapping field by field: every wrong, missing or unread field becomes a problem, and all come out together.

For documents whose form is not ours, such as a Hugging Face config.json. A reader that meets a problem goes on with
a stand-in value (1, an empty list) so that the user sees every problem at once; `refuse_rest` and `raise_problems`
end it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from firstlight import units
from firstlight.errors import DocumentError, Problem
from firstlight.spec import near

_ABSENT = object()
LARGEST = 10**9
_FEW, _LONG = 8, 100


class Fields:
    """One mapping, with its place in the document and the problems found so far.

    Attributes:
        problems: shared with the fields nested inside.
    """

    def __init__(self, values: Mapping[str, Any], where: str = "", problems: list[Problem] | None = None):
        self._values = values
        self._where = where
        self._seen: set[str] = set()
        self._parts: list[Fields] = []
        self._expected: set[str] = set()
        self.problems: list[Problem] = [] if problems is None else problems

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def complain(self, name: str, message: str, remedy: str = "") -> None:
        """Add a problem with the field of this name, once."""
        problem = Problem(f"{self._where}.{name}" if self._where else name, message, remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def count(self, name: str, default: int | None = None, *, low: int = 1, high: int = LARGEST) -> int:
        """A whole number; required unless it has a default."""
        value = self._take(name)
        if value is _ABSENT:
            if default is None:
                self.complain(name, "is missing", f"Add {name}: a whole number.")
            return low if default is None else default
        return self._whole(name, value, low, high)

    def maybe(self, name: str, *, low: int = 1, high: int = LARGEST) -> int | None:
        """A whole number, or None where the field is absent or null."""
        value = self._take(name)
        return None if value is _ABSENT else self._whole(name, value, low, high)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._take(name)
        if value is _ABSENT or isinstance(value, bool):
            return default if value is _ABSENT else bool(value)
        self.complain(name, f"is {units.printed(value)}", "Write true or false.")
        return default

    def word(self, name: str, default: str | None = None, among: Iterable[str] = ()) -> str:
        """A text, one of `among` where that is given; required unless it has a default."""
        value = self._take(name)
        if value is _ABSENT:
            if default is None:
                self.complain(name, "is missing", "Write a text.")
            return default or ""
        allowed = tuple(among)
        if not isinstance(value, str) or (allowed and value not in allowed):
            remedy = f"Write {' or '.join(allowed) or 'a text'}."
            if len(allowed) > _FEW:
                remedy = near.hint(str(value)[:_LONG], allowed, f"It must be one of {', '.join(allowed)}.")
            self.complain(name, f"is {units.printed(value)}", remedy)
            return default or (allowed[0] if allowed else "")
        return value

    def words(self, name: str, among: Iterable[str], length: int) -> tuple[str, ...] | None:
        """A list of this many texts, each one of `among`; None where the field is absent."""
        value = self._take(name)
        if value is _ABSENT:
            return None
        allowed, items = tuple(among), _items(value)
        if items is not None and len(items) == length and all(item in allowed for item in items):
            return tuple(str(item) for item in items)
        self.complain(
            name, f"is {units.printed(value)}", f"Write a list of {length}, one per layer: {' or '.join(allowed)}."
        )
        return None

    def any_words(self, name: str, among: Iterable[str], most: int = 10_000) -> tuple[str, ...]:
        """A list of texts, each one of `among`, of any length up to `most`; empty where the field is absent."""
        value = self._take(name)
        length = len(cast("list[Any]", value)) if isinstance(value, list) else 0
        self.check(length <= most, name, f"has {length} entries", f"At most {most}.")
        return self.words(name, among, min(length, most)) or ()

    def numbers(self, name: str, high: int) -> tuple[int, ...] | None:
        """A list of whole numbers from 0 to `high`; None where the field is absent."""
        value = self._take(name)
        if value is _ABSENT:
            return None
        items = _items(value)
        if items is not None and all(type(item) is int and 0 <= item <= high for item in items):
            return tuple(int(item) for item in items)
        self.complain(name, f"is {units.printed(value)}", f"Write a list of whole numbers from 0 to {high}.")
        return None

    def nested(self, name: str) -> Fields | None:
        """The mapping in this field; None where the field is absent."""
        value = self._take(name)
        if value is _ABSENT:
            return None
        place = f"{self._where}.{name}" if self._where else name
        if not isinstance(value, Mapping):
            self.complain(name, f"is {units.printed(value)}", "Write a mapping.")
            value = {}
        part = Fields(cast("Mapping[str, Any]", value), place, self.problems)
        self._parts.append(part)
        return part

    def list_of(self, name: str) -> tuple[Fields, ...]:
        """The mappings in this list; required and not empty."""
        value = self._take(name)
        items = cast("list[Any]", value) if isinstance(value, list) else []
        if not items or not all(isinstance(item, Mapping) for item in items):
            self.complain(name, "is missing or not a list of mappings", f"Write {name}: a list.")
            return ()
        place = f"{self._where}.{name}" if self._where else name
        parts = [Fields(item, f"{place}[{i}]", self.problems) for i, item in enumerate(items)]
        self._parts += parts
        return tuple(parts)

    def check(self, holds: bool, name: str, message: str, remedy: str = "") -> bool:
        """Complain of this field unless something holds; says whether it does."""
        if not holds:
            self.complain(name, message, remedy)
        return holds

    def relation(self, holds: bool, name: str, message: str, remedy: str = "") -> bool:
        """As `check`, of how fields stand to each other: silent while any field is wrong by itself."""
        return self.check(holds or bool(self.problems), name, message, remedy)

    def known(self, names: Iterable[str]) -> None:
        """These fields, a list or a text of names, say nothing of shapes, and may stand there."""
        self._seen.update(names.split() if isinstance(names, str) else names)

    def refuse_rest(self, known: Iterable[str] = ()) -> None:
        """Complain of every field, nested ones too, that is neither read nor `known`; a null passes."""
        self.known(known)
        for part in self._parts:
            part.refuse_rest(known)
        for name, value in self._values.items():
            if name in self._seen or value is None:
                continue
            expected = sorted(self._expected - self._values.keys())
            hint = near.hint(
                str(name), expected, "Take it out if it changes no shape; else describe the model as towers."
            )
            self.complain(str(name), "is a field that firstlight does not know for this kind of model", hint)

    def raise_problems(self) -> None:
        """Raise all problems together, if there are any.

        Raises:
            DocumentError: with every problem found so far.
        """
        if self.problems:
            raise DocumentError(tuple(self.problems))

    def _take(self, name: str) -> Any:
        self._seen.add(name)
        self._expected.add(name)
        value = self._values.get(name)
        return _ABSENT if value is None else value

    def _whole(self, name: str, value: Any, low: int, high: int) -> int:
        if type(value) is int and low <= value <= high:
            return value
        self.complain(name, f"is {units.printed(value)}", f"Write a whole number from {low} to {high}.")
        return low


def _items(value: object) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None
