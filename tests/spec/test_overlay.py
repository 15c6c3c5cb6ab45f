"""A Catalog document of the user's, laid over the shipped parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight.errors import DocumentError, UsageError
from firstlight.spec import catalog
from firstlight.spec.catalog import KINDS, Catalog
from firstlight.spec.load import kind_of, load_document
from firstlight.spec.parts import Accelerator, Part, Provenance, Switch, System

Lay = Callable[[str], Catalog]
SHIPPED = catalog.shipped()


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    def run(text: str) -> Catalog:
        (tmp_path / "my-parts.yaml").write_text(text, "utf-8")
        return catalog.load(tmp_path / "my-parts.yaml")

    return run


def told(part: Part, field: str) -> tuple[str, str, str]:
    found = part.provenance(field)
    return found.source, found.standing, found.note


def test_without_a_document_it_is_the_shipped_one():
    assert catalog.load(None) is SHIPPED
    assert [part.id for part in SHIPPED] == sorted(part.id for part in SHIPPED)
    assert len(SHIPPED) == sum(len(SHIPPED.parts(kind)) for kind in KINDS.values())
    assert repr(SHIPPED) == f"Catalog({len(SHIPPED)} parts)"


def test_only_what_is_written_of_a_shipped_part_changes(lay):
    found = lay(
        "- kind: switch\n  id: nvidia-sn5600\n  power: 1 kW\n"
        "  price: {value: 31000 USD, source: our quote of May, standing: vendor, note: for ten}\n"
    )
    old, new = SHIPPED.part(Switch, "nvidia-sn5600"), found.part(Switch, "nvidia-sn5600")
    assert (new.price, new.power) == (31000, 1000)
    assert told(new, "price") == ("our quote of May", "vendor", "for ten")
    assert told(new, "power") == ("my-parts.yaml", "user", "")
    for field in type(new).model_fields.keys() - {"price", "power", "facts"}:
        assert getattr(new, field) == getattr(old, field)
        assert new.provenance(field) == old.provenance(field)
    assert len(found) == len(SHIPPED)
    assert SHIPPED.part(Switch, "nvidia-sn5600") == old


def test_a_source_beside_the_entry_is_that_of_what_the_entry_writes(lay):
    text = "- {kind: switch, id: nvidia-sn5600, source: our bench, standing: measured, note: warm, power: 1 kW}\n"
    old, new = SHIPPED.part(Switch, "nvidia-sn5600"), lay(text).part(Switch, "nvidia-sn5600")
    assert told(new, "power") == ("our bench", "measured", "warm")
    assert new.provenance("latency") == old.provenance("latency")
    assert new.provenance("ports") == old.provenance("ports")


def test_a_new_part_takes_the_rest_from_the_one_it_is_based_on(lay):
    found = lay("- {kind: accelerator, id: acme-x1, based_on: H200, name: Acme X1, memory: 192 GB}\n")
    old, new = SHIPPED.part(Accelerator, "nvidia-h200-sxm"), found.part(Accelerator, "Acme X1")
    assert (new.id, new.memory, new.bf16, new.vendor) == ("acme-x1", 192e9, old.bf16, old.vendor)
    assert new.aliases == ()
    assert told(new, "memory") == ("my-parts.yaml", "user", "")
    assert new.provenance("tdp") == old.provenance("tdp")
    assert new.provenance("matmul") == old.provenance("matmul")
    assert found.part(Accelerator, "h200") == old
    assert len(found) == len(SHIPPED) + 1


def test_entries_may_build_on_those_above_and_name_those_below(lay):
    found = lay(
        "- {kind: system, id: acme-8, based_on: hgx-h200, accelerator: ACME-x2, host: intel-xeon-8480c}\n"
        "- {kind: accelerator, id: acme-x1, based_on: h200, memory: 192 GB}\n"
        "- {kind: accelerator, id: acme-x2, based_on: acme-x1, tdp: 900 W}\n"
    )
    assert found.part(System, "acme-8").accelerator == "acme-x2"
    assert found.part(Accelerator, "acme-x2").memory == 192e9
    assert told(found.part(Accelerator, "acme-x2"), "memory")[1] == "user"


def test_a_system_names_parts_by_alias_and_gets_their_ids(lay):
    found = lay("- {kind: system, id: acme-8, based_on: hgx-h200, accelerator: H100}\n")
    assert found.part(System, "acme-8").accelerator == "nvidia-h100-sxm-80gb"


def test_a_value_can_be_taken_away(lay):
    assert lay("- {kind: accelerator, id: nvidia-h100-sxm-80gb, fp8: }\n").part(Accelerator, "h100").fp8 is None


@pytest.mark.parametrize(
    ("text", "place", "where", "message", "remedy"),
    [
        ("kind: switch", "1:1", "", "a catalogue is a list of parts",
         'Begin each part with "- kind: switch" or another kind, and its id below.'),
        ("- 7", "1:3", "[0]", "7 is not a part", "Write `kind:` and `id:`, and what it has."),
        ("- {id: x}", "1:3", "[0].kind", "is missing", "Write `kind: switch`."),
        ("- {id: dgx-h100}", "1:3", "[0].kind", "is missing", "Write `kind: system`."),
        ("- {kind: swich, id: x}", "1:10", "[0].kind", 'there is no kind "swich"', 'Did you mean "switch"?'),
        ("- {kind: switch, id: dgx-h100}", "1:10", "[0].kind", "dgx-h100 is a system of the catalogue, not a switch",
         "Write `kind: system`, or another id."),
        ("- {kind: accelerator, id: h100}", "1:27", "[0].id", '"h100" is what nvidia-h100-sxm-80gb is called',
         "Write `id: nvidia-h100-sxm-80gb` to change that part, or another id."),
        ("- {kind: accelerator, based_on: h100}", "1:3", "[0].id", "is missing", None),
        ("- {kind: accelerator, id: My GPU, based_on: h100}", "1:27", "[0].id", '"My GPU" is not an id', None),
        ("- {kind: accelerator, id: x, based_on: h2000}", "1:40", "[0].based_on", 'unknown accelerator "h2000"', None),
        ("- {kind: accelerator, id: x, based_on: dgx-h100}", "1:40", "[0].based_on", '"dgx-h100" is a system',
         "Name an accelerator: `firstlight catalog list accelerator` lists them."),
        ("- {kind: accelerator, id: x, based_on: x}", "1:40", "[0].based_on", 'unknown accelerator "x"',
         "`firstlight catalog list accelerator` lists them."),
        ("- {kind: system, id: dgx-h100, based_on: dgx-h200}", "1:42", "[0].based_on",
         "has no effect: dgx-h100 is in the catalogue", "Remove it, or write another id."),
        ("- {kind: accelerator, id: x, base_on: h100}", "1:30", "[0].base_on", 'unknown key "base_on"',
         'Did you mean "based_on"?'),
        ("- {kind: accelerator, id: x, based_on: h100, memry: 1 GB}", "1:46", "[0].memry", 'unknown key "memry"',
         'Did you mean "memory"?'),
        ("- {kind: accelerator, id: x, based_on: h100, facts: {}}", "1:46", "[0].facts", 'unknown key "facts"',
         "Write a source as `{value: ..., source: ...}`."),
        ("- {kind: accelerator, id: x, based_on: h100, tdp: 700}", "1:51", "[0].tdp", "700 has no unit", None),
        ("- {kind: accelerator, id: x, based_on: h100, tdp: {value: 7 GB}}", "1:59", "[0].tdp",
         '"7 GB": "GB" is a unit of bytes, not of power', None),
        ("- {kind: accelerator, id: x, based_on: h100, tdp: {valu: 7 W}}", "1:51", "[0].tdp",
         "a mapping without `value`", None),
        ("- {kind: accelerator, id: x, based_on: h100, tdp: {value: 7 W, sorce: us}}", "1:64", "[0].tdp.sorce",
         'unknown key "sorce"', 'Did you mean "source"?'),
        ("- {kind: accelerator, id: x, based_on: h100, tdp: {value: 7 W, standing: sure}}", "1:74",
         "[0].tdp.standing", '"sure" is none of vendor, measured, published, estimate, user', None),
        ("- {kind: accelerator, id: x, based_on: h100, standing: sure}", "1:56", "[0].standing", None, None),
        ("- {kind: accelerator, id: x, based_on: h100, aliases: [h100]}", "1:56", "[0].aliases[0]",
         '"h100" is what nvidia-h100-sxm-80gb is called', "Choose another."),
        ("- {kind: accelerator, id: x, based_on: h100, name: NVIDIA L4}", "1:52", "[0].name",
         '"NVIDIA L4" is what nvidia-l4 is called', "Choose another."),
        ("- {kind: system, id: x, based_on: dgx-h100, accelerator: h1000}", "1:58", "[0].accelerator",
         'unknown accelerator "h1000"', None),
        ("- {kind: system, id: x, based_on: dgx-h100, host: h100}", "1:51", "[0].host", '"h100" is an accelerator',
         "Name a host: `firstlight catalog list host` lists them."),
        ("- {kind: system, id: x, based_on: dgx-h100}\n- {kind: system, id: x}", "2:22", "[1].id",
         '"x" stands here twice, first on line 1', "Make one entry of both."),
        ("- {kind: nic, id: x, name: X, vendor: V, source: S, standing: vendor, ports: 1, power: 9 W}", "1:3",
         "[0].bandwidth", "is missing", "Write `bandwidth: 400 Gb/s` (Of the whole card, one direction)."),
    ],
)  # fmt: skip
def test_refuses_at_the_place_with_the_remedy(lay, text, place, where, message, remedy):
    with pytest.raises(DocumentError) as caught:
        lay(text + "\n")
    (problem,) = caught.value.problems
    assert (f"{problem.line}:{problem.column}", problem.where) == (place, where)
    assert problem.file.endswith("my-parts.yaml")
    assert message is None or problem.message == message
    assert problem.remedy if remedy is None else problem.remedy == remedy
    assert problem.source


def test_all_problems_come_at_once_in_order(lay):
    with pytest.raises(DocumentError) as caught:
        lay(
            "- {kind: swich, id: a}\n- {kind: accelerator, id: b, based_on: h2000, tdp: 7}\n"
            "- {kind: system, id: c, based_on: dgx-h100, accelerator: b, nic: zzzzzz, power: 3 GB}\n"
            "- {kind: system, id: d, based_on: dgx-h100, accelerator: b, nic: zzzzzz}\n- 3\n- {id: 1, id: 2}\n"
        )
    assert [(p.line, p.where) for p in caught.value.problems] == [
        (1, "[0].kind"), (2, "[1].based_on"), (2, "[1].tdp"), (3, "[2].power"), (4, "[3].nic"), (5, "[4]"),
        (6, "[5].kind"), (6, "[5].id"),
    ]  # fmt: skip


def test_an_empty_list_changes_nothing(lay):
    assert list(lay("[]\n")) == list(SHIPPED)


def test_a_catalogue_is_a_document_of_its_own(tmp_path):
    (tmp_path / "it.yaml").write_text("- {kind: accelerator, id: x, based_on: h100}\n")
    assert kind_of(tmp_path / "it.yaml") == "catalog"
    assert load_document("catalog", tmp_path / "it.yaml").part(Accelerator, "x")


def test_parts_are_found_whatever_the_case_and_of_their_kind_only():
    assert SHIPPED.part(Accelerator, "H100").id == SHIPPED.part(Part, "nvidia h100 sxm 80 gb").id
    with pytest.raises(UsageError, match=r'^"h100" is an accelerator; name a system: `firstlight catalog list system`'):
        SHIPPED.part(System, "h100")
    with pytest.raises(UsageError, match=r'^unknown system "dgx-h10"; did you mean dgx-h100'):
        SHIPPED.part(System, "dgx-h10")
    with pytest.raises(UsageError, match="`firstlight catalog list dry-cooler` lists them"):
        SHIPPED.part(KINDS["dry-cooler"], "qqq")


def test_provenance_of_a_plain_number_is_the_parts():
    part = SHIPPED.part(Accelerator, "h100")
    assert part.provenance("memory_bandwidth") == Provenance(source=part.source, standing=part.standing, note=part.note)


KEYS = sorted(
    {name for kind in KINDS.values() for name in kind.model_fields} | {"based_on", "base_on", "value", "x", ""}
)
WORDS = st.sampled_from(
    [
        *KINDS,
        "h100",
        "dgx-h100",
        "nvidia-sn5600",
        "x",
        "7 W",
        "7 GB",
        "100 Gb/s",
        "vendor",
        "",
        "null",
        "3",
        "-1",
        "50 %",
    ]
)
VALUES = st.recursive(
    st.none() | WORDS | st.integers(-5, 10**20) | st.floats(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=5,
)
ENTRIES = VALUES | st.builds(
    lambda head, rest: {**rest, **head},
    st.fixed_dictionaries({"kind": st.sampled_from([*KINDS, "swich"]), "id": WORDS}, optional={"based_on": WORDS}),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
)


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ENTRIES, max_size=4))
def test_whatever_is_written_is_taken_or_refused_with_its_place(tmp_path, entries):
    (tmp_path / "my-parts.yaml").write_text(yaml.safe_dump(entries), "utf-8")
    try:
        found = catalog.load(tmp_path / "my-parts.yaml")
    except DocumentError as error:
        for problem in error.problems:
            assert problem.message
            assert problem.line
            assert "\n" not in problem.message + problem.remedy
    else:
        assert len(found) >= len(SHIPPED)
