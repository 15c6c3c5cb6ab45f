"""Documents that stand in files of their own: `site: memphis.yaml` is read and put in place of the path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import models, source
from firstlight.spec.source import Source, Where
from firstlight.units import printed

_SECTIONS: tuple[Where, ...] = (("site",), ("demand",), ("design",))
_MODEL_KEYS = ("train", "serve", "teacher")
_MODEL_FILES = (".json", ".yaml", ".yml")
_PATH_KEYS = ("weather", "catalog")


def is_document(value: object) -> bool:
    """The text names another document."""
    return isinstance(value, str) and "\0" not in value and value.lower().endswith((".yaml", ".yml"))


def resolved(plan: Source, path: Path) -> Source:
    """A plan with the documents that it refers to in place; their values keep their own file and line.

    Args:
        plan: as it was read.
        path: of its file; references are relative to the file that they stand in.

    Files that are missing, broken or refer back to themselves become problems of the plan.
    """
    for section in _SECTIONS:
        plan, chain = _put(plan, section, (path,))
        plan = _entries(plan, section, chain) if section == ("demand",) else plan
    return plan


def demand(document: Source, path: Path) -> Source:
    """A Demand document with the Workload documents that it refers to in place; otherwise as `resolved`."""
    return _entries(document, (), (path,))


Chain = tuple[Path, ...]
"""The files that led to a place: the outermost document's first."""


def _entries(document: Source, where: Where, chain: Chain) -> Source:
    """Put the entries of a demand in place."""
    listed = document.get(where)
    for index in range(len(cast("list[Any]", listed)) if isinstance(listed, list) else 0):
        document, _ = _put(document, (*where, index), chain)
    return document


def _put(document: Source, where: Where, chain: Chain) -> tuple[Source, Chain]:
    """Put one document in place, if a path stands there; and the chain of files to what stands there then."""
    value = document.get(where)
    if not is_document(value) or not document.readable(where):
        return document, chain
    file = chain[-1].parent / value
    if any(_same(file, other) for other in chain):
        problem = document.problem(where, f"{_name(file)} refers back to itself", "Name another file.")
        return document.blame(where, (problem,), broken=True), chain
    try:
        # Paths inside the file become relative to the outermost document.
        found = rebased(source.read(file), file.parent, chain[0].parent)
    except DocumentError as error:
        return document.blame(where, tuple(_told(error, document, where, file)), broken=True), chain
    return document.graft(where, found), (*chain, file)


def _told(error: DocumentError, document: Source, where: Where, file: Path) -> Iterator[Problem]:
    """What is wrong with a file; said where it is named if it has no lines of its own."""
    for problem in error.problems:
        yield problem if problem.line else document.problem(where, f"{_name(file)}: {problem.message}", problem.remedy)


def _name(file: Path) -> str:
    return printed(str(file), 1000)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def rebased(document: Source, old: Path, new: Path) -> Source:
    """A document whose file paths were relative to the folder `old`, for use from the folder `new`."""
    if _same(old, new):
        return document
    for where in document.keys:
        value = document.get(where)
        if (path := moved(str(where[-1]), value, old, new)) != value:
            document = document.graft(where, Source(path, {}, {(): document.mark(where)}))
    return document


def moved(key: str, value: Any, old: Path, new: Path) -> Any:
    """A value as it is, or, where it is the path of a file relative to `old`, relative to `new`."""
    if not isinstance(value, str) or os.path.isabs(value) or not _is_path(key, value, old):
        return value
    return os.path.relpath(Path(os.path.realpath(old)) / value, os.path.realpath(new))


def _is_path(key: str, value: str, folder: Path) -> bool:
    """Weather and catalogue are files; a model is one where it looks so or such a file or folder is there."""
    if key in _PATH_KEYS:
        return True
    return key in _MODEL_KEYS and (
        value.lower().endswith(_MODEL_FILES) or (os.path.exists(folder / value) and not _shipped(value))
    )


def _shipped(name: str) -> bool:
    """firstlight comes with a model of this name, which wins over a file."""
    try:
        models.find(name, Path(os.devnull))
    except (UsageError, DocumentError):
        return False
    return True
