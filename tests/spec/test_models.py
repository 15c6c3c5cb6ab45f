"""The shipped models: every one loads, and holds as many parameters as its makers publish."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from firstlight.errors import DocumentError, UsageError
from firstlight.spec import models
from firstlight.spec.model import Attention, Experts, LatentAttention, LinearAttention, Model, StateSpace
from firstlight.spec.parameters import active_parameters, block_parameters, cache_bytes_per_token, parameters

FOLDER = resources.files("firstlight.data") / "models"
INDEX = json.loads((FOLDER / "index.json").read_text("utf-8"))
NAMES = (Path(__file__).parent / "documents" / "model_names.txt").read_text("utf-8").splitlines()
COUNTED = [line["id"] for line in INDEX if "published" in line]
ROUTED = [line["id"] for line in INDEX if "published_active" in line]

# What a maker's count leaves out of ours, which holds the embedding and the head. xAI's 314B is met without the
# embedding only; OpenAI's paper says so of its active parameters, GLM's that neither embedding nor head is in them.
BARE = {"grok-1"}
NO_EMBEDDING = {"deepseek-v2-lite", "deepseek-v3.2", "gpt-oss-120b", "gpt-oss-20b"}
NO_ENDS = {
    "glm-4.5",
    "glm-4.5-air",
    "glm-5",
    "glm-5.2",
    "minimax-m2.5",
    "minimax-m2.7",
    "minimax-text-01",
    "qwen3-next-80b-a3b",
}


def embedding(model: Model) -> float:
    return float(model.main.vocabulary * model.main.hidden)


@pytest.mark.parametrize("id", models.ids())
def test_every_model_loads(id):
    model = models.find(id)
    assert model.id == id
    assert model.name
    assert model.source
    assert model.context >= 512
    assert parameters(model) >= active_parameters(model) > 1e8
    assert model.main.blocks


def test_there_are_enough_of_them_and_of_every_kind():
    found = [models.find(id) for id in models.ids()]
    assert len(found) >= 30
    assert {model.kind for model in found} >= {"text", "action", "video", "protein"}
    mixers = {type(block.mixer) for model in found for block in model.main.blocks}
    assert mixers >= {Attention, LatentAttention, StateSpace, LinearAttention}
    assert sum(1e8 < parameters(model) < 3.2e9 for model in found) >= 10


@pytest.mark.parametrize("id", COUNTED)
def test_parameters_are_the_published_ones(id):
    model = models.find(id)
    counted = parameters(model) - (embedding(model) if id in BARE else 0)
    assert counted == pytest.approx(model.published, rel=0.005)


@pytest.mark.parametrize(("id", "billions"), [("glm-4.5-air", 110), ("glm-4.5", 358), ("deepseek-v3", 685)])
def test_a_checkpoint_holds_one_more_layer(id, billions):
    """Hugging Face counts the layer that predicts a further token, with its projection, embedding and head."""
    model = models.find(id)
    layer = block_parameters(model.main.blocks[-1], model.main.hidden).total
    more = layer + 2 * model.main.hidden**2 + 2 * embedding(model)
    assert parameters(model) + more == pytest.approx(billions * 1e9, rel=0.005)


@pytest.mark.parametrize("id", ROUTED)
def test_active_parameters_are_the_published_ones(id):
    """Within 3 %, or half a billion where makers publish whole ones; above stands what some of them leave out."""
    model = models.find(id)
    ends = (id in NO_EMBEDDING) + 2 * (id in NO_ENDS)
    counted = active_parameters(model) - ends * embedding(model)
    rounding = 0.5e9 if model.published_active % 1e9 == 0 else 0
    assert counted == pytest.approx(model.published_active, abs=max(0.03 * model.published_active, rounding))


@pytest.mark.parametrize("name", [name for name in NAMES if name and not name.startswith("#")])
def test_every_name_of_the_measurements_resolves(name):
    assert models.find(name).id in models.ids()


@pytest.mark.parametrize("line", INDEX, ids=lambda line: line["id"])
def test_every_name_finds_its_model_whatever_the_case(line):
    for name in (line["id"], line["name"], *line.get("aliases", ())):
        for written in (name, name.upper(), name.lower(), name.rpartition("/")[2]):
            assert models.find(written).id == line["id"], written


def test_no_name_stands_for_two_models():
    owner: dict[str, str] = {}
    for line in INDEX:
        for name in (line["id"], line["name"], *line.get("aliases", ())):
            for key in (name.lower(), name.lower().rpartition("/")[2]):
                assert owner.setdefault(key, line["id"]) == line["id"], key


def test_the_index_is_sorted_and_names_a_source_and_a_file_for_each():
    assert [line["id"] for line in INDEX] == sorted(line["id"] for line in INDEX)
    shipped = {file.name for file in FOLDER.iterdir()} - {"index.json", "__init__.py", "__pycache__"}
    assert shipped == {line["file"] for line in INDEX}
    for line in INDEX:
        assert any(word in line["source"] for word in ("https://", "arXiv", "NVIDIA NeMo")), line["id"]
        assert line.get("standing", "published") in ("published", "estimate")
    assert models.entry("gpt-j-6b").aliases == models.find("gpt-j-6b").aliases


def test_shipped_files_hold_shapes_only():
    """What changes no shape (token ids, dropout, number formats) is not carried along."""
    for line in INDEX:
        words = set((FOLDER / line["file"]).read_text("utf-8").replace('"', " ").split())
        assert not words & {"torch_dtype", "architectures", "transformers_version", "bos_token_id", "attention_dropout"}


def test_an_unknown_name_says_what_is_near():
    with pytest.raises(UsageError, match=r"did you mean llama-3\.1-405b"):
        models.find("llama-3.1-405")
    with pytest.raises(UsageError, match="catalog list models"):
        models.find("~~~~")
    with pytest.raises(UsageError, match="no such file"):
        models.find("nowhere/config.json")
    for odd in ("x\0y", "y" * 10_000, "a\nb"):
        with pytest.raises(UsageError) as caught:
            models.find(odd)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 2000


def test_a_file_of_the_user_s_is_read_from_its_place(tmp_path):
    text = (FOLDER / "llama-3.1-8b.json").read_text("utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(text, "utf-8")
    by_folder, by_file = models.find("mine", tmp_path), models.find("mine/config.json", tmp_path)
    assert by_folder.towers == by_file.towers == models.find("llama-3.1-8b").towers
    assert by_folder.id == "mine"
    assert by_folder.published is None
    assert models.facts(by_folder)["standing"] == ""


def test_towers_are_read_from_yaml_and_json(tmp_path):
    block = "{count: 2, attention: {heads: 8, kv_heads: 2, head_dim: 64, bias: true}, feed_forward: {width: 2048}}"
    tower = f"{{name: text, hidden: 512, vocabulary: 1000, head: 1000, blocks: [{block}]}}"
    (tmp_path / "mine.yaml").write_text(f"kind: text\ncontext: 4096\ntowers: [{tower}]\n", "utf-8")
    model = models.find("mine.yaml", tmp_path)
    attention = 512 * (512 + 2 * 128) + (512 + 256) + 512 * 512
    assert parameters(model) == 2 * (attention + 3 * 512 * 2048 + 2 * 512) + 2 * 1000 * 512


BLOCK = {"count": 2, "attention": {"heads": 8, "kv_heads": 2, "head_dim": 64}, "feed_forward": {"width": 2048}}


@pytest.mark.parametrize(
    ("changed", "where", "message"),
    [
        ({"attention": {"heads": 8, "kv_heads": 3, "head_dim": 64}}, "attention.kv_heads", "does not divide the 8"),
        ({"attention": {"heads": 8, "kv_heads": 2}}, "attention.head_dim", "is missing"),
        ({"attention": {"heads": 8, "kv_heads": 2, "head_dim": 64, "windw": 7}}, "attention.windw", "does not know"),
        ({"count": -1}, "count", "is -1"),
        ({"count": True}, "count", "is True"),
        ({"feed_forward": {"width": 1.5}}, "feed_forward.width", "is 1.5"),
        ({"experts": {"count": 8, "active": 9, "width": 64}}, "experts", "stands beside"),
        ({"feed_forward": None, "experts": {"count": 8, "active": 9, "width": 64}}, "experts.active", "of 8 experts"),
        ({"cross": {"heads": 8, "kv_heads": 8, "head_dim": 64}}, "cross.cross", "is missing"),
        ({"attention": None, "feed_forward": None}, "attention", "every other part"),
        ({"attention": None, "linear_attention": {"key_heads": 3, "value_heads": 4, "key_dim": 8, "value_dim": 8}},
         "linear_attention.key_heads", "does not divide"),
        ({"attention": None, "state_space": {"heads": 4, "head_dim": 8, "state": 8, "groups": 3, "kernel": 4}},
         "state_space.groups", "does not divide"),
    ],
)  # fmt: skip
def test_wrong_towers_are_refused_by_name(tmp_path, changed, where, message):
    document = {"context": 4096, "towers": [{"name": "text", "hidden": 512, "blocks": [{**BLOCK, **changed}]}]}
    (tmp_path / "mine.json").write_text(json.dumps(document, indent=1), "utf-8")
    with pytest.raises(DocumentError) as caught:
        models.find("mine.json", tmp_path)
    (problem,) = caught.value.problems
    assert problem.where == f"towers[0].blocks[0].{where}"
    assert message in problem.message
    assert problem.line > 1


def test_facts_are_those_of_the_model():
    facts = models.facts(models.find("deepseek-v3"))
    assert (facts["layers"], facts["hidden"], facts["heads"], facts["experts"]) == (61, 7168, 128, 256)
    assert facts["active_experts"] == 8
    assert facts["kv_heads"] is None
    assert facts["standing"] == "published"
    assert [row["id"] for row in models.summary()] == list(models.ids())


@pytest.mark.parametrize(
    ("id", "kilobytes"), [("deepseek-v3", 70.272), ("qwen2.5-72b", 327.680), ("llama-3.1-405b", 516.096)]
)
def test_the_cache_per_token_is_the_published_one(id, kilobytes):
    """BF16 bytes per token of table 1 of arXiv 2505.09343."""
    assert float(cache_bytes_per_token(models.find(id), 2.0)) == pytest.approx(kilobytes * 1000)


@pytest.mark.parametrize(
    ("id", "layers", "of"),
    [
        ("gpt-oss-120b", {128: 18, None: 18}, Attention),
        ("gemma-3-27b", {1024: 52, None: 10}, Attention),
        ("gemma-2-9b", {4096: 21, None: 21}, Attention),
        ("llama-4-scout", {8192: 36, None: 12}, Attention),
        ("mistral-7b", {4096: 32}, Attention),
        ("nemotron-h-8b", {None: 4}, Attention),
        ("qwen3-next-80b-a3b", {None: 12}, Attention),
        ("minimax-text-01", {None: 10}, Attention),
    ],
)
def test_windows_stand_where_the_architecture_has_them(id, layers, of):
    found: dict[int | None, int] = {}
    for block in models.find(id).main.blocks:
        if isinstance(block.mixer, of):
            found[block.mixer.window] = found.get(block.mixer.window, 0) + block.count
    assert found == layers


@pytest.mark.parametrize(
    ("id", "experts"),
    [
        ("mixtral-8x7b", Experts(8, 2, 14336)),
        ("deepseek-v3", Experts(256, 8, 2048, shared_width=2048, router_bias=True)),
        ("deepseek-v2-lite", Experts(64, 6, 1408, shared_width=2816)),
        ("kimi-k2", Experts(384, 8, 2048, shared_width=2048, router_bias=True)),
        ("gpt-oss-20b", Experts(32, 4, 2880, bias=True)),
        ("llama-4-maverick", Experts(128, 1, 8192, shared_width=8192)),
        ("nemotron-3-nano", Experts(128, 6, 1856, shared_width=3712, gated=False, router_bias=True)),
        ("qwen3.5-397b-a17b", Experts(512, 10, 1024, shared_width=1024, shared_gate=True)),
    ],
)
def test_experts_are_the_published_ones(id, experts):
    assert {b.feed_forward for b in models.find(id).main.blocks if isinstance(b.feed_forward, Experts)} == {experts}
