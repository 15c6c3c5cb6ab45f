"""What a document may hold at each place, read from the field types of its class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import isclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from firstlight.spec.quantity import Count, Day, Quantity
from firstlight.spec.source import Where


def alternatives(kind: Any) -> Iterator[Any]:
    """The members of a union, one by one, without None and without the marks of `Annotated`."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from alternatives(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for member in get_args(kind):
            yield from alternatives(member)
    elif kind is not NoneType:
        yield kind


def marks(kind: Any) -> Iterator[Any]:
    """What `Annotated` says about a type or the members of a union: quantities, bounds."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *said = get_args(kind)
        for mark in said:
            yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
        yield from marks(inner)
    elif origin in (Union, UnionType):
        for member in get_args(kind):
            yield from marks(member)


def model(kind: Any, value: object) -> type[BaseModel] | None:
    """The class of a mapping: the one that it names, or that shares most keys with it; None where there is none."""
    classes = [each for each in alternatives(kind) if isclass(each) and issubclass(each, BaseModel)]
    keys = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return max(classes, key=lambda each: _likeness(each, keys), default=None)


def keys(kind: Any) -> set[str]:
    """All keys that a mapping of this type can have."""
    classes = [each for each in alternatives(kind) if isclass(each) and issubclass(each, BaseModel)]
    return {key for each in classes for key in each.model_fields}


def _likeness(kind: type[BaseModel], keys: Mapping[str, Any]) -> int:
    named = kind.model_fields.get("kind")
    same = named is not None and "kind" in keys and keys["kind"] in get_args(named.annotation)
    return 1000 * same + len(keys & kind.model_fields.keys())


def inside(kind: Any, step: str | int, value: object) -> Any:
    """The type one step further in, None where nothing is known of it."""
    if isinstance(step, int):
        lists = [each for each in alternatives(kind) if get_origin(each) is tuple]
        return get_args(lists[0])[0] if lists else None
    if found := model(kind, value):
        field = found.model_fields.get(step)
        return field.rebuild_annotation() if field else None
    mappings = [each for each in alternatives(kind) if get_origin(each) is dict]
    return get_args(mappings[0])[1] if mappings else None


def at(kind: Any, where: Where, value: Any) -> Any:
    """The type at the end of a way through a document's plain value, None where nothing is known of it."""
    for step in where:
        kind = inside(kind, step, value)
        held = (isinstance(value, dict) and step in value) or (isinstance(value, list) and isinstance(step, int))
        value = cast("Any", value)[step] if held else None
    return kind


def field(kind: Any, where: Where, value: Any) -> FieldInfo | None:
    """The field at the end of a way; None for entries of lists and of free mappings."""
    for index, step in enumerate(where):
        if isinstance(step, int) or index < len(where) - 1:
            kind = inside(kind, step, value)
            value = value[step]
        else:
            found = model(kind, value)
            return found.model_fields.get(step) if found else None
    return None


def example(kind: Any, info: FieldInfo | None) -> str:
    """What a user would write for a field, as YAML on one line."""
    if info and info.examples:
        given: Any = info.examples[0]
        if not isinstance(given, dict):
            return str(given)
        return "{" + ", ".join(f"{k}: {v}" for k, v in cast("dict[str, str]", given).items()) + "}"
    for mark in marks(kind):
        if isinstance(mark, Quantity | Count):
            return mark.example
        if isinstance(mark, Day):
            return "2027-03-01"
    return next((text for each in alternatives(kind) if (text := _plain_example(each, kind))), "...")


def _plain_example(member: Any, kind: Any) -> str:
    if get_origin(member) is Literal:
        return str(get_args(member)[0])
    if get_origin(member) is tuple:
        inside = get_args(member)[0]
        return f"[{', '.join(choices(inside)) or example(inside, None)}]"
    if isclass(member) and issubclass(member, BaseModel):
        needed = {key: info for key, info in member.model_fields.items() if info.is_required()}
        entries = (f"{key}: {_quoted(example(info.rebuild_annotation(), info))}" for key, info in needed.items())
        return "{" + ", ".join(entries) + "}" if needed else ""
    if member is bool:
        return "true"
    low, _ = bounds(kind)
    return "" if member not in (int, float) else str(low if low is not None else 1)


def _quoted(text: str) -> str:
    return f'"{text}"' if ", " in text and text[0] not in "[{" else text


def choices(kind: Any) -> tuple[str, ...]:
    """The words that a field can take, where it is one of a few."""
    return tuple(str(w) for each in alternatives(kind) if get_origin(each) is Literal for w in get_args(each))


def bounds(kind: Any) -> tuple[Any, Any]:
    """The least and the greatest value of a number, or least and greatest length; None where there is none."""
    found: dict[str, Any] = {}
    for mark in marks(kind):
        for name in ("ge", "le", "min_length", "max_length"):
            if (bound := getattr(mark, name, None)) is not None:
                found[name] = bound
    return found.get("ge", found.get("min_length")), found.get("le", found.get("max_length"))


def homes(kind: Any, name: str, where: str = "") -> Iterator[str]:
    """The places inside a document where a key of this name belongs."""
    for each in alternatives(kind):
        if get_origin(each) is tuple:
            yield from homes(get_args(each)[0], name, where)
        elif isclass(each) and issubclass(each, BaseModel):
            if where and name in each.model_fields:
                yield where
            for key, below in each.model_fields.items():
                yield from homes(below.rebuild_annotation(), name, f"{where}.{key}".removeprefix("."))
