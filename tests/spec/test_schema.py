"""The JSON Schemas: valid themselves, agreeing with what loading says, and understood by an editor."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from firstlight.errors import UsageError
from firstlight.spec import source
from firstlight.spec.load import KINDS
from firstlight.spec.schema import schema

from . import language_server

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def as_editors_read(path: Path) -> object:
    """The plain values; dates are texts to a schema."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))


def errors(document: object, kind: str = "plan") -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema(kind)).iter_errors(document)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_a_schema(kind):
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_schema(path):
    assert not errors(as_editors_read(path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("150 MW", "150 MB"),
        ("150 MW", "150"),
        ("floor:", "flor:"),
        ("60 days", "60 eggs"),
        ("[liquid, air]", "[liqid]"),
        ("rail-optimised", "rail"),
        ("100_000", "-5"),
        ("100_000", "lots"),
        ("prompt: 4000", "prompt: 0"),
        ("122 days", "tomorrow"),
        ("name: colossus", "name: ''"),
    ],
)
def test_the_schema_refuses_what_loading_refuses(old, new):
    text = (Path(__file__).parent / "documents" / "colossus.yaml").read_text()
    assert not errors(source.parse(text).value)
    assert errors(source.parse(text.replace(old, new)).value)


def test_other_documents_may_be_named():
    assert not errors({"name": "x", "site": "site.yaml", "demand": ["a.yaml", "b.yml"], "design": "design.yaml"})
    assert errors({"name": "x", "site": "site.txt", "demand": "demand.yaml"})


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"catalog"}))  # of parts, names and patterns say enough
def test_every_field_is_explained(kind):
    whole = schema(kind)
    for name, body in {kind: whole, **whole.get("$defs", {})}.items():
        for key, field in body.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"


PARTS = [
    {"kind": "switch", "id": "nvidia-sn5600", "price": {"value": "31000 USD", "source": "quote", "standing": "vendor"}},
    {"kind": "accelerator", "id": "acme-x1", "based_on": "nvidia-h200-sxm", "name": "Acme X1", "memory": "192 GB"},
]


def test_parts_may_leave_out_what_a_shipped_part_has():
    assert not errors(PARTS, "catalog")
    assert errors([{**PARTS[0], "prise": "1 USD"}], "catalog")
    assert errors([{**PARTS[0], "price": "1 MW"}], "catalog")
    assert errors([{"kind": "swich", "id": "x"}], "catalog")


def test_the_shipped_catalogue_fits_its_schema():
    folder = resources.files("firstlight.data") / "catalog"
    for file in folder.iterdir():
        assert not errors(as_editors_read(Path(str(file))), "catalog"), file.name


def test_part_ids_and_models_are_offered():
    classes = schema("plan")["$defs"]
    assert "hgx-h100" in classes["Design"]["properties"]["system"]["examples"]
    assert "none" in classes["PowerDesign"]["properties"]["ups"]["examples"]
    assert "deepseek-r1" in classes["Serving"]["properties"]["serve"]["examples"]


def test_assumptions_are_offered_by_name():
    places = schema("plan")["properties"]["assumptions"]
    assert not places["additionalProperties"]
    assert "firstlight comes with" in places["properties"]["economics.energy_price"]["description"]


def test_nothing_offers_null():
    assert "null" not in json.dumps(schema("plan"))


def test_unknown_document_is_refused():
    with pytest.raises(UsageError, match='there is no document "plam"; Did you mean "plan"'):
        schema("plam")


PLAN = """\
# yaml-language-server: $schema=plan.schema.json
name: editor
site:
  place: Memphis, Tennessee
  power: 150 MB
  floor: 70000 m2
  
demand:
  - train: llama-3.1-405b
    tokens: 15T
    precision: 
design:
  system: 
  fabric: {kind: rail-only}
"""  # noqa: W291, W293


@pytest.mark.skipif(not language_server.COMMAND, reason="yaml-language-server is not installed")
def test_an_editor_completes_checks_and_explains(tmp_path):
    (tmp_path / "plan.schema.json").write_text(json.dumps(schema("plan")))
    (tmp_path / "plan.yaml").write_text(PLAN)
    assert yaml.safe_load(PLAN)
    with language_server.Editor(tmp_path / "plan.yaml") as editor:
        underlined = {found["range"]["start"]["line"] for found in editor.diagnostics()}
        assert 4 in underlined
        assert not {1, 3, 5, 9, 13} & underlined
        assert {"cooling", "halls", "weather"} <= set(editor.complete(6, 2))
        assert {"bf16", "fp8"} <= set(editor.complete(10, 15))
        assert {"hgx-h100", "gb200-nvl72"} <= set(editor.complete(12, 10))
        assert "What the utility delivers" in editor.hover(4, 4)
