"""The answer of `train`: as text, and as files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

import yaml

from firstlight import units
from firstlight.evaluate.training import TrainingAnswer, TrainingRun
from firstlight.export.files import complaints, publish, stage
from firstlight.export.megatron import megatron
from firstlight.export.report.words import plural
from firstlight.export.torchtitan import torchtitan
from firstlight.export.trace import trace
from firstlight.performance.result import TrainingResult
from firstlight.performance.training.search.advice import difference
from firstlight.performance.training.search.found import Alternative, TrainingSearch
from firstlight.performance.training.search.reasons import WORDS
from firstlight.performance.training.timeline import COMMUNICATION
from firstlight.spec import load
from firstlight.spec.design import TrainingLayout
from firstlight.twin.result import show

_ALTERNATIVES = 3
"""Best alternatives of each axis that the text tells; the JSON has them all."""
_SMALL = 0.0005
"""Share of a step, or of the memory, below which a part is not told."""


_LAUNCH = {"Megatron-LM": ("megatron.sh", megatron), "TorchTitan": ("torchtitan.toml", torchtitan)}
"""End of the name, and text, of each framework's launch file."""


def write_training(answer: TrainingAnswer, folder: Path) -> tuple[Path, ...]:
    """Write the JSON, and for each run its trace and its launch files; what an earlier run left there is replaced.

    Returns:
        training.json; design.yaml, the resolved plan; then of each run NAME.trace.json, and where the framework runs
        on the accelerator NAME.megatron.sh and NAME.torchtitan.toml.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    with complaints(folder), stage(folder) as hidden:
        texts = {
            "training.json": json.dumps(answer.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            "design.yaml": load.dump(answer.plan, base=answer.base, to=folder),
        }
        for name, run in zip(_names(answer), answer.runs, strict=True):
            texts[f"{name}.trace.json"] = trace(run.timeline())
            made = {file: write for framework, (file, write) in _LAUNCH.items() if _runs_on(framework, run)}
            texts |= {f"{name}.{file}": write(run.workload, run.model, run.result) for file, write in made.items()}
        for name, text in texts.items():
            (hidden / name).write_text(text, "utf-8")
        written = publish(hidden, folder, [*texts])
        for stale in {f"{name}.{file}" for name in _names(answer) for file, _ in _LAUNCH.values()} - texts.keys():
            (folder / stale).unlink(missing_ok=True)
        return written


def _runs_on(framework: str, run: TrainingRun) -> bool:
    return run.parts.accelerator.vendor.lower() in [maker.lower() for maker in _makers()[framework]]


@cache
def _makers() -> dict[str, list[str]]:
    text = (resources.files("firstlight.data") / "launch.yaml").read_text("utf-8")
    return cast("dict[str, list[str]]", yaml.safe_load(text))


def _names(answer: TrainingAnswer) -> list[str]:
    """Beginning of the name of each run's files: the model, with its place in the demand where it is trained twice."""
    names = [run.result.model for run in answer.runs]
    return [
        name if names.count(name) == 1 else f"{name}-{run.demand}"
        for name, run in zip(names, answer.runs, strict=True)
    ]  # fmt: skip


def training_summary(answer: TrainingAnswer) -> str:
    """Every run in words: layout, speed, where the time goes, memory, what was searched and what was assumed."""
    head = f"{answer.name}: {answer.accelerators:,} {answer.accelerator} in {answer.system}"
    lines = [f"{head}, scale-up domain {answer.scale_up_domain}"]
    for run in answer.runs:
        lines += ["", f"{run.result.model} on {run.result.accelerators:,} accelerators, {run.result.precision}"]
        lines += [f"  {label:<9} {text}" for label, text in _rows(run)]
    lines += ["", *(f"  proposed  {text}" for text in answer.proposed)]
    own = [entry.name for entry in answer.assumptions if entry.standing == "user"]
    told = f"; of the plan: {', '.join(own)}" if own else ""
    return "\n".join([*lines, f"  assumed   {len(answer.assumptions)} assumptions, which --json lists{told}"])


def _rows(run: TrainingRun) -> Iterator[tuple[str, str]]:
    result = run.result
    yield "layout", f"{layout_words(result.layout)}, {result.data:,} data-parallel ranks"
    batch = (
        f"{units.show(result.batch, 'tokens')}, {plural(result.micro_batches, 'micro-batch', 'micro-batches')} a rank"
    )
    yield "step", f"{show(result.step_time, 's')} for {batch}"
    each = units.show(result.tokens_per_s.p50 / result.accelerators, "rate")
    yield "speed", f"{show(result.tokens_per_s, '1/s')} tokens, {each} an accelerator"
    mfu, peak = result.mfu, f"of the dense {result.precision} peak, masked attention not counted"
    beside = f"; the teacher's forward pass {result.teacher_mfu.p50:.1%} of it beside" if result.teacher_mfu else ""
    yield "MFU", f"{mfu.p50:.1%} ({mfu.p10:.1%} to {mfu.p90:.1%}) {peak}{beside}"
    yield from _teacher(result)
    yield "run", f"{show(result.duration, 's')} for {units.show(result.tokens, 'tokens')}, without interruptions"
    yield from _time(run)
    yield from _memory(run)
    yield "software", f"of {run.a['performance.software_year']:g} (assumption performance.software_year)"
    known = "" if result.step_time.calibrated else "; this case lies outside the data that it was learnt from"
    yield "interval", f"{result.step_time.basis}{known}"
    without = [framework for framework in _LAUNCH if not _runs_on(framework, run)]
    if without:
        yield "launch", f"no file for {' and '.join(without)}, which do not run on {run.parts.accelerator.name}"
    if run.search:
        yield from _search(run.search, result.layout)


def _teacher(result: TrainingResult) -> Iterator[tuple[str, str]]:
    """What the teacher does, if there is one."""
    if not result.teacher:
        return
    written = result.generation
    if written is None:
        yield "teacher", f"{result.teacher} runs forward on every micro-batch, in the same layout"
        return
    replicas = plural(written.replicas, "replica")
    yield "teacher", f"{result.teacher} writes the tokens first: {replicas}, {show(written.tokens_per_s, '1/s')} tokens"
    hours = units.show(written.accelerator_time.p50 / units.HOUR, "number")
    yield "", f"{show(written.duration, 's')}, {hours} accelerator-hours, part of the run below"


def _time(run: TrainingRun) -> Iterator[tuple[str, str]]:
    """Parts of the step, longest first; of communication only what is seen counts."""
    step = run.result.step_time.p50
    parts = sorted(run.result.step_parts.items(), key=lambda part: -part[1])
    for index, (name, time) in enumerate(part for part in parts if part[1] > _SMALL * step):
        seen = ", exposed" if name in COMMUNICATION else ""
        told = f"{units.show(time, 'time'):>9} {time / step:6.1%}  {WORDS.get(name, name)}{seen}"
        yield "" if index else "time", told


def _memory(run: TrainingRun) -> Iterator[tuple[str, str]]:
    result = run.result
    of = f"{units.show(result.memory, 'bytes')} of {units.show(result.memory_available, 'bytes')}"
    yield "memory", f"{of}: {'fits' if run.fits else f'does not fit; {run.advice}'}"
    for name, size in sorted(result.memory_parts.items(), key=lambda part: -part[1]):
        if size > _SMALL * result.memory:
            yield "", f"{units.show(size, 'bytes'):>9} {size / result.memory:6.1%}  {name}"
    stages = [sum(sizes) for sizes in zip(*result.memory_stages.values(), strict=True)]
    if len(stages) > 1:
        yield "stages", ", ".join(_runs_of([units.show(size, "bytes") for size in stages]))


def _runs_of(words: list[str]) -> Iterator[str]:
    """Words in order, those that repeat told once: "3 x 71 GB"."""
    for word, same in itertools.groupby(words):
        count = len([*same])
        yield f"{count} x {word}" if count > 1 else word


def layout_words(layout: TrainingLayout) -> str:
    """A layout in one line; what is 1 or as it is by itself is left out."""
    chunks = f" x {layout.interleave} chunks" if layout.interleave > 1 else ""
    told = [
        f"{name} {getattr(layout, name)}{chunks if name == 'pipeline' else ''}"
        for name in ("tensor", "pipeline", "context", "expert")
        if getattr(layout, name) > 1
    ]
    told += [f"ZeRO-{layout.zero}", f"micro-batch {layout.micro_batch}", f"recompute {layout.recompute}"]
    named = {"tensor", "pipeline", "interleave", "context", "expert", "zero", "micro_batch", "recompute"}
    others = layout.model_dump(mode="json", exclude_defaults=True, exclude=named)
    told += [f"{name.replace('_', ' ')} {' and '.join(v) if isinstance(v, list) else v}" for name, v in others.items()]
    return ", ".join(told)


def _search(found: TrainingSearch, layout: TrainingLayout) -> Iterator[tuple[str, str]]:
    share = 1 - found.fit / found.tried
    yield "search", f"{found.tried:,} layouts tried, {found.fit:,} fit; {share:.0%} lost to memory"
    yield "", f"{found.excluded:,} more cannot be faster in the memory that they take"
    for reason, count in found.refused.items():
        yield "", f"{count:,} more are refused, as no framework starts them: {reason}"
    if found.layout != layout:
        yield "best", f"{layout_words(found.layout)}: {units.show(found.step_time, 'time')} a step"
    for other in _told(found):
        yield "", f"{_name(other):<16} {_slower(other):>9}  {other.why}{_beside(found.layout, other)}"
    yield "front", f"{len(found.front.layouts)} layouts that nothing beats in both time and memory"
    for index in _spread(len(found.front.layouts)):
        memory, time = found.front.memory[index], found.front.step_time[index]
        told = f"{units.show(memory, 'bytes'):>9} {units.show(time, 'time'):>9}"
        yield "", f"{told}  {layout_words(found.front.layouts[index])}"


def _told(found: TrainingSearch) -> Iterator[Alternative]:
    """The layout of the plan, and of each axis the alternatives that lose the least."""
    for axis in dict.fromkeys(other.axis for other in found.alternatives):
        own = [other for other in found.alternatives if other.axis == axis]
        fitting = sorted((other for other in own if other.layout), key=lambda other: other.slower)
        chosen = fitting[:_ALTERNATIVES] or own[:1]
        yield from (other for other in own if other in chosen)


def _name(other: Alternative) -> str:
    return f"{other.axis} {other.value}".replace("_", "-")


def _beside(best: TrainingLayout, other: Alternative) -> str:
    """What else is different in an alternative, as its axis alone would be slower still."""
    if other.layout is None:
        return ""
    same = best.model_copy(update={other.axis: getattr(other.layout, other.axis, None)})
    changed = difference(same, other.layout)
    return f"; with {changed}" if changed else ""


def _slower(other: Alternative) -> str:
    return f"{other.slower:+.1%}" if other.layout else "no fit"


def _spread(count: int) -> list[int]:
    """A few places from the first to the last."""
    return sorted({round(index * (count - 1) / 4) for index in range(5)})
