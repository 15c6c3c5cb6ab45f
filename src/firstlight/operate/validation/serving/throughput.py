"""Vendors' throughput tables and MLPerf against the serving model: one metric a row."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from firstlight.errors import FirstlightError
from firstlight.operate.validation import table
from firstlight.operate.validation.score import Outcome
from firstlight.operate.validation.serving import engines
from firstlight.operate.validation.serving.engines import Values, assumptions
from firstlight.operate.validation.serving.predict import Machines
from firstlight.operate.validation.serving.reading import BYTES, ROOM, model_of
from firstlight.operate.validation.serving.score import ServingScoreboard
from firstlight.operate.validation.serving.validate import BASIS
from firstlight.operate.validation.table import CellError, Row
from firstlight.performance.machine import family, machine
from firstlight.performance.serving.batching import at_rate, flow, front_end
from firstlight.performance.serving.bulk import queued, together
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.loops import Loop, aggregated, capacity
from firstlight.performance.shapes import layers
from firstlight.spec.catalog import Catalog
from firstlight.spec.model import Model
from firstlight.spec.parameters import parameters
from firstlight.spec.parts import Accelerator
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

COLUMNS = (
    "case_id", "source", "model", "accelerator", "n_accel", "tp", "pp", "ep", "dp", "weights_precision",
    "kv_precision", "framework", "framework_version", "scenario", "isl", "osl", "concurrency_or_batch", "request_rate",
    "metric_name", "metric_value", "notes", "tier",
)  # fmt: skip
UNREAD = ("source_locator", "date", "params_b", "disagg", "prefill_accel", "decode_accel")
RATES = ("output_tokens_per_s_total", "output_tokens_per_s_per_accel", "requests_per_s", "total_tokens_per_s")
TIMES = ("ttft_ms", "tpot_ms", "latency_ms", "tokens_per_s_per_user")
QUEUED = 1000
"""Requests of an offline run that does not say how many it queued."""
KINDS = (("int4", "fp4"), ("fp4", "fp4"), ("fp8", "fp8"), ("int8", "fp8"), ("bf16", "bf16"), ("fp16", "bf16"),
         ("fp32", "bf16"))  # fmt: skip
"""Types by the first word that a cell has."""
SUBMITTED = "MLPerf"

Interval = Mapping[str, Sequence[float]]
"""Low and high measured over predicted of rates and of times."""


@dataclass(frozen=True)
class Job:
    """One measured figure, ready to be predicted.

    Attributes:
        model, accelerator, kind, engine, wide_cache: as for `reading.Served`.
        tensor, pipeline, data, expert: of a replica. replicas: that share the work. accelerators: all of them.
        prompt, answer: tokens. load: requests in flight or queued; rate: of arrival [1/s], infinite where all wait.
        scenario, metric: as the row has them. manners: see `engines.assumptions`. assumed: what was taken by default.
    """

    model: Model
    accelerator: str
    kind: str
    engine: str
    wide_cache: bool
    tensor: int
    pipeline: int
    data: int
    expert: int
    replicas: int
    prompt: float
    answer: float
    load: float
    rate: float
    scenario: str
    metric: str
    manners: tuple[str, ...]
    assumed: tuple[str, ...]

    @property
    def accelerators(self) -> int:
        """Of all replicas."""
        return self.tensor * self.pipeline * self.data * self.replicas


def validate_throughput(cases: Path, catalog: Catalog, *, tiers: Iterable[str] = ("A", "B")) -> ServingScoreboard:
    """Predict every figure of a table of throughputs.

    Args:
        cases: CSV with the columns of `COLUMNS`.
        catalog: parts.
        tiers: those that count; rows of others are left out, those without a tier are not.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no row of it is of these tiers.
    """
    rows = table.counted(table.read(cases, COLUMNS, UNREAD), tiers, cases)
    jobs = [read_job(row, catalog) for row in rows]
    widths = engines.table()["throughput_interval"]
    found = iter(predicted([job for job in jobs if isinstance(job, Job)], Machines(catalog)).tolist())
    outcomes = tuple(
        outcome(row, job, next(found) if isinstance(job, Job) else None, widths)
        for row, job in zip(rows, jobs, strict=True)
    )
    groups = tuple((one.slices["model"], one.slices["accelerator"], one.slices["scenario"]) for one in outcomes)
    return ServingScoreboard("throughput", outcomes, groups)


def read_job(row: Row, catalog: Catalog) -> Job | str:
    """A row with its defaults, or why it cannot be predicted."""
    try:
        return _read(row, catalog)
    except (CellError, FirstlightError) as error:
        return " ".join(str(error).split())


def _read(row: Row, catalog: Catalog) -> Job:
    told = list[str]()
    metric = row.text("metric_name")
    if metric not in (*RATES, *TIMES):
        raise CellError(f'metric_name: "{metric[:40]}" is none of {", ".join((*RATES, *TIMES))}')
    model = model_of(row.text("model"), told)
    chip = catalog.part(Accelerator, row.text("accelerator"))
    kind = _kind(row, model, chip, told)
    count = row.count("n_accel") or row.count("tp") or 1
    tensor, pipeline = row.count("tp"), row.count("pp") or 1
    if tensor is None:
        least = parameters(model) * BYTES[kind] / (ROOM * chip.memory)
        tensor = min(2 ** math.ceil(math.log2(max(least, 1.0))), count)
        told.append(f"tp {tensor}")
    data, expert = row.count("dp") or 1, row.count("ep") or 1
    if "--ep" in row.text("notes") and row.count("ep") is None and any(layer.routed for layer in layers(model)):
        expert = tensor
        told.append(f"ep {expert}, as the notes say that experts are spread")
        if row.count("dp") is None and "attention DP" in row.text("notes"):
            data, tensor = tensor, 1
            told.append(f"dp {data}, as the notes say that attention is data-parallel")
    prompt, answer = _lengths(row, model, told)
    replica = tensor * pipeline * data
    scenario = row.text("scenario")
    load = row.number("concurrency_or_batch") or _queued(row, prompt, answer, told)
    text = row.text("request_rate")
    rate = math.inf if text in ("", "inf") else row.number("request_rate") or math.inf
    engine = "vllm" if "vllm" in row.text("framework").lower() else "trtllm"
    wide = row.text("kv_precision").startswith(("bf16", "fp16", "auto")) and kind != "bf16"
    return Job(
        model, chip.id, kind, engine, wide, tensor, pipeline, data, min(expert, tensor * data),
        max(count // replica, 1), prompt, answer, load, rate, scenario, metric, _manners(row, rate), tuple(told),
    )  # fmt: skip


def _manners(row: Row, rate: float) -> tuple[str, ...]:
    """How the engine was driven, and with which of its backends; of built engines, whether they are old."""
    if math.isfinite(rate) or row.text("scenario") == "fixed-concurrency":
        return ()
    if row.text("scenario") == "static-batch":
        return ("queued", "static")
    if "PyTorch" in row.text("framework"):
        return ("queued", "pytorch")
    old = re.search(engines.table()["old"], row.text("framework_version")) is not None
    return ("queued", "old") if old and "TensorRT" in row.text("framework") else ("queued",)


def _kind(row: Row, model: Model, chip: Accelerator, told: list[str]) -> str:
    text = row.text("weights_precision").lower()
    if model.id in engines.table()["released_in"]:
        return engines.table()["released_in"][model.id]
    kind = next((kind for word, kind in KINDS if word in text), None)
    if kind is None:
        kind = "bf16"
        told.append("weights in bf16")
    if SUBMITTED in row.text("source") and kind == "bf16" and chip.fp8 is not None and chip.id.startswith("nvidia"):
        kind = "fp4" if chip.fp4 is not None else "fp8"
        told.append(f"weights in {kind}, as such submissions run")
    return kind


def _lengths(row: Row, model: Model, told: list[str]) -> tuple[float, float]:
    prompt, answer = row.number("isl"), row.number("osl")
    if prompt is None:
        prompt = engines.table()["prompts"].get(model.id)
        if prompt is None:
            raise CellError("isl is empty")
        told.append(f"prompts of {prompt:g}")
    if answer is None:
        answer = float(engines.table()["summary"])
        told.append(f"answers of {answer:g}")
    return float(prompt), answer


def _queued(row: Row, prompt: float, answer: float, told: list[str]) -> float:
    """Requests that an offline run queues: those of the notes for its lengths, else a thousand."""
    pair = re.search(rf"{prompt:.0f}/{answer:.0f}[^:;]*: ?(\d+)", row.text("notes"))
    if SUBMITTED in row.text("source"):
        return 24_000.0
    count = float(pair[1]) if pair else float(QUEUED)
    if not pair:
        told.append(f"{count:g} requests queued")
    return count


def predicted(jobs: Sequence[Job], machines: Machines, values: Values | None = None) -> Floats:
    """The metric of each job, as its row has it (..., jobs)."""
    parted: dict[tuple[object, ...], list[int]] = {}
    for index, job in enumerate(jobs):
        key = (
            job.model.id,
            job.accelerator,
            job.kind,
            job.engine,
            job.wide_cache,
            job.scenario,
            job.manners,
            math.isfinite(job.rate),
        )
        parted.setdefault(key, []).append(index)
    found = [(index, _together([jobs[i] for i in index], machines, values)) for index in parted.values()]
    shape = np.broadcast_shapes(*(each.shape[:-1] for _, each in found)) if found else ()
    out = np.empty((*shape, len(jobs)))
    for index, each in found:
        out[..., index] = each
    return out


def case_of(jobs: Sequence[Job], machines: Machines, values: Values | None) -> Case:
    """One case of jobs that share model, machine, type, engine and cache."""
    first = jobs[0]
    parts, time = machines.of(first.accelerator)
    a = assumptions(first.engine, family(parts.accelerator.architecture), first.wide_cache, values, first.manners)
    work = machine(parts.accelerator, parts.host, parts.system, first.kind, a)
    rows = np.array([(job.tensor, job.pipeline, job.data, job.expert, 1, 1, 0) for job in jobs], dtype=np.int64)
    prompt, answer = (np.array([getattr(job, name) for job in jobs]) for name in ("prompt", "answer"))
    return Case(first.model, prompt, answer, work, Layouts(*rows.T), time, a)


def _together(jobs: Sequence[Job], machines: Machines, values: Values | None) -> Floats:
    case, scenario = case_of(jobs, machines, values), jobs[0].scenario
    load, replicas = (np.array([float(getattr(job, name)) for job in jobs]) for name in ("load", "replicas"))
    count = np.array([float(job.accelerators) for job in jobs])
    if scenario == "static-batch":
        first, step, whole = together(case, load / replicas)
        tokens = load * case.answer / whole
    elif scenario == "fixed-concurrency":
        none = np.zeros(len(jobs))
        seen = aggregated(case, Loop(load / replicas, none, none, none, none))
        first, step = seen.first_token, seen.per_token
        whole = first + case.further * step
        tokens = load * case.answer / whole
    elif math.isfinite(jobs[0].rate):
        first, step = _served(jobs, case)
        whole = first + case.further * step
        tokens = np.array([job.rate for job in jobs]) * case.answer
    else:
        tokens, full = queued(case, load / replicas) * replicas, flow(case, capacity(case))
        first, step = full.first_token, full.per_token
        whole = first + case.further * step
    return np.where(
        [job.metric == "ttft_ms" for job in jobs], 1e3 * first, _metric(jobs, case, step, whole, tokens, count)
    )


def _metric(jobs: Sequence[Job], case: Case, step: Floats, whole: Floats, tokens: Floats, count: Floats) -> Floats:
    every = {
        "output_tokens_per_s_total": tokens,
        "output_tokens_per_s_per_accel": tokens / count,
        "requests_per_s": tokens / case.answer,
        "total_tokens_per_s": tokens / case.answer * (case.answer + case.prompt),
        "tpot_ms": 1e3 * step,
        "latency_ms": 1e3 * whole,
        "tokens_per_s_per_user": 1.0 / step,
    }
    names = np.array([job.metric for job in jobs])
    return np.select([names == name for name in every], list(every.values()), np.nan)


def _served(jobs: Sequence[Job], case: Case) -> tuple[Floats, Floats]:
    """First token and time per token of open loops at their rates [s].

    LoadGen and gptManagerBenchmark call the engine in their own process: no server stands in front of it.
    """
    found = list[tuple[float, float]]()
    most = capacity(case)
    for index, job in enumerate(jobs):
        one, each = case.of(np.array([index])), job.rate / job.replicas
        batch = at_rate(partial(flow, one), each, float(np.ravel(most)[index]))
        now = flow(one, np.array([batch]), each)
        found.append((float(np.ravel(now.first_token)[0]), float(np.ravel(now.per_token)[0])))
    first, token = np.array(found).T
    return first - front_end(case), token


def outcome(row: Row, job: Job | str, p50: float | None, widths: Interval) -> Outcome:
    """What comes of one row: its prediction, or why there is none."""
    slices = {name: row.text(name) for name in ("source", "scenario", "model", "accelerator", "weights_precision")}
    name, metric = row.text("case_id"), row.text("metric_name")
    try:
        measured = row.number("metric_value")
    except CellError as error:
        return Outcome(name, metric, math.nan, None, 1.0, slices, reason=str(error))
    reason = job if isinstance(job, str) else ""
    if measured is None or isinstance(job, str) or p50 is None or not math.isfinite(p50):
        reason = reason or ("metric_value is empty" if measured is None else f"{metric} of {row.text('scenario')} runs")
        return Outcome(name, metric, measured or math.nan, None, 1.0, slices, reason=reason)
    low, high = widths["times" if metric.endswith("_ms") else "rates"]
    return Outcome(
        name, metric, measured, Prediction(p50 * low, p50, p50 * high, True, BASIS), 1.0, slices, job.assumed
    )
