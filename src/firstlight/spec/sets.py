"""`--set path=value`: change one value of a document for one run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_origin

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import near, shape, source
from firstlight.spec.source import Source, Where, dotted

_STEP = re.compile(r"\[(\d{1,6})\]|(?:^|\.)([^.\[\]]+)")


def applied(document: Source, kind: Any, sets: Mapping[str, str]) -> Source:
    """The document with values replaced, in order.

    Args:
        document: as it was read.
        kind: the document's type, which says what the paths may be.
        sets: value (as YAML) by dotted path ("demand[0].tokens").

    Paths that do not exist and values that are not YAML become problems of the document.
    """
    for path, text in sets.items():
        try:
            document = document.graft(_way(path, kind, document), source.parse(text or "~", f"--set {path}"))
        except UsageError as error:
            message, _, remedy = str(error).partition("; ")
            document = document.blame((), (Problem(path, message, remedy, f"--set {path}"),))
        except DocumentError as error:
            document = document.blame((), error.problems)
    return document


def _way(path: str, kind: Any, document: Source) -> Where:
    """The way that a dotted path means."""
    steps = list(_STEP.finditer(path))
    if not steps or "".join(match[0] for match in steps) != path:
        raise UsageError("this is no path; Write names with dots and indices, such as demand[0].tokens")
    way: Where = ()
    value = document.value
    for index, match in enumerate(steps):
        if _free(kind):
            # A mapping with keys of its own, such as the assumptions: the rest of the path is one key, dots and all.
            return (*way, path[match.start() :].lstrip("."))
        step = _index(match[1], way, value) if match[1] else _key(match[2], way, kind, value)
        kind = shape.inside(kind, step, value)
        way = (*way, step)
        value = document.get(way)
        if kind is None and index < len(steps) - 1:
            raise UsageError(f"{dotted(way)} has nothing inside; Set {dotted(way)} itself")
    return way


def _free(kind: Any) -> bool:
    return any(get_origin(each) is dict for each in shape.alternatives(kind))


def _index(digits: str, way: Where, value: Any) -> int:
    if not isinstance(value, list):
        raise UsageError(f"{dotted(way)} is not a list in this document; Set {dotted(way)} as a whole")
    size = len(cast("list[Any]", value))
    if int(digits) >= size:
        raise UsageError(f"{dotted(way)} has no entry [{digits}]; Its entries are [0] to [{size - 1}]")
    return int(digits)


def _key(name: str, way: Where, kind: Any, value: Any) -> str:
    owner = shape.model(kind, value)
    known = list(owner.model_fields) if owner else []
    if name not in known:
        inside = f" inside {dotted(way)}" if way else ""
        otherwise = f"Known there: {', '.join(known)}" if known else f"Set {dotted(way)} as a whole"
        raise UsageError(f'there is no "{name}"{inside}; {near.hint(name, known, otherwise)}')
    if value is not None and not isinstance(value, dict):
        place = dotted(way) or "the document"
        raise UsageError(f"{place} is no mapping; Set {place} as a whole")
    return name
