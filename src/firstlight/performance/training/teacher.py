"""Synthetic data: a teacher that writes the tokens before a run, served on the run's accelerators."""

from __future__ import annotations

from dataclasses import replace

from firstlight.errors import UsageError
from firstlight.performance.result import Generation, TrainingResult
from firstlight.performance.serving import fastest, serve
from firstlight.performance.training.layouts.run import Run
from firstlight.spec.model import Model
from firstlight.spec.teachers import unsuited
from firstlight.spec.workload import PROMPT, Serving


def check_teacher(run: Run) -> None:
    """Pass a run whose teacher is at hand and suits the student.

    Raises:
        UsageError: it does not; says why, and what would.
    """
    workload, teacher = run.workload, run.teacher
    if (workload.teacher is None) != (teacher is None):
        raise UsageError("a workload's `teacher:` and the architecture `teacher=` go together; give both or neither")
    if teacher and (found := unsuited(workload, run.model, teacher)):
        field, message, remedy = found
        raise UsageError(f"{field}: {message}; {remedy[:1].lower()}{remedy[1:].rstrip('.')}")


def generation(run: Run, teacher: Model) -> Generation:
    """A teacher writing the tokens of a run: replicas in the layout of the most tokens per second, at full batches.

    Each request fills a sequence: the prompt, and the answer as the rest of it; only answers are trained on. The
    weights are of the run's precision.

    Raises:
        InfeasibleError: no layout fits the accelerators.
    """
    workload = run.workload
    prompt = workload.prompt or PROMPT
    asked = Serving.model_validate({
        "serve": teacher.id, "requests": "1 /s", "prompt": prompt, "answer": workload.sequence - prompt,
        "precision": workload.precision,
    })  # fmt: skip
    parts = teacher, run.system, run.accelerator, run.host, run.accelerators
    layout, most = fastest(asked, *parts, run.collective, run.a)
    served = serve(asked.model_copy(update={"requests": most}), *parts, layout, run.collective, run.a)
    rate = served.capacity.scaled(asked.answer)
    duration = rate.inverse(workload.tokens)
    return Generation(
        prompt=prompt,
        answer=asked.answer,
        layout=served.layout,
        replicas=served.replicas,
        tokens_per_s=rate,
        duration=duration,
        accelerator_time=duration.scaled(run.accelerators),
        utilisation=served.utilisation,
    )


def after(result: TrainingResult, written: Generation) -> TrainingResult:
    """A run with the writing of its tokens before it: `duration` is both, `utilisation` the mean over both times."""
    before, training = written.duration.p50, result.duration.p50
    used = (written.utilisation * before + result.utilisation * training) / (before + training)
    both = written.duration.plus(result.duration)
    return replace(result, generation=written, duration=both, utilisation=used)
