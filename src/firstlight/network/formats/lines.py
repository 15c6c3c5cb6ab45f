"""Text files line by line, gzip or not, with errors that name file and line."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from firstlight.errors import DocumentError, Problem, UsageError

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Line:
    """One line of a file: its number from 1, and its text without the comment."""

    file: Path
    number: int
    text: str

    def refuse(self, message: str, remedy: str = "") -> NoReturn:
        """Raise a `DocumentError` that names this line."""
        raise DocumentError((Problem("", message, remedy, str(self.file), self.number),))

    def number_of(self, what: str, text: str, low: float = 0.0, remedy: str = "") -> float:
        """A finite number of at least `low`.

        Raises:
            DocumentError: it is none; a unit behind it is told apart from other text.
        """
        try:
            value = float(text)
        except ValueError:
            bare = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/")
            unit = bool(bare) and bare != text and bare.replace(".", "", 1).isdigit()
            told = f'{what}: "{text[:40]}" has a unit' if unit else f'{what}: "{text[:40]}" is not a number'
            self.refuse(told, remedy or "Write the bare number; the key says the unit.")
        if not math.isfinite(value) or value < low:
            self.refuse(f"{what}: {text[:40]} is below {low:g}", remedy)
        return value

    def count_of(self, what: str, text: str, low: int = 1, remedy: str = "") -> int:
        """A whole number of at least `low`.

        Raises:
            DocumentError: it is none.
        """
        value = self.number_of(what, text, low, remedy)
        if not value.is_integer():
            self.refuse(f"{what}: {text[:40]} is not a whole number", remedy)
        return int(value)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file that is written into a `UsageError`."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; make its folder, or name another") from None


def read(path: Path) -> str:
    """The text of a file, unpacked where it is gzip.

    Raises:
        DocumentError: there is no such file, or it is no text.
    """
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw.startswith(_GZIP) else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DocumentError((Problem("", f"cannot be read: {error}", "Check the path.", str(path)),)) from None


def lines(path: Path) -> Iterator[Line]:
    """The lines of a file as they are written."""
    for number, text in enumerate(read(path).splitlines(), 1):
        yield Line(path, number, text.strip())
