"""JSON Schema of the documents (draft 2020-12), for editors: completion, help, and a first check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec import assumptions, catalog, models, near
from firstlight.spec import parts as kinds
from firstlight.spec.load import KINDS, TYPES
from firstlight.spec.parts import Part

Schema = dict[str, Any]

_REFERENCE = r"\.([yY][aA]?[mM][lL])$"
_IDS: Mapping[tuple[str, str], type[Part]] = {
    ("Design", "system"): kinds.System,
    ("FabricDesign", "switch"): kinds.Switch,
    ("FabricDesign", "spine_switch"): kinds.Switch,
    ("PowerDesign", "ups"): kinds.Ups,
    ("PowerDesign", "transformer"): kinds.Transformer,
    ("PowerDesign", "generator"): kinds.Generator,
    ("PowerDesign", "battery"): kinds.Battery,
    ("CoolingDesign", "cdu"): kinds.Cdu,
}
"""Fields that hold part ids, by class and name."""
_PROVENANCE = {"kind", "id", "name", "aliases", "vendor", "source", "standing", "note"}
_BASED_ON = "Id of a part of the catalogue: all that is not written here is taken from it."


def schema(document: str) -> Schema:
    """The JSON Schema of a document.

    Args:
        document: plan, site, demand, workload, design or catalog.

    Raises:
        UsageError: there is no such document.
    """
    if document not in KINDS:
        raise UsageError(f'there is no document "{document}"; {near.hint(document, KINDS, "see --help")}')
    body = TypeAdapter(TYPES[document]).json_schema()
    classes = _classes(body)
    _name_parts(classes)
    _name_models(classes)
    _refer(document, body)
    if document == "plan":
        body["properties"]["assumptions"] |= _assumptions()
    if document == "catalog":
        _lay_over(classes)
    title = f"firstlight {document}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_pruned(body), "title": title}


_LITERAL = ("examples", "enum", "const", "default", "required")


def _pruned(place: Any) -> Any:
    """A schema without what only clutters an editor's lists: made-up titles, and null for what is left out."""
    if isinstance(place, list):
        return [_pruned(entry) for entry in cast("list[Any]", place) if entry != {"type": "null"}]
    if not isinstance(place, dict):
        return place
    kept: Schema = {}
    for key, value in cast("Schema", place).items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _pruned(below) for name, below in value.items()}
        elif key != "title" and not (key == "default" and (value is None or isinstance(value, dict))):
            kept[key] = value if key in _LITERAL else _pruned(value)
    one = kept.get("anyOf", ())
    return {**one[0], **{k: v for k, v in kept.items() if k != "anyOf"}} if len(one) == 1 else kept


def _classes(body: Schema) -> dict[str, Schema]:
    """The mappings of a schema by the name of their class, the outermost included."""
    return {**body.get("$defs", {}), **({body["title"]: body} if "title" in body else {})}


def _name_parts(classes: dict[str, Schema]) -> None:
    """Offer the ids of the catalogue where a part is named."""
    shipped = catalog.shipped()
    for (name, key), kind in _IDS.items():
        if name in classes:
            none = ["none"] if classes[name]["properties"][key].get("examples") == ["none"] else []
            ids = [part.id for part in shipped.parts(kind)]
            classes[name]["properties"][key]["examples"] = [*none, *ids]


def _name_models(classes: dict[str, Schema]) -> None:
    for name, key in (("Training", "train"), ("Training", "teacher"), ("Serving", "serve")):
        if name in classes:
            classes[name]["properties"][key]["examples"] = list(models.ids())


def _refer(document: str, body: Schema) -> None:
    """Allow a path of another document where loading allows it."""
    if document == "plan":
        places = body["properties"]
        places["demand"]["items"] = _or_path(places["demand"]["items"], "workload")
        for name in ("site", "demand", "design"):
            places[name] = _or_path(places[name], name)
    elif document == "demand":
        body["items"] = _or_path(body["items"], "workload")


def _or_path(place: Schema, name: str) -> Schema:
    told = {key: place.pop(key) for key in ("description", "title", "default") if key in place}
    help_text = f"Path of a {name.capitalize()} document, relative to this one."
    path = {"type": "string", "pattern": _REFERENCE, "examples": [f"{name}.yaml"], "description": help_text}
    return {**told, "anyOf": [place, path]}


def _assumptions() -> Schema:
    """Every assumption by name, with its value and what it rests on."""
    return {
        "additionalProperties": False,
        "properties": {
            name: {
                "description": f"firstlight comes with {entry.text} ({entry.standing}: {entry.source})",
                "anyOf": _quantity(entry.dimension),
            }
            for name, entry in sorted(assumptions.shipped().items())
        },
    }


def _quantity(dimension: str) -> list[Schema]:
    kind = units.DIMENSIONS[dimension]
    text: Schema = {"type": "string", "pattern": units.pattern(dimension), "examples": [kind.example]}
    return [text, {"type": "number"}] if kind.bare else [text]


def _lay_over(classes: dict[str, Schema]) -> None:
    """A part may leave out what the shipped part has; each number may be a mapping with its own source and standing."""
    provenance = classes["Provenance"]["properties"]
    for body in classes.values():
        places = cast("dict[str, Schema]", body.get("properties", {}))
        if "facts" in places:
            del places["facts"]
            for name in places.keys() - _PROVENANCE:
                places[name] = _or_fact(places[name], provenance)
            places["based_on"] = {"type": "string", "description": _BASED_ON}
            body["required"] = ["kind", "id"]


def _or_fact(place: Schema, provenance: Schema) -> Schema:
    told = {key: place.pop(key) for key in ("description", "title", "default") if key in place}
    properties = {"value": place, **provenance}
    fact: Schema = {"type": "object", "properties": properties, "required": ["value"], "additionalProperties": False}
    return {**told, "anyOf": [place, fact]}
