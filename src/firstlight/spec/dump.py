"""A plan as YAML text that reads back as the same plan: readable units, nothing that is a default anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml

from firstlight.spec import scalar
from firstlight.spec.plan import Plan
from firstlight.spec.references import moved


class _Dumper(yaml.SafeDumper):
    """Writes lists of words on one line, and quotes each text that would be read back as something else."""


def _text(dumper: Any, text: str) -> Any:
    style = None if isinstance(scalar.read(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: Any, entries: list[Any]) -> Any:
    words = not any(isinstance(entry, dict | list) for entry in entries)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", entries, flow_style=words)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def dump(plan: Plan, *, base: Path | None = None, to: Path | None = None) -> str:
    """The YAML text of a plan.

    Args:
        plan: any valid plan.
        base: folder that the paths in the plan (weather, catalogue, models) are relative to.
        to: folder that the text will be put in; the paths are rewritten for it. Both or neither are given.
    """
    values: dict[str, Any] = plan.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    for name in ("start", "ready_by"):
        day = getattr(plan, name)
        if name in values and not isinstance(day, float):
            values[name] = day  # a date, which YAML has; not its text
    if base is not None and to is not None:
        values = _moved(values, base, to)
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _moved(value: Any, old: Path, new: Path, key: str = "") -> Any:
    """The values, with the paths among them rewritten."""
    if isinstance(value, dict):
        return {k: _moved(v, old, new, k) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_moved(entry, old, new) for entry in cast("list[Any]", value)]
    return moved(key, value, old, new)
