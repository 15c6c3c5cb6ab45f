"""`firstlight catalog`: what it lists, shows and compares, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstlight.spec import browse, catalog
from firstlight.spec.catalog import KINDS

from .test_cli import run

PARTS = """\
- kind: accelerator
  id: acme-x1
  based_on: nvidia-h200-sxm
  name: Acme X1
  memory: 192 GB
- kind: switch
  id: nvidia-sn5600
  price: {value: 31000 USD, source: our quote of May, standing: vendor}
"""


@pytest.fixture
def parts(tmp_path: Path) -> str:
    (tmp_path / "parts.yaml").write_text(PARTS)
    return str(tmp_path / "parts.yaml")


def said(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    code, out, err = run("catalog", *arguments, capsys=capsys)
    assert (code, err) == (0, "")
    return out


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    code, out, err = run("catalog", *arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    return err


def row(text: str, name: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return line


def test_list_counts_every_kind(capsys):
    counts = json.loads(said("list", "--json", capsys=capsys))
    assert list(counts) == [*KINDS, "model", "assumption"]
    assert sum(counts[kind] for kind in KINDS) == len(catalog.shipped())
    assert all(counts.values())
    assert row(said("list", capsys=capsys), "accelerator").split() == ["accelerator", str(counts["accelerator"])]


@pytest.mark.parametrize("kind", [*KINDS, "model", "assumption"])
def test_each_kind_is_listed_with_its_figures(kind, capsys):
    found = json.loads(said("list", kind, "--json", capsys=capsys))
    header, _, *lines = said("list", kind, capsys=capsys).splitlines()
    assert [entry["id"] for entry in found] == [line.split()[0] for line in lines if line and line[0] != "~"]
    known = {number["name"].replace("_", " ") for entry in found for number in entry["numbers"]}
    assert {column.strip() for column in header.split("  ") if column.strip()} <= known | {"id", "name"}


@pytest.mark.parametrize("word", ["switches", "batteries", "Model", "ASSUMPTIONS", "ups", "accelerators"])
def test_a_plural_will_do(word, capsys):
    if word == "switches":
        assert "did you mean switch?" in refused("list", word, capsys=capsys)
    else:
        assert said("list", word, capsys=capsys)


def test_show_prints_every_number_with_unit_source_and_standing(capsys):
    text = said("show", "h100", capsys=capsys)
    assert text.startswith("NVIDIA H100 SXM 80 GB\n")
    assert "nvidia-h100-sxm-80gb" in text
    assert "3.35 TB/s" in row(text, "memory bandwidth")
    assert "ml-engineering" in row(text, "matmul")
    assert "measured" in row(text, "matmul")
    shown = json.loads(said("show", "h100", "--json", capsys=capsys))
    for number in shown["numbers"]:
        assert number["source"]
        assert number["standing"] in ("vendor", "measured", "published", "estimate")
        assert number["text"] in text
    bandwidth = next(number for number in shown["numbers"] if number["name"] == "memory_bandwidth")
    assert (bandwidth["value"], bandwidth["unit"]) == (3.35e12, "B/s")


def test_every_part_can_be_shown():
    shipped = catalog.shipped()
    for part in shipped:
        entry = browse.show(shipped, part.id)
        assert entry.numbers
        json.dumps([vars(number) for number in entry.numbers], allow_nan=False)
        for number in entry.numbers:
            assert number.text
            assert number.source


def test_show_tells_models_and_assumptions(capsys):
    text = said("show", "llama-3.1-405b", capsys=capsys)
    assert "405.85B" in row(text, "parameters")
    assert "126" in row(text, "layers")
    assert "published" in text
    text = said("show", "economics.energy_price", capsys=capsys)
    assert "USD/MWh" in row(text, "value")
    assert "source:" in text


def test_a_model_in_a_file_can_be_shown(tmp_path, capsys):
    config = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 128}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert "2" in row(said("show", str(tmp_path / "config.json"), capsys=capsys), "layers")
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "lama"}))
    assert "config.json:1:" in refused("show", str(tmp_path / "config.json"), capsys=capsys)


def test_compare_sets_numbers_side_by_side(capsys):
    text = said("compare", "h100", "H200", "b200", capsys=capsys)
    assert text.splitlines()[0].split() == ["number", "nvidia-h100-sxm-80gb", "nvidia-h200-sxm", "nvidia-b200-sxm"]
    assert row(text, "memory  ").split()[1:] == ["84.944", "GB", "150.12", "GB", "191.5", "GB"]
    assert row(text, "fp4").split()[1:4] == ["-", "-", "9"]
    names = [line.split("  ")[0] for line in text.splitlines()[2:]]
    assert names.index("fp8") < names.index("fp4") < names.index("int8")
    assert len(json.loads(said("compare", "h100", "h200", "--json", capsys=capsys))) == 2
    assert row(said("compare", "deepseek-r1", "kimi-k2", capsys=capsys), "layers").split() == ["layers", "61", "61"]


def test_estimates_are_marked(capsys):
    text = said("compare", "tpu-v5e", "h100", capsys=capsys)
    assert "~200 W" in row(text, "tdp")
    assert "~ an estimate of ours" in text
    assert "~" not in said("compare", "h100", "h200", capsys=capsys).replace("~ an estimate", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "swich"], 'there is no kind "swich"; did you mean switch?'),
        (["list", "zzz"], 'there is no kind "zzz"; the kinds are system,'),
        (["show", "h1000"], 'the catalogue has no "h1000"; did you mean'),
        (["show", "qqqqqqqqqq"], "`firstlight catalog list` says what there is"),
        (["show", "economics.energy_prize"], "did you mean economics.energy_price"),
        (["compare", "h100", "dgx-h100"], "is an accelerator, dgx-h100 is a system; only entries of one kind"),
        (["compare", "h100", "nvidia-h100-sxm-80gb"], "only nvidia-h100-sxm-80gb is named"),
        (["compare", "h100"], "name another to compare it with"),
        (["compare", "h100", "h2000"], "did you mean"),
        (["compare"], "Missing argument"),
        (["show"], "Missing argument"),
        (["list", "--parts", "nowhere.yaml"], "no such file"),
    ],
)
def test_refuses_with_the_remedy(arguments, message, capsys):
    assert message in refused(*arguments, capsys=capsys)


def test_parts_of_ones_own(parts, capsys):
    assert "acme-x1" in said("list", "accelerator", "--parts", parts, capsys=capsys)
    text = said("show", "Acme X1", "--parts", parts, capsys=capsys)
    assert "192 GB" in row(text, "memory  ")
    assert "user" in row(text, "memory  ")
    assert "data sheet" in row(text, "tdp")
    assert "our quote of May" in row(said("show", "sn5600", "--parts", parts, capsys=capsys), "price")
    assert "192 GB" in said("compare", "h200", "acme-x1", "--parts", parts, capsys=capsys)


@pytest.mark.parametrize("arguments", [["list", "models"], ["show", "gpt-2"], ["compare", "gpt-2", "gpt-2-xl"]])
def test_parts_without_effect_are_refused(arguments, parts, capsys):
    assert "--parts has no effect on models" in refused(*arguments, "--parts", parts, capsys=capsys)


def test_wrong_parts_are_told_with_their_place(tmp_path, capsys):
    (tmp_path / "parts.yaml").write_text("- {kind: swich, id: x}\n")
    err = refused("list", "--parts", str(tmp_path / "parts.yaml"), capsys=capsys)
    assert "parts.yaml:1:10" in err
    assert 'Did you mean "switch"?' in err
