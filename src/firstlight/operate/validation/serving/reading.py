"""What a row of measurements/serving.csv says of a run, and what its empty cells are taken as."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

from firstlight.errors import UsageError
from firstlight.operate.validation.serving import engines, layouts
from firstlight.operate.validation.serving.layouts import Engine, Question
from firstlight.operate.validation.table import CellError, Row
from firstlight.performance.machine import family
from firstlight.performance.shapes import layers
from firstlight.spec import models
from firstlight.spec.catalog import Catalog
from firstlight.spec.model import Model
from firstlight.spec.parameters import parameters
from firstlight.spec.parts import Accelerator, System

COLUMNS = (
    "case_id", "weight", "measured", "engine", "engine_version", "model", "accelerator", "precision", "mode", "isl",
    "osl", "concurrency", "batch_size", "tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size",
    "prefill_num_workers", "prefill_tp_size", "prefill_attention_dp_size", "prefill_moe_tp_size",
    "prefill_moe_ep_size", "decode_batch_size", "decode_num_workers", "decode_tp_size", "decode_attention_dp_size",
    "decode_moe_tp_size", "decode_moe_ep_size", "ttft_ms", "tpot_ms", "tier", "likely_mtp", "source_notes",
)  # fmt: skip
UNREAD = (
    "config_id", "gemm_quant_mode", "moe_quant_mode", "prefill_batch_size", "prefill_pp_size", "decode_pp_size",
)  # fmt: skip
METRICS = ("ttft_ms", "tpot_ms")
KINDS = {"fp8": "fp8", "fp4": "fp4", "bf16": "bf16", "fp16": "bf16"}
BYTES = {"fp4": 0.5625, "fp8": 1.0, "bf16": 2.0}
"""Of a weight, where a layout is asked whether it can hold the model."""
ROOM = 0.8
"""Share of the memory that weights may take in such a question."""
WIDE = ("vllm", "sglang")
"""Engines whose cache keeps 16 bits by default; on Blackwell their launch scripts ask for 8."""
DRAWN, MEAN_OF_DRAWN = "uniformly 0.8x", 0.9
ENDINGS = re.compile(r"[-_](fp8|nvfp4|fp4|mxfp4|bf16|awq|int4)$", re.IGNORECASE)


@dataclass(frozen=True)
class Served:
    """One measured run, ready to be predicted.

    Attributes:
        model, accelerator, kind: what runs on what, in which type.
        engine, early, together, wide_cache: of the software; see `engines`.
        prompt, answer: mean tokens. equal: answers are all of one length. clients: requests in flight.
        reading, writing: engines; of one pool the same. readers, writers: how many; NaN where not known.
        split: the pools are two. drafts: tokens are drafted and verified.
        group: class of its intervals. assumed: what was taken by default.
    """

    model: Model
    accelerator: str
    kind: str
    engine: str
    early: bool
    together: bool
    wide_cache: bool
    prompt: float
    answer: float
    equal: bool
    clients: float
    reading: Engine
    writing: Engine
    readers: float
    writers: float
    split: bool
    drafts: bool
    group: str
    assumed: tuple[str, ...]

    @property
    def accelerators(self) -> float:
        """Of the whole deployment; NaN where the readers are not known."""
        if not self.split:
            return float(self.writing.accelerators)
        return self.readers * self.reading.accelerators + self.writers * self.writing.accelerators


def read_served(row: Row, catalog: Catalog) -> Served:
    """A row with its defaults: the one place that says what an empty cell, or a wrong one, is taken as.

    Precision: bf16, but what the checkpoint's name says; models with 4-bit experts run those. Lengths are 0.9 of
    nominal in the mean where the notes say that they are drawn from 0.8 to 1. Cache: 16 bits for vLLM before Blackwell.
    Layouts and workers: see `layouts`. Drafts: where `likely_mtp` says so, and for TensorRT-LLM with a reasoning
    checkpoint of latent attention whose workers are not stated.

    Raises:
        CellError: a cell that no default stands for is empty, or impossible.
        UsageError: a part or model that is not in the catalogue.
    """
    told = list[str]()
    model = model_of(row.text("model"), told)
    chip = catalog.part(Accelerator, row.text("accelerator"))
    made = family(chip.architecture)
    kind = _kind(row, model, told)
    engine, version = row.text("engine"), row.text("engine_version")
    drawn = DRAWN in row.text("source_notes")
    length = MEAN_OF_DRAWN if drawn else 1.0
    prompt, answer = row.needed("isl") * length, row.needed("osl") * length
    split = row.text("mode") == "disagg"
    one = layouts.stated(row, "", split=False)
    lost = not split and layouts.whole_deployment(one)
    latent = any(layer.latent for layer in layers(model))
    known = row.count("decode_num_workers") is not None
    domain = _domain(chip.id, catalog)
    two = split or lost
    reading, writing = (layouts.stated(row, f"{name}_", split=True) for name in ("prefill", "decode"))
    clients = _clients(row, writing, told)
    weights = parameters(model) * BYTES[kind]
    asked = Question(
        clients, prompt, weights / (ROOM * chip.memory), latent, _experts(model), domain, known
    )  # fmt: skip
    if two:
        reading, writing = layouts.pools(one if lost else reading, one if lost else writing, asked, lost, told)
    else:
        reading = writing = one
    readers, writers = float(row.count("prefill_num_workers") or math.nan), float(row.count("decode_num_workers") or 0)
    if two and not writers:
        writers = float(layouts.writers(writing, asked))
        told.append(f"{writers:g} decode workers")
    if two and math.isnan(readers):
        told.append("as many prefill workers as keep up")
    marked = row.text("likely_mtp").lower() in ("true", "1")
    guessed = not marked and _drafts(row, engine, latent, two, known)
    if guessed:
        told.append("speculative decoding on")
    equal = not drawn
    return Served(
        model, chip.id, kind, engine, engines.early(version, row.text("measured"), kind),
        equal and engines.together(engine, version), engine in WIDE and made != "blackwell", prompt, answer, equal,
        clients, reading, writing, readers, max(writers, 1.0), two, marked or guessed,
        _group(row, two, known, marked, latent, writing), tuple(told),
    )  # fmt: skip


def model_of(name: str, told: list[str]) -> Model:
    """The shipped model of a name, also of a quantised checkpoint's ("nvidia/DeepSeek-R1-NVFP4")."""
    try:
        return models.find(name)
    except UsageError:
        bare = ENDINGS.sub("", name.rsplit("/", 1)[-1])
        bare = re.sub(r"[-_]instruct$", "", bare, flags=re.IGNORECASE)
        found = models.find(bare.lower())
        told.append(f"model {found.id}")
        return found


def _kind(row: Row, model: Model, told: list[str]) -> str:
    named, text = row.text("model").lower(), row.text("precision").lower()
    if model.id in engines.table()["released_in"]:
        return engines.table()["released_in"][model.id]
    if not text:
        kind = "fp8" if "fp8" in named else "fp4" if "fp4" in named else "bf16"
        told.append(f"precision {kind}")
        return kind
    if text not in KINDS:
        raise CellError(f'precision: "{text[:40]}" is none of {", ".join(KINDS)}')
    return KINDS[text]


def _clients(row: Row, writing: Engine, told: list[str]) -> float:
    given = row.number("concurrency")
    if given:
        return given
    each, workers = row.number("decode_batch_size"), row.number("decode_num_workers")
    batch = row.number("batch_size") or (each * workers * writing.data if each and workers else None)
    if batch is None:
        raise CellError("concurrency and batch sizes are empty")
    told.append(f"concurrency {batch:g} from the batch")
    return batch


def _drafts(row: Row, engine: str, latent: bool, two: bool, known: bool) -> bool:
    """On in TensorRT-LLM's recipes for reasoning checkpoints with a prediction layer, but for full records."""
    return engine == "trtllm" and latent and row.text("model").endswith("-R1") and not (two and known)


@cache
def _experts(model: Model) -> int:
    return max((layer.routed.count for layer in layers(model) if layer.routed), default=0)


def _domain(accelerator: str, catalog: Catalog) -> int:
    found = [system.scale_up_domain for system in catalog.parts(System) if system.accelerator == accelerator]
    if not found:
        raise UsageError(f"no system of the catalogue holds {accelerator}")
    return max(found)


def _group(row: Row, two: bool, known: bool, marked: bool, latent: bool, writing: Engine) -> str:
    """Class of the run's intervals: what it leaves open."""
    if not row.text("concurrency"):
        return "load unknown"
    if marked:
        return "marked drafts"
    if two:
        return "two pools" if known else "two pools, workers unknown"
    if latent and row.text("engine") == "trtllm":
        return "one pool, drafts unknown"
    return "one pool, attention DP" if writing.data > 1 else "one pool"
