"""Documents that stand in files of their own: `site: memphis.yaml` is read and put in place of the path."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from firstlight.errors import DocumentError, Problem
from firstlight.spec import source
from firstlight.spec.source import Source, Where

_SECTIONS: tuple[Where, ...] = (("site",), ("demand",), ("design",))
_MODEL_KEYS = ("train", "serve")
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

    Raises:
        DocumentError: files that are missing, broken or refer back to themselves; all together.
    """
    work = _Work(path)
    for section in _SECTIONS:
        plan = work.put(plan, section, (path,))
    if work.problems:
        raise DocumentError(tuple(work.problems))
    return plan


def demand(document: Source, path: Path) -> Source:
    """A Demand document with the Workload documents that it refers to in place.

    Raises:
        DocumentError: as `resolved`.
    """
    work = _Work(path)
    document = work.entries(document, (), (path,))
    if work.problems:
        raise DocumentError(tuple(work.problems))
    return document


@dataclass
class _Work:
    """Puts documents in place and gathers the problems.

    Attributes:
        path: of the document that everything is put into.
    """

    path: Path
    problems: list[Problem] = field(default_factory=list[Problem])

    def put(self, document: Source, where: Where, chain: tuple[Path, ...]) -> Source:
        """Put one section in place (and the entries of a demand)."""
        value = document.get(where)
        if is_document(value):
            file = chain[-1].parent / value
            found = self.read(document, where, file, chain)
            if found is None:
                return document
            chain = (*chain, file)
            document = document.graft(where, found)
        return self.entries(document, where, chain) if where[-1:] == ("demand",) else document

    def entries(self, document: Source, where: Where, chain: tuple[Path, ...]) -> Source:
        """Put the entries of a demand in place."""
        listed = document.get(where)
        for index, entry in enumerate(cast("list[Any]", listed) if isinstance(listed, list) else []):
            if is_document(entry):
                found = self.read(document, (*where, index), chain[-1].parent / entry, chain)
                document = document.graft((*where, index), found) if found else document
        return document

    def read(self, document: Source, where: Where, file: Path, chain: tuple[Path, ...]) -> Source | None:
        """Read one document; paths inside it become relative to the outermost one."""
        if any(_same(file, other) for other in chain):
            self.problems.append(document.problem(where, f'"{file}" refers back to itself', "Name another file."))
            return None
        try:
            return rebased(source.read(file), file.parent, self.path.parent)
        except DocumentError as error:
            if any(not problem.line for problem in error.problems):
                told = error.problems[0]
                self.problems.append(document.problem(where, f'"{file}": {told.message}', told.remedy))
            else:
                self.problems += error.problems
            return None


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
    return os.path.relpath(old / value, new)


def _is_path(key: str, value: str, folder: Path) -> bool:
    """Weather and catalogue are files; a model is one where it looks so or such a file or folder is there."""
    named = value.lower().endswith(_MODEL_FILES) or os.path.exists(folder / value)
    return key in _PATH_KEYS or (key in _MODEL_KEYS and named)
