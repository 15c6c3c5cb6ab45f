"""Training with a teacher, in documents."""

from __future__ import annotations

import pytest

from firstlight.spec import models, teachers
from firstlight.spec.load import dump, load_plan

from .conftest import COLOSSUS, TODAY

TRAIN = "  - train: llama-3.1-405b\n"
CONFIG = (
    '{"model_type": "llama", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 4, '
    '"num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192}'
)


def taught(*lines: str, train: str = "llama-3.2-1b") -> str:
    """The plan with another model to train, and further lines of its workload."""
    assert TRAIN in COLOSSUS
    return COLOSSUS.replace(
        TRAIN, "".join(f"{line}\n" for line in (f"  - train: {train}", *(f"    {x}" for x in lines)))
    )


@pytest.mark.parametrize("lines", [
    ("teacher: llama-3.1-405b",), ("teacher: llama-3.1-405b", "distil: logits"),
    ("teacher: qwen3-8b", "distil: text"), ("teacher: qwen3-8b", "distil: text", "prompt: 512"), (),
])  # fmt: skip
def test_it_reads_back(load, tmp_path, lines):
    plan = load(taught(*lines)).plan
    text = dump(plan)
    first = text.partition("- serve")[0]
    for name in ("teacher", "distil", "prompt"):
        assert (f" {name}: " in first) == any(line.startswith(name) for line in lines)
    (tmp_path / "again.yaml").write_text(text)
    assert load_plan(tmp_path / "again.yaml", today=TODAY).plan == plan
    workload = plan.demand[0]
    assert workload.beside == bool(lines and "distil: text" not in lines)
    assert workload.beforehand == ("distil: text" in lines)


@pytest.mark.parametrize(("lines", "where", "message", "remedy"), [
    (("distil: text",), "distil", "has no effect without a teacher",
     "Remove it, or name a model to learn from: `teacher:`."),
    (("prompt: 9",), "prompt", "has no effect: no teacher writes text",
     "Remove it, or write a teacher and distil: text."),
    (("teacher: llama-3.1-8b", "prompt: 9"), "prompt", "has no effect: no teacher writes text",
     "Remove it, or write a teacher and distil: text."),
    (("teacher: llama-3.1-8",), "teacher", 'unknown model "llama-3.1-8"', None),
    (("teacher: qwen3-8b",), "teacher", "qwen3-8b has 151,936 outputs and llama-3.2-1b 128,256",
     "Name a teacher with the student's vocabulary, or write distil: text."),
    (("teacher: wan2.1-t2v-14b",), "teacher",
     "the teacher wan2.1-t2v-14b has no output head, so there are no logits to compare",
     "Name a pair of models with output heads over one vocabulary."),
    (("teacher: esm-2-650m", "distil: text"), "teacher", "esm-2-650m writes no token after another",
     "Name a model that writes text, or write distil: logits."),
    (("teacher: llama-3-8b", "distil: text", "sequence: 16384"), "teacher",
     "llama-3-8b reads and writes at most 8,192 tokens, a sequence has 16,384",
     "Write sequence: 8192, or name a teacher with a longer context."),
    (("teacher: llama-3-8b", "distil: text", "prompt: 8192"), "prompt",
     "a prompt of 8,192 tokens leaves none of the 8,192 of a sequence", "Write 4096 tokens or fewer."),
    (("teacher: llama-3-8b", "distil: words"), "distil", '"words" is none of logits, text', None),
])  # fmt: skip
def test_what_does_not_go_together_is_said_where_it_stands(problems, lines, where, message, remedy):
    (problem,) = problems(taught(*lines))
    assert (problem.where, problem.message) == (f"demand[0].{where}", message)
    assert remedy is None or problem.remedy == remedy
    assert problem.line > 0
    assert problem.remedy


def test_vocabularies_that_differ_by_their_padding_are_one(load):
    small, large = (models.find(name).main.head for name in ("qwen2.5-0.5b", "qwen2.5-72b"))
    assert 0 < large - small <= teachers.PADDING
    load(taught("teacher: qwen2.5-72b", train="qwen2.5-0.5b"))


def test_a_teacher_may_stand_in_a_file_and_its_path_is_rewritten(load, tmp_path):
    (tmp_path / "own.json").write_text(CONFIG)
    plan = load(taught("teacher: own.json")).plan
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "again.yaml").write_text(dump(plan, base=tmp_path, to=tmp_path / "deep"))
    again = load_plan(tmp_path / "deep" / "again.yaml", today=TODAY).plan
    assert again.demand[0].teacher == "../own.json"
    assert teachers.find(again.demand[0], tmp_path / "deep").main.head == 128256
    assert teachers.find(load(COLOSSUS).plan.demand[0]) is None


@pytest.mark.parametrize("distil", ["logits", "text"])
def test_experts_of_a_teacher_may_be_spread_where_it_runs_beside_the_student(load, problems, distil):
    text = (
        "name: x\nsite: {place: 'Memphis, Tennessee', power: 2 MW, floor: 2000 m2}\n"
        f"demand: [{{train: qwen3-0.6b, teacher: qwen3-30b-a3b, tokens: 1T, distil: {distil}}}]\n"
        "design: {system: hgx-h100, accelerators: 16, placements: [{accelerators: 16, training: {expert: 8}}]}\n"
    )
    if distil == "logits":
        assert load(text).plan.design.placements[0].training.expert == 8
        return
    (problem,) = problems(text)
    assert problem.where == "design.placements[0].training.expert"
    assert "has no effect: Qwen3 0.6B has no experts" in problem.message
