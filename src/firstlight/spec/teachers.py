"""Which models may teach another, and how."""

from __future__ import annotations

from pathlib import Path

from firstlight.spec import models
from firstlight.spec.model import Model
from firstlight.spec.workload import PROMPT, Training

PADDING = 256
"""Outputs by which heads over one vocabulary may differ: makers fill it up to whole tiles and even shares."""


def find(workload: Training, base: Path | None = None) -> Model | None:
    """The workload's teacher, found as `models.find` does; None where it has none."""
    return None if workload.teacher is None else models.find(workload.teacher, base)


def unsuited(workload: Training, student: Model, teacher: Model) -> tuple[str, str, str] | None:
    """Why a model cannot teach another, if so.

    Returns:
        The field of the workload that is wrong, what is wrong with it, and a remedy; None where nothing is.
    """
    return _writes(workload, teacher) if workload.beforehand else _compares(student, teacher)


def _compares(student: Model, teacher: Model) -> tuple[str, str, str] | None:
    """Logits are compared number by number, so both heads must be over the same vocabulary."""
    for model, other in ((teacher, "the teacher"), (student, "the student")):
        if not model.main.head:
            message = f"{other} {model.id} has no output head, so there are no logits to compare"
            return "teacher", message, "Name a pair of models with output heads over one vocabulary."
    if abs(teacher.main.head - student.main.head) > PADDING:
        message = f"{teacher.id} has {teacher.main.head:,} outputs and {student.id} {student.main.head:,}"
        return "teacher", message, "Name a teacher with the student's vocabulary, or write distil: text."
    return None


def _writes(workload: Training, teacher: Model) -> tuple[str, str, str] | None:
    if teacher.one_pass or not teacher.main.head:
        message = f"{teacher.id} writes no token after another"
        return "teacher", message, "Name a model that writes text, or write distil: logits."
    if workload.sequence > teacher.context:
        message = (
            f"{teacher.id} reads and writes at most {teacher.context:,} tokens, a sequence has {workload.sequence:,}"
        )
        return "teacher", message, f"Write sequence: {teacher.context}, or name a teacher with a longer context."
    if (workload.prompt or PROMPT) >= workload.sequence:
        message = (
            f"a prompt of {workload.prompt or PROMPT:,} tokens leaves none of the {workload.sequence:,} of a sequence"
        )
        return "prompt", message, f"Write {workload.sequence // 2} tokens or fewer."
    return None
