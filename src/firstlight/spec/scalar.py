"""Plain (unquoted) words of YAML, as YAML 1.2 reads them: no sexagesimals, no "on" and "off" that turn into booleans.

Everything that is not an empty value, a number or an ISO date stays text, also `true`: a field that wants a boolean
understands the text, and a field that wants a number refuses it.
"""

from __future__ import annotations

import datetime as dt
import re

_EMPTY = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_BASED = re.compile(r"0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST = 100

Scalar = str | int | float | dt.date | None


def read(text: str) -> Scalar:
    """The value of a plain word: None, an integer, a float, a date, or the text itself."""
    if text in _EMPTY:
        return None
    if len(text) > _LONGEST or not (text[0] in "+-." or text[0].isdigit()):
        return text
    if special := _SPECIAL.fullmatch(text):
        return float("nan") if special[1] is None else float(f"{special[1]}inf")
    return _number(text)


def _number(text: str) -> Scalar:
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(text):
        return int(digits)
    if _BASED.fullmatch(text):
        return int(digits, 0) if len(digits) > 2 else text
    if _FLOAT.fullmatch(text):
        return float(digits)
    return _date(text) if _DATE.fullmatch(text) else text


def _date(text: str) -> Scalar:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text
