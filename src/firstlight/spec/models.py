"""The models that firstlight knows: found by id or alias in the index, or read from a file of the user's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

from firstlight import units
from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import huggingface, json_source, near, parameters, source, towers
from firstlight.spec.model import Attention, Experts, LatentAttention, Model

_ENDINGS = (".json", ".yaml", ".yml")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Entry:
    """One line of the index.

    Attributes:
        id, name, aliases: as in `Model`.
        file: of the architecture, beside the index.
        published, published_active: parameter counts that the makers state; None where they state none.
        source: where shapes and counts are from.
        standing: published; estimate where part of the shapes is not stated and no published count confirms them.
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
    raise _unknown(name, path)


def _unknown(name: str, path: Path) -> UsageError:
    close = list(dict.fromkeys(_names()[each] for each in near.nearest(name, _names(), 3)))
    hint = f"did you mean {' or '.join(close)}?" if close else "`firstlight catalog list models` lists them."
    looks = name.lower().endswith(_ENDINGS)
    what = f"no such file: {units.printed(str(path), 1000)}" if looks else f"unknown model {units.printed(name)}"
    return UsageError(f"{what}; {hint} The path of a Hugging Face config.json will do too.")


def facts(model: Model, bytes_per_value: float = 2.0) -> dict[str, str | float | None]:
    """What one wants to know of a model at a glance, by name; the widths are those of the tower that decodes.

    Args:
        model: shipped or the user's.
        bytes_per_value: of the key-value cache: 2 for BF16, 1 for FP8 [B].

    Returns:
        id, name, kind, parameters, active_parameters, published and published_active (None: not stated), layers,
        hidden, heads, kv_heads (None: no attention has any), experts, active_experts (None: no mixture), vocabulary,
        context [tokens], cache_bytes_per_token (mean over the longest sequence) and state_bytes [B], aliases, source,
        standing ("" of the user's own).
    """
    blocks = model.main.blocks
    mixers = [block.mixer for block in blocks if isinstance(block.mixer, Attention | LatentAttention)]
    experts = [block.feed_forward for block in blocks if isinstance(block.feed_forward, Experts)]
    return {
        "id": model.id,
        "name": model.name,
        "kind": model.kind,
        "parameters": parameters.parameters(model),
        "active_parameters": parameters.active_parameters(model),
        "published": model.published,
        "published_active": model.published_active,
        "layers": sum(block.count for block in blocks),
        "hidden": model.main.hidden,
        "heads": mixers[0].heads if mixers else None,
        "kv_heads": next((mixer.kv_heads for mixer in mixers if isinstance(mixer, Attention)), None),
        "experts": experts[0].count if experts else None,
        "active_experts": experts[0].active if experts else None,
        "vocabulary": model.main.vocabulary,
        "context": model.context,
        "cache_bytes_per_token": float(parameters.cache_bytes_per_token(model, bytes_per_value, float(model.context))),
        "state_bytes": parameters.state_bytes(model),
        "aliases": ", ".join(model.aliases),
        "source": model.source,
        "standing": _index()[model.id].standing if model.id in _index() else "",
    }


def summary() -> tuple[dict[str, str | float | None], ...]:
    """One row of `facts` per shipped model, by id."""
    return tuple(facts(_shipped(id)) for id in ids())


def entry(id: str) -> Entry:
    """The index's line for this id."""
    return _index()[id]


@cache
def _index() -> dict[str, Entry]:
    raw = json.loads((resources.files("firstlight.data") / "models" / "index.json").read_text("utf-8"))
    return {line["id"]: replace(Entry(**line), aliases=tuple(line.get("aliases", ()))) for line in raw}


@cache
def _names() -> dict[str, str]:
    """Every id, name and alias in small letters, to its id; an id wins over an alias of the same letters.

    Of a Hugging Face path the part without its owner will do.
    """
    lines = _index().values()
    aliases = {name.lower(): line.id for line in lines for name in (line.name, *line.aliases)}
    tails = {name.rpartition("/")[2]: id for name, id in aliases.items()}
    return {**tails, **aliases, **{line.id: line.id for line in lines}}


@cache
def _shipped(id: str) -> Model:
    line = _index()[id]
    text = (resources.files("firstlight.data") / "models" / line.file).read_text("utf-8")
    return replace(
        _read(json.loads(text), id, line.source),
        name=line.name,
        aliases=line.aliases,
        published=line.published,
        published_active=line.published_active,
    )


def _file(path: Path, name: str) -> Model:
    """The model in a file of the user's, whose problems carry file, line and column."""
    document = _document(path)
    value: object = document.value
    if not isinstance(value, dict):
        remedy = "It must be a Hugging Face config.json or a file of towers."
        raise DocumentError((document.problem((), "this is not a mapping", remedy),))
    try:
        return _read(cast("dict[str, Any]", value), name, str(path))
    except DocumentError as error:
        raise DocumentError(tuple(_placed(problem, document) for problem in error.problems)) from None


def _document(path: Path) -> source.Source:
    """The file's values with their places; in YAML the words true and false are what they say."""
    text = source.content(path)
    if path.suffix.lower() == ".json":
        return json_source.parse(text, str(path))
    document = source.parse(text, str(path))
    if document.wrong:
        raise DocumentError(tuple(document.wrong))
    return replace(document, value=_worded(document.value))


def _worded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _worded(below) for key, below in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_worded(below) for below in cast("list[Any]", value)]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _read(document: Mapping[str, Any], id: str, origin: str) -> Model:
    reader = towers.read if "towers" in document else huggingface.read
    return reader(document, id, origin)


def _placed(problem: Problem, document: source.Source) -> Problem:
    """The problem with file, line and column of its key; of the mapping around it, where the key is missing."""
    way = tuple(int(index) if index else key for index, key in _STEP.findall(problem.where))
    mark = document.mark(way, key=True)
    return mark.problem(units.printed(problem.where, 200)[1:-1], problem.message, problem.remedy)
