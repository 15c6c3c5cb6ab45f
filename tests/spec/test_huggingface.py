"""Config files as they are downloaded: every family reads, and what is wrong with one is said by field and place."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight.errors import DocumentError, Problem
from firstlight.performance.flops import training_flops
from firstlight.spec import models, source
from firstlight.spec.huggingface import FAMILIES
from firstlight.spec.model import Block, Model, Tower
from firstlight.spec.parameters import active_parameters, block_parameters, cache_bytes, parameters, state_bytes
from firstlight.spec.towers import MIXERS, PARTS

MODELS = resources.files("firstlight.data") / "models"
FOLDER = Path(__file__).parent / "documents" / "configs"
CONFIGS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.iterdir()}

# Billions of parameters that the makers state or that their checkpoint on Hugging Face holds, without the layers that
# predict further tokens (MTP); of Grok-1 xAI's 314B and the embedding that is not in them.
PUBLISHED = {
    "bloom": 176.247,  # bigscience/bloom
    "deepseek_v2": 15.706,  # deepseek-ai/DeepSeek-V2-Lite
    "deepseek_v3": 671.0,  # deepseek-ai/DeepSeek-V3
    "deepseek_v32": 671.0,  # deepseek-ai/DeepSeek-V3.2
    "esm": 0.651,  # facebook/esm2_t33_650M_UR50D
    "falcon": 41.303,  # tiiuae/falcon-40b
    "gemma": 2.506,  # google/gemma-2b
    "gemma2": 9.242,  # google/gemma-2-9b
    "gemma3": 27.432,  # google/gemma-3-27b-pt
    "gemma3_text": 1.0,  # google/gemma-3-1b-pt
    "glm4": 32.566,  # zai-org/GLM-4-32B-0414
    "glm_moe_dsa": 744.0,  # zai-org/GLM-5.2
    "gpt2": 0.12444,  # openai-community/gpt2
    "gpt_neox": 20.555,  # EleutherAI/gpt-neox-20b
    "gpt_oss": 116.83,  # openai/gpt-oss-120b
    "gptj": 6.051,  # EleutherAI/gpt-j-6b
    "grok-1": 314.8,  # hpcai-tech/grok-1
    "kimi_k2": 1026.47,  # moonshotai/Kimi-K2-Instruct
    "llama": 405.853,  # meta-llama/Llama-3.1-405B
    "llama4": 108.64,  # meta-llama/Llama-4-Scout-17B-16E-Instruct
    "mamba2": 2.702,  # state-spaces/mamba2-2.7b
    "minimax_m2": 229.0,  # MiniMaxAI/MiniMax-M2.5
    "minimax_text_01": 456.0,  # MiniMaxAI/MiniMax-Text-01
    "mistral": 7.242,  # mistralai/Mistral-7B-v0.1
    "mixtral": 46.703,  # mistralai/Mixtral-8x7B-v0.1
    "mpt": 6.649,  # mosaicml/mpt-7b
    "nemotron": 4.191,  # nvidia/Minitron-4B-Base
    "nemotron_h": 120.6,  # nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8
    "olmo2": 7.299,  # allenai/OLMo-2-1124-7B
    "opt": 6.658,  # facebook/opt-6.7b
    "phi": 2.780,  # microsoft/phi-2
    "phi3": 3.821,  # microsoft/Phi-3-mini-4k-instruct
    "qwen2": 7.616,  # Qwen/Qwen2.5-7B-Instruct
    "qwen2_moe": 14.316,  # Qwen/Qwen1.5-MoE-A2.7B
    "qwen3": 0.596,  # Qwen/Qwen3-0.6B
    "qwen3_5_moe": 35.0,  # Qwen/Qwen3.5-35B-A3B
    "qwen3_moe": 30.532,  # Qwen/Qwen3-30B-A3B
    "qwen3_next": 80.0,  # Qwen/Qwen3-Next-80B-A3B-Instruct
    "qwen3_vl": 8.767,  # Qwen/Qwen3-VL-8B-Instruct
    "qwen3_vl_moe": 235.670,  # Qwen/Qwen3-VL-235B-A22B-Instruct
    "smollm3": 3.075,  # HuggingFaceTB/SmolLM3-3B
    "starcoder2": 3.030,  # bigcode/starcoder2-3b
}
# No count is stated but a rounded one, or one with MTP layers: they read as the shipped ones do, or as told below.
SHIPPED = {"glm4_moe": "glm-4.5-air", "kimi_k25": "kimi-k2.5", "qwen3_5": "qwen3.5-27b"}
INNER = {"llama4_text": "llama4", "qwen3_5_text": "qwen3_5", "qwen3_5_moe_text": "qwen3_5_moe"}
ALSO = {"minimax": "minimax_text_01", "minimax_m1": "minimax_text_01"}


def read(folder: Path, config: object) -> Model:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config, indent=2), "utf-8")
    return models.find(str(path))


def problems(folder: Path, config: object) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        read(folder, config)
    return caught.value.problems


def test_every_family_has_a_config():
    assert CONFIGS.keys() == PUBLISHED.keys() | SHIPPED.keys() | {"mimo"}
    assert {c["model_type"] for c in CONFIGS.values()} | INNER.keys() | ALSO.keys() == FAMILIES.keys()


def downloaded(name: str) -> Model:
    return models.find(str(FOLDER / f"{name}.json"))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_config_reads_as_it_is_downloaded(name):
    assert parameters(downloaded(name)) == pytest.approx(PUBLISHED[name] * 1e9, rel=0.005)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_config_reads_as_the_shipped_model_does(name):
    assert downloaded(name).towers == models.find(SHIPPED[name]).towers


def test_mimo_is_its_checkpoint_without_the_layer_that_predicts_a_further_token():
    """XiaomiMiMo/MiMo-7B-Base: 7.83B, one layer and one projection of twice the hidden width more."""
    model = downloaded("mimo")
    layer = block_parameters(model.main.blocks[0], model.main.hidden).total
    assert parameters(model) + layer + 2 * model.main.hidden**2 == pytest.approx(7.83e9, rel=0.005)


@pytest.mark.parametrize("name", sorted(INNER))
def test_the_text_part_reads_by_itself(tmp_path, name):
    whole = CONFIGS[INNER[name]]
    text = read(tmp_path, {**whole["text_config"], "model_type": name})
    assert text.towers[-1].blocks == downloaded(INNER[name]).main.blocks
    assert len(text.towers) == 1


@pytest.mark.parametrize("name", sorted(ALSO))
def test_other_names_of_a_family_read_alike(tmp_path, name):
    config = {**CONFIGS[ALSO[name]], "model_type": name}
    assert read(tmp_path, config).towers == read(tmp_path, CONFIGS[ALSO[name]]).towers


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_an_unknown_field_is_an_error_that_names_it_and_its_place(tmp_path, name):
    config = {**CONFIGS[name], "num_memory_layers": 4}
    (problem,) = problems(tmp_path, config)
    assert problem.where == "num_memory_layers"
    assert "does not know" in problem.message
    assert problem.file.endswith("config.json")
    assert '"num_memory_layers": 4' in problem.source
    assert problem.source[problem.column - 1 :].startswith('"num_memory_layers"')
    assert problem.line == len(json.dumps(config, indent=2).splitlines()) - 1


def test_an_unknown_field_of_a_part_is_named_by_its_way(tmp_path):
    config = copy.deepcopy(CONFIGS["gemma3"])
    config["text_config"]["num_kv_shared_layers"] = 20
    config["vision_config"]["window_size"] = 7
    found = problems(tmp_path, config)
    assert {problem.where for problem in found} == {"text_config.num_kv_shared_layers", "vision_config.window_size"}
    assert all(problem.line > 1 and problem.column > 1 for problem in found)


def test_a_slip_names_the_field_that_is_meant(tmp_path):
    config = {**CONFIGS["mistral"]}
    config["num_key_value_head"] = config.pop("num_key_value_heads")
    (problem,) = problems(tmp_path, config)
    assert problem.where == "num_key_value_head"
    assert problem.remedy == 'Did you mean "num_key_value_heads"?'


def test_a_missing_field_is_named(tmp_path):
    found = problems(tmp_path, {"model_type": "llama", "hidden_size": 4096})
    assert {problem.where for problem in found} == {
        "num_attention_heads", "intermediate_size", "num_hidden_layers", "vocab_size",
    }  # fmt: skip
    assert all(problem.message == "is missing" and problem.line for problem in found)


@pytest.mark.parametrize(
    ("field", "value", "where", "message"),
    [
        ("hidden_size", "4096", "hidden_size", 'is "4096"'),
        ("hidden_size", 4096.0, "hidden_size", "is 4096.0"),
        ("hidden_size", True, "hidden_size", "is True"),
        ("hidden_size", -1, "hidden_size", "is -1"),
        ("hidden_size", 10**30, "hidden_size", "is 1000000"),
        ("hidden_size", float("nan"), "hidden_size", "is nan"),
        ("hidden_size", [4096], "hidden_size", "is [4096]"),
        ("num_hidden_layers", 0, "num_hidden_layers", "is 0"),
        ("num_hidden_layers", 10**6, "num_hidden_layers", "is 1000000"),
        ("num_key_value_heads", 7, "num_key_value_heads", "does not divide the 32 query heads"),
        ("num_experts_per_tok", 9, "num_experts_per_tok", "more than the 8 experts"),
        ("tie_word_embeddings", "no", "tie_word_embeddings", 'is "no"'),
        ("sliding_window", {"of": 4096}, "sliding_window", "is {'of': 4096}"),
        ("layer_types", ["full_attention"], "layer_types", "is ['full_attention']"),
        ("max_position_embeddings", -5, "max_position_embeddings", "is -5"),
        ("add_cross_attention", True, "add_cross_attention", "is true"),
        ("model_type", 7, "model_type", "is 7"),
        ("model_type", None, "model_type", "is missing"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path, field, value, where, message):
    (problem,) = problems(tmp_path, {**CONFIGS["mixtral"], field: value})
    assert problem.where == where
    assert message in problem.message
    assert problem.line > 0


@pytest.mark.parametrize(("name", "field"), [("gptj", "n_positions"), ("bloom", "seq_length"), ("mpt", "max_seq_len")])
def test_the_length_is_checked_under_every_name(tmp_path, name, field):
    assert problems(tmp_path, {**CONFIGS[name], field: -2048})[0].where == field


def test_all_problems_come_at_once(tmp_path):
    config = {**CONFIGS["llama"], "hidden_size": 0, "vocab_size": "x", "new_thing": 1}
    assert [problem.where for problem in problems(tmp_path, config)] == ["hidden_size", "vocab_size", "new_thing"]


def test_a_null_field_says_nothing(tmp_path):
    config = {**CONFIGS["llama"], "something_new": None, "head_dim": None}
    assert read(tmp_path, config).towers == read(tmp_path, CONFIGS["llama"]).towers


def test_an_unknown_kind_names_the_nearest_known(tmp_path):
    (problem,) = problems(tmp_path, {**CONFIGS["qwen3_moe"], "model_type": "qwen3_mo"})
    assert problem.where == "model_type"
    assert problem.remedy == 'Did you mean "qwen3_moe"?'
    (problem,) = problems(tmp_path, {"model_type": "zzzzzz"})
    assert "It must be one of" in problem.remedy
    assert "llama" in problem.remedy


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "this is not JSON"),
        ("{", "1:2", "this is not JSON"),
        ('{"a": 1,}', None, "this is not JSON"),
        ('{\n "a": 1\n "b": 2\n}', "3:2", "this is not JSON"),
        ("model_type: llama", "1:1", "this is not JSON"),
        ("[1, 2]", "1:1", "this is not a mapping"),
        ("7", "1:1", "this is not a mapping"),
        ("null", "1:1", "this is not a mapping"),
        ('{"model_type": "llama", "model_type": "llama"}', "1:25", 'the key "model_type" stands here twice'),
        ("[" * 100_000, None, "nested too deep"),
        ('{"a":' * 60 + "1" + "}" * 60, None, "nested too deep"),
        ('{"a": ' + "9" * 10_000 + "}", None, "thousands of digits"),
        ("{" + ", ".join(f'"{n}": 1' for n in range(250_000)) + "}", None, "more than 200,000 values"),
        (" " * (source.MAX_BYTES + 1), None, "too large"),
    ],
)
def test_what_is_no_config_is_refused(tmp_path, text, place, message):
    (problem,) = problems(tmp_path, text)
    assert message in problem.message
    assert place is None or f"{problem.line}:{problem.column}" == place
    assert len(str(problem)) < 4000


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"\x80\x02}q\x00")
    with pytest.raises(DocumentError, match="not UTF-8"):
        models.find(str(path))


def test_an_odd_key_does_not_break_the_message(tmp_path):
    for key in ("a\nb", "x" * 100_000, "a.b[0]", "\u202e", "", "text_config.hidden_size"):
        for problem in problems(tmp_path, {**CONFIGS["llama"], key: 1}):
            assert "\n" not in problem.where + problem.message
            assert len(str(problem)) < 1000


def test_windows_follow_the_layer_types(tmp_path):
    config = {**CONFIGS["mistral"], "layer_types": ["sliding_attention", "full_attention"] * 16}
    windows = {block.mixer.window: block.count for block in read(tmp_path, config).main.blocks}  # type: ignore[union-attr]
    assert windows == {4096: 16, None: 16}
    del config["sliding_window"]
    assert problems(tmp_path, config)[0].where == "sliding_window"


def test_a_window_that_is_switched_off_has_no_effect(tmp_path):
    config = {**CONFIGS["qwen2"], "use_sliding_window": True, "max_window_layers": 20}
    windows = {block.mixer.window: block.count for block in read(tmp_path, config).main.blocks}  # type: ignore[union-attr]
    assert windows == {None: 20, 131072: 8}
    assert len(read(tmp_path, CONFIGS["qwen2"]).main.blocks) == 1


def test_a_hybrid_s_pattern_must_fit_its_layers(tmp_path):
    hybrid = {**CONFIGS["nemotron_h"], "num_hidden_layers": 87}
    assert problems(tmp_path, hybrid)[0].where == "num_hidden_layers"
    hybrid = {**CONFIGS["nemotron_h"], "hybrid_override_pattern": "MQ"}
    assert "none of M" in problems(tmp_path, hybrid)[0].message


def test_a_number_that_is_stated_twice_must_agree(tmp_path):
    assert read(tmp_path, {**CONFIGS["deepseek_v3"], "num_experts": 256}).towers
    assert problems(tmp_path, {**CONFIGS["deepseek_v3"], "num_experts": 255})[0].where == "num_experts"


# Anything that a wrong file can hold.
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(0, 300),
    st.floats(),
    st.sampled_from([0, 1, 2**31, 2**63, 10**9, 10**12, -1, 0.5, True, False]),
)
JUNK: Any = st.recursive(
    st.one_of(st.none(), NUMBERS, st.text(max_size=8), st.sampled_from(["full_attention", "M*-E", "mamba", "llama"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({
    key for config in CONFIGS.values()
    for part in (config, config.get("text_config", {}), config.get("vision_config", {})) for key in part
} | {field.name for kind in (*MIXERS.values(), *PARTS.values(), Block, Tower) for field in fields(kind)})  # fmt: skip
OURS = [json.loads((MODELS / f"{id}.json").read_text("utf-8")) for id in ("openvla-7b", "wan2.1-t2v-1.3b")]
DOCUMENTS = [*CONFIGS.values(), *OURS, *OURS, *OURS]


def parts(value: Any) -> list[dict[str, Any]]:
    """All mappings of a document that hold anything."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * (isinstance(value, dict) and bool(value)) + [part for below in inside for part in parts(below)]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A config as downloaded, or a file of towers, with one to five things wrong with it."""
    config = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 5))):
        if not config:
            break
        part = draw(st.sampled_from(parts(config)))
        name = draw(st.sampled_from(sorted(part)))
        match draw(st.sampled_from(["replace", "nudge", "remove", "add", "family", "rename"])):
            case "remove":
                del part[name]
            case "add":
                part[draw(st.sampled_from(FIELDS) | st.text(max_size=8))] = draw(JUNK)
            case "family":
                config["model_type"] = draw(st.sampled_from(sorted(FAMILIES)))
            case "rename":
                part[draw(st.sampled_from(FIELDS))] = part.pop(name)
            case "nudge" if type(part[name]) is int:
                part[name] += draw(st.integers(-3, 3))
            case _:
                part[name] = draw(JUNK)
    return config


def found(path: Path) -> Model | tuple[Problem, ...]:
    """The model of a file, or its problems; anything else is an error of ours."""
    try:
        return models.find(str(path))
    except DocumentError as error:
        return error.problems or pytest.fail("an error without a problem")


def answer(path: Path) -> None:
    """A file gives a model that can be counted, or problems that can be shown."""
    model = found(path)
    if isinstance(model, tuple):
        for problem in model:
            assert problem.message
            assert "\n" not in problem.where + problem.message + problem.remedy + problem.source
            assert len(str(problem)) < 4000
        return
    assert parameters(model) >= active_parameters(model) > 0
    assert float(cache_bytes(model, 4096.0, 2.0)) >= 0
    assert state_bytes(model) >= 0
    assert model.context >= 1
    assert training_flops(model, 128) > 0


ANYHOW: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=300, **ANYHOW)
@given(mutated())
def test_wrong_configs(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    answer(tmp_path / "config.json")


@pytest.mark.slow
@settings(max_examples=10_000, **ANYHOW)
@given(mutated())
def test_thousands_of_wrong_configs(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    answer(tmp_path / "config.json")


@settings(max_examples=150, **ANYHOW)
@given(st.sampled_from(sorted(CONFIGS)), st.data())
def test_torn_files(tmp_path, name, data):
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 20))
    torn = text[:at] + data.draw(st.text(max_size=4)) + text[at + length :]
    (tmp_path / "config.json").write_bytes(torn.encode("utf-8", "surrogatepass"))
    answer(tmp_path / "config.json")
