"""What the factory trains and serves, and what that work spends its time and memory on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Chart, Fact, Facts, Section, Shares, Side, Table, Text, rows
from firstlight.export.report.charts.curve import Axis, Curve, Mark, Point, Series
from firstlight.export.report.layouts import layout_words
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.spec.design import ServingLayout
from firstlight.spec.workload import Serving
from firstlight.twin.result import Prediction

_TIMES = {
    "gemm": "matrix products",
    "elementwise": "elementwise work",
    "recompute": "activations computed again",
    "head": "embedding and output layer",
    "launch": "kernel launches",
    "overhead": "gaps between micro-batches",
    "tensor": "tensor-parallel traffic",
    "context": "context-parallel traffic",
    "expert": "expert-parallel traffic",
    "data": "data-parallel traffic",
    "pipeline": "pipeline traffic",
    "bubble": "pipeline bubble",
    "imbalance": "uneven pipeline stages",
    "jitter": "waiting for the slowest",
    "offload": "waiting for the host's memory",
    "sites": "waiting for other sites",
    "teacher": "the teacher's forward pass",
    "cache": "attention over the KV cache",
    "weights": "dense layers",
    "kernels": "small kernels",
    "host": "host and scheduler",
}
_MEMORY = {
    "optimizer": "optimizer states",
    "outer": "outer optimizer",
    "teacher": "the teacher's weights",
    "temporary": "backward pass",
    "communication": "communication buffers",
    "cache": "KV cache",
}


def _named(parts: dict[str, float], names: dict[str, str]) -> dict[str, float]:
    """Parts under names that a reader knows."""
    return {names.get(part, part): value for part, value in parts.items()}


def sections(evaluation: Evaluation) -> Iterable[Section]:
    """Training and serving, each where there is any."""
    if evaluation.training:
        yield _training(evaluation)
    if evaluation.serving:
        yield _serving(evaluation)


def _training(evaluation: Evaluation) -> Section:
    runs = list(zip(evaluation.training, evaluation.reliability.runs, strict=True))
    sentences = [
        f"{run.model} passes {words.show(run.tokens, 'tokens')} in {words.show(kept.duration.p50, 'time')}"
        for run, kept in runs
    ]
    blocks = [block for run, kept in runs for block in _run(run, kept, named=len(runs) > 1)]
    lead = "; ".join(sentences) + ", interruptions included."
    return Section("training", "Where a training step's time goes", lead, tuple(blocks), "Training")


def _run(run: TrainingResult, kept: RunReliability, *, named: bool) -> list[object]:
    head = [Text(f"{run.model} on {words.count(run.accelerators)} accelerators")] if named else []
    step = Shares(_named(run.step_parts, _TIMES), "time").stack("One optimizer step")
    memory = Shares(_named(run.memory_parts, _MEMORY), "bytes", run.memory_available).stack(
        "Memory of the fullest accelerator", "free"
    )
    return [*head, _training_facts(run, kept), Side((step, memory)), _training_layout(run)]


def _training_facts(run: TrainingResult, kept: RunReliability) -> Facts:
    return Facts((
        Fact("Step time", words.show(run.step_time.p50, "time"), words.p10_p90(run.step_time, "time")),
        Fact("Tokens per second", words.show(run.tokens_per_s.p50, "rate"),
             words.p10_p90(run.tokens_per_s, "rate")),
        Fact("MFU", words.share(run.mfu.p50), words.p10_p90(run.mfu, "fraction")),
        *_teacher(run),
        Fact("Without interruptions", words.show(run.duration.p50, "time"),
             words.p10_p90(run.duration, "time")),
        Fact("With interruptions", words.show(kept.duration.p50, "time"),
             words.p10_p90(kept.duration, "time")),
        Fact("Interval rests on", "calibrated" if run.step_time.calibrated else "not calibrated", run.step_time.basis),
    ))  # fmt: skip


def _teacher(run: TrainingResult) -> tuple[Fact, ...]:
    """Nothing without a teacher."""
    if run.teacher_mfu:
        told = f"{run.teacher}, forward on every micro-batch; not in the MFU"
        return (Fact("The teacher's share of the peak", words.share(run.teacher_mfu.p50), told),)
    if run.generation:
        told = f"by {run.teacher}, before the run and part of its time"
        return (Fact("Writing the tokens", words.show(run.generation.duration.p50, "time"), told),)
    return ()


def _training_layout(run: TrainingResult) -> Table:
    layout = run.layout
    lines = (
        ("Parameters", words.show(run.parameters, "count"), f"{words.show(run.active_parameters, 'count')} per token"),
        ("Accelerators", words.count(run.accelerators), "of this run"),
        ("Tensor parallel", words.count(layout.tensor), "with sequence parallelism"),
        ("Pipeline parallel", words.count(layout.pipeline), f"{words.plural(layout.interleave, 'chunk')} per stage"
         f", {layout.schedule}" * (layout.pipeline > 1)),
        ("Context parallel", words.count(layout.context), layout.context_kind * (layout.context > 1)),
        ("Expert parallel", words.count(layout.expert), "inside tensor × data"),
        ("Data parallel", words.count(run.data), f"ZeRO stage {layout.zero}"),
        ("Sequence", words.show(run.sequence, "tokens"), ""),
        ("Batch", words.show(run.batch, "tokens"),
         f"{words.plural(run.micro_batches, 'micro-batch', 'micro-batches')} of "
         f"{words.plural(layout.micro_batch, 'sequence')} per rank"),
        ("Recomputation", layout.recompute, "of activations in the backward pass"),
        ("In the host's memory", ", ".join(layout.offload) or "nothing", words.show(run.host_memory, "bytes")),
        ("Precision", run.precision, "of the matrix multiplications"),
        ("Power use", words.share(run.utilisation), "of the systems' power range, on average"),
    )  # fmt: skip
    return Table(f"How {run.model} is spread", ("", "Value", "Note"), "lrl", rows(lines), folded=True)


def _serving(evaluation: Evaluation) -> Section:
    asked = [workload for workload in evaluation.plan.demand if isinstance(workload, Serving)]
    pairs = list(zip(evaluation.serving, asked, strict=True))
    sentences = [
        f"{result.model} answers {words.per_second(result.requests)} requests a second, of "
        f"{words.per_second(result.capacity.p50)} that it could within its limits"
        for result, _ in pairs
    ]
    blocks = [block for pair in pairs for block in served(*pair, named=len(pairs) > 1)]
    lead = "; ".join(sentences) + "."
    return Section("serving", "Latency against throughput", lead, tuple(blocks), "Serving")


def served(result: ServingResult, asked: Serving, *, named: bool) -> list[object]:
    """What one served model reaches, where its time and memory go, and how it is laid out."""
    head = [Text(f"{result.model} on {words.count(result.accelerators)} accelerators")] if named else []
    first = _curve("Time to first token", result, result.curve.first_token, result.first_token, asked.first_token)
    token = _curve("Time per token", result, result.curve.per_token, result.per_token, asked.per_token)
    curves = Side((token, first)) if result.answer > 1 else first
    step = Shares(_named(result.step_parts, _TIMES), "time").stack("One decode step")
    memory = Shares(_named(result.memory_parts, _MEMORY), "bytes", result.memory_available).stack(
        "Memory of one accelerator", "free"
    )
    return [*head, _serving_facts(result), curves, Side((step, memory)), _curve_table(result), _serving_layout(result)]


def _curve(
    title: str, result: ServingResult, times: tuple[float, ...], planned: Prediction, limit: float | None
) -> Chart:
    """A latency against output tokens per second and accelerator, by batch, with the planned rate and the limit."""
    curve = result.curve
    points = tuple(
        Point(time, each, f"batch {batch}: {words.show(time, 'time')}, {words.show(each, 'rate')} tokens/s each",
              f"{'batch ' * (index == 0)}{batch}")
        for index, (batch, time, each) in enumerate(zip(curve.batch, times, curve.tokens_per_s_each, strict=True))
    )  # fmt: skip
    each = result.tokens_per_s.scaled(1 / result.accelerators)
    said = f"as planned: {words.spread(planned, 'time')}, {words.spread(each, 'rate')} tokens per accelerator"
    chart = Curve(
        Axis(title, "time", log=max(times, default=0) > 20 * min(times, default=1) > 0),
        Axis("Tokens/s an accelerator", "number"),
        (Series("by batch", points),),
        (limit, f"limit {words.show(limit, 'time')}") if limit is not None else None,
        Mark(planned, each, said),
    )
    label = f"{title} of {result.model} against output tokens per second and accelerator, by batch"
    return Chart.of(f"{title} against throughput", label, chart)


def _per_token(result: ServingResult) -> tuple[Fact, ...]:
    """Nothing where an answer is one pass."""
    value = Fact("Time per token", words.show(result.per_token.p50, "time"), words.p10_p90(result.per_token, "time"))
    return (value,) if result.answer > 1 else ()


def _at_percentiles(result: ServingResult) -> Iterator[Fact]:
    """Both latencies beyond the median, and the percentile at which the limits hold where that is not the median."""
    for name in [name for name in result.first_token_at if name != "p50"]:
        first, token = result.first_token_at[name], words.show(result.per_token_at[name].p50, "time")
        then = f"{token} a token" if result.answer > 1 else words.p10_p90(first, "time")
        yield Fact(f"First token, {name.upper()}", words.show(first.p50, "time"), then)
    if result.percentile > 50:
        yield Fact("Limits", f"P{result.percentile}", f"the limits hold at P{result.percentile}")


def _serving_facts(result: ServingResult) -> Facts:
    return Facts((
        Fact("Capacity within the limits", words.show(result.capacity.p50, "rate"),
             f"P10–P90: {words.interval(result.capacity, 'rate')}; asked: {words.show(result.requests, 'rate')}"),
        Fact("Time to first token", words.show(result.first_token.p50, "time"),
             words.p10_p90(result.first_token, "time")),
        *_per_token(result),
        *_at_percentiles(result),
        Fact("Output tokens per second", words.show(result.tokens_per_s.p50, "rate"),
             words.p10_p90(result.tokens_per_s, "rate")),
        Fact("Replicas", words.count(result.replicas),
             f"of {words.plural(result.replica_accelerators, 'accelerator')}"),
        Fact("Interval rests on", "calibrated" if result.per_token.calibrated else "not calibrated",
             result.per_token.basis),
    ))  # fmt: skip


def _curve_table(result: ServingResult) -> Table:
    curve = result.curve
    times, rates = (curve.first_token, curve.per_token), (curve.tokens_per_s_user, curve.tokens_per_s_each)
    lines = (
        (words.count(batch), words.show(first, "time"), words.show(token, "time"), words.show(user, "rate"),
         words.show(each, "rate"))
        for batch, first, token, user, each in zip(curve.batch, *times, *rates, strict=True)
    )  # fmt: skip
    columns = ("Batch", "First token", "Per token", "Tokens/s, one user", "Tokens/s, one accelerator")
    return Table("The curve in numbers", columns, "rrrrr", rows(lines), folded=True)


def _two_pools(layout: ServingLayout) -> list[tuple[str, str, str]]:
    """Nothing where all engines read and write."""
    if not layout.prefill:
        return []
    told = f"of {words.plural(layout.prefill.accelerators, 'accelerator')}, {layout_words(layout)}"
    return [("Engines that write", words.count(layout.engines), ""),
            ("Engines that read", words.count(layout.prefill.engines), told)]  # fmt: skip


def _serving_layout(result: ServingResult) -> Table:
    layout = result.layout
    lines = (
        ("Parameters", words.show(result.parameters, "count"),
         f"{words.show(result.active_parameters, 'count')} per token"),
        ("Accelerators", words.count(result.accelerators), f"{words.plural(result.replicas, 'replica')}"),
        ("Tensor parallel", words.count(layout.tensor), ""),
        ("Pipeline parallel", words.count(layout.pipeline), ""),
        ("Attention data parallel", words.count(layout.data), "each with its own requests"),
        ("Expert parallel", words.count(layout.expert), "inside tensor × data"),
        *_two_pools(layout),
        *([("Tokens a step", f"{result.tokens_per_step:.3g}", "accepted drafts and the model's own")]
          if result.tokens_per_step > 1 else []),
        ("Batch", words.count(layout.batch), "requests decoded at once by an engine"),
        ("Prompt", words.show(result.prompt, "tokens"), "mean"),
        ("Answer", words.show(result.answer, "tokens"), "mean"),
        ("Precision", result.precision, "of weights and matrix multiplications"),
        ("Power use", words.share(result.utilisation), "of the systems' power range, at the asked rate"),
    )  # fmt: skip
    return Table(f"How a replica of {result.model} is laid out", ("", "Value", "Note"), "lrl", rows(lines), folded=True)
