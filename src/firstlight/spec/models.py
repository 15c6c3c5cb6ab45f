"""The models that firstlight knows: found by id or alias in the index, or read from a file of the user's."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import huggingface, parameters, towers
from firstlight.spec.model import Model

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LARGEST = 16 * 2**20
_ENDINGS = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class Entry:
    """One line of the index.

    Attributes:
        id, name, aliases: as in `Model`.
        file: of the architecture, beside the index.
        published, published_active: parameter counts that the makers state; None where they state none.
        source: where shapes and counts are from.
        standing: published; estimate where the shapes are from memory and only the count confirms them.
    """

    id: str
    name: str
    file: str
    source: str
    standing: str = "published"
    aliases: tuple[str, ...] = ()
    published: float | None = None
    published_active: float | None = None


def ids() -> tuple[str, ...]:
    """The ids of all models, sorted."""
    return tuple(sorted(_index()))


def find(name: str, base: Path | None = None) -> Model:
    """The model with this id or alias, whatever the case, or the one in this file.

    Args:
        name: an id or alias; or the path of a Hugging Face config.json, of its folder, or of a file of towers.
        base: folder that a path is relative to; None is the working folder.

    Raises:
        UsageError: nothing has this name; names the nearest ones.
        DocumentError: the file is not one that firstlight can read.
    """
    id = _names().get(name.lower())
    if id is not None:
        return _shipped(id)
    path = (base or Path()) / name
    try:
        path = path / "config.json" if path.is_dir() else path
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if found:
        return _file(path, name)
    close = list(dict.fromkeys(_names()[near] for near in difflib.get_close_matches(name.lower(), _names(), 3)))
    hint = f"did you mean {' or '.join(close)}?" if close else "`firstlight catalog list models` lists them"
    what = f'no file "{path}"' if name.endswith(_ENDINGS) else f'unknown model "{name}"'
    raise UsageError(f"{what}; {hint} A path of a Hugging Face config.json will do too.")


def summary() -> tuple[dict[str, str | float | None], ...]:
    """One row per model: id, name, what its tokens are, parameters in all and per token, longest sequence, source."""
    models = [_shipped(id) for id in ids()]
    return tuple(
        {
            "id": model.id,
            "name": model.name,
            "kind": model.kind,
            "parameters": parameters.parameters(model),
            "active_parameters": parameters.active_parameters(model),
            "context": model.context,
            "aliases": ", ".join(model.aliases),
            "source": model.source,
        }
        for model in models
    )


def entry(id: str) -> Entry:
    """The index's line for this id."""
    return _index()[id]


@cache
def _index() -> dict[str, Entry]:
    raw = json.loads((resources.files("firstlight.data") / "models" / "index.json").read_text("utf-8"))
    return {line["id"]: Entry(**{**line, "aliases": tuple(line.get("aliases", ()))}) for line in raw}


@cache
def _names() -> dict[str, str]:
    """Every id, name and alias in small letters, to its id; an id wins over an alias of the same letters."""
    lines = _index().values()
    aliases = {name.lower(): line.id for line in lines for name in (line.name, *line.aliases)}
    return {**aliases, **{line.id: line.id for line in lines}}


@cache
def _shipped(id: str) -> Model:
    line = _index()[id]
    text = (resources.files("firstlight.data") / "models" / line.file).read_text("utf-8")
    model = _read(_parse(text, line.file), id, line.source)
    return replace(
        model,
        name=line.name,
        aliases=line.aliases,
        published=line.published,
        published_active=line.published_active,
    )


def _file(path: Path, name: str) -> Model:
    """The model in a file of the user's, whose problems carry file and line."""
    try:
        size = path.stat().st_size
        text = path.read_text("utf-8") if size <= _LARGEST else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError((Problem("", f"cannot be read as text: {error}", file=str(path)),)) from None
    if size > _LARGEST:
        raise DocumentError((Problem("", f"has {size} bytes", "A config.json has a few thousand.", file=str(path)),))
    try:
        return _read(_parse(text, str(path)), name, str(path))
    except DocumentError as error:
        raise DocumentError(tuple(_placed(problem, text, str(path)) for problem in error.problems)) from None


def _parse(text: str, file: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text) if file.endswith(".json") else yaml.load(text, Loader=_LOADER)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise DocumentError((Problem("", f"is neither JSON nor YAML: {first}", file=file),)) from None
    if not isinstance(value, Mapping):
        raise DocumentError((Problem("", "is not a mapping", "It must be a config.json or a file of towers.", file),))
    return cast("Mapping[str, Any]", value)


def _read(document: Mapping[str, Any], id: str, source: str) -> Model:
    reader = towers.read if "towers" in document else huggingface.read
    return reader(document, id, source)


def _placed(problem: Problem, text: str, file: str) -> Problem:
    """The problem with file, line and column of its key, where the text has the key."""
    key = problem.where.rpartition(".")[2]
    for number, line in enumerate(text.splitlines(), 1):
        column = line.find(f'"{key}"') + 1 or line.find(f"{key}:") + 1
        if key and column:
            return replace(problem, file=file, line=number, column=column, source=line[:200])
    return replace(problem, file=file)
