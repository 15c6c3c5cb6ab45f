"""Time of a decode step and of a prefill, for one layout or a million."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.serving.layer import Parts, Pass, layer_parts
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.rates import serving_rates
from firstlight.performance.shapes import Layer
from firstlight.twin.protocols import Floats


def decode_parts(
    case: Case, batch: ArrayLike, context: ArrayLike | None = None, verified: ArrayLike | None = None
) -> Parts:
    """One step for each of a replica's requests [s], by part; arrays (..., n).

    Args:
        case: the n layouts.
        batch: requests decoded at once by a replica (..., n); below 1 a step still decodes one.
        context: mean tokens behind the new one (..., n); by default the prompt and half of the answer.
        verified: tokens of each request in the step (..., n); by default one, or with the drafts of the case, which are
            then drafted in the step too.

    With a pipeline the batch goes through in as many parts as there are stages; a token waits for all stages, and all
    parts are drafted for on the last.
    """
    layout = case.layouts
    rows = np.maximum(np.asarray(batch, dtype=float) / (layout.data * layout.pipeline), 1.0)
    parts_of_batch = np.clip(np.asarray(batch, dtype=float) / layout.data, 1.0, layout.pipeline)
    rates = serving_rates(case.work, case.dense_type, case.a, prefill=False)
    behind = case.prompt + case.answer / 2.0 if context is None else np.asarray(context, dtype=float)
    drafts = case.drafts if verified is None else None
    several = drafts.verified if drafts else 1.0 if verified is None else verified
    tokens = rows * np.asarray(several, dtype=float)
    run, alone = Pass(tokens, rows, behind, False, rates), Pass(rows, rows, behind, False, rates)
    parts = _through(case.decoding, case, run)
    host = case.a["performance.serving_step"] + case.a["performance.serving_sequence"] * rows
    return {
        **parts,
        "weights": parts["weights"] + _head(case, run, tokens),
        "host": host,
        "pipeline": _hops(case, tokens),
        **({"drafts": parts_of_batch * drafts.tokens * _draft(case, alone)} if drafts else {}),
    }


def _draft(case: Case, run: Pass) -> Floats:
    """One drafted token for each request of a pass [s]: a layer like the last, and the head."""
    layer = sum(layer_parts(case.decoding[-1], case, run).values(), np.zeros(len(case.layouts)))
    return layer + _head(case, run, run.tokens)


def prefill_time(case: Case, prompts: ArrayLike) -> Floats:
    """Time until each attention rank of a replica has read `prompts` prompts [s] (n,).

    Prompts longer than a chunk take several passes, which read the weights again; the keys that a token sees are
    counted in the mean over its prompt.
    """
    tokens = np.asarray(prompts, dtype=float) * case.prompt * np.ones(len(case.layouts))
    passes = np.ceil(tokens / case.a["performance.serving_prefill_chunk"])
    rates = serving_rates(case.work, case.dense_type, case.a, prefill=True)
    run = Pass(tokens / passes, np.maximum(np.asarray(prompts) / passes, 1.0), case.prompt, True, rates)
    once = sum(_filled(case, run).values(), np.zeros(len(tokens))) + _hops(case, tokens / passes)
    return passes * (once + case.a["performance.serving_step"]) + _head(case, run, np.maximum(prompts, 1.0))


def chunk_time(case: Case, tokens: ArrayLike, keys: ArrayLike) -> Floats:
    """One prefill pass over `tokens` tokens of prompts on each attention rank [s] (..., n).

    Args:
        tokens: of all prompts in the pass (..., n).
        keys: twice those that a token sees on average: the prompt's length where it is read in one pass (..., n).
    """
    read, behind = np.asarray(tokens, dtype=float), np.asarray(keys, dtype=float)
    rates = serving_rates(case.work, case.dense_type, case.a, prefill=True)
    run = Pass(read, np.ones_like(read), behind, True, rates)
    once = sum(_filled(case, run).values(), np.zeros(len(case.layouts))) + _hops(case, read)
    return once + case.a["performance.serving_step"] + _head(case, run, run.requests)


def _filled(case: Case, run: Pass) -> Parts:
    """All layers of a prefill; a drafter, one like the last, on the stage that the others then wait for."""
    found = _through(case.layers, case, run)
    if case.drafts:
        more = sum(layer_parts(case.decoding[-1], case, run).values(), np.zeros(len(case.layouts)))
        found["drafts"] = more * case.layouts.pipeline
    return found


def _through(layers: tuple[Layer, ...], case: Case, run: Pass) -> Parts:
    """All layers of a pass."""
    total: Parts = {}
    for layer in layers:
        seen = run if layer.length is None or not run.filling else run.of(layer.length)
        for name, time in layer_parts(layer, case, seen).items():
            total[name] = total.get(name, 0.0) + layer.count * time
    return total


def _head(case: Case, run: Pass, rows: Floats) -> Floats:
    """The output head on the last token of each sequence."""
    if not case.ends.outputs:
        return np.zeros(len(case.layouts))
    return gemm(rows, case.ends.outputs / case.layouts.tensor, float(case.ends.hidden), run.rates.head)


def _hops(case: Case, tokens: Floats) -> Floats:
    """Activations from stage to stage."""
    stages = case.layouts.pipeline
    size = tokens * case.ends.hidden * 2.0 / case.layouts.tensor
    once = case.collective("send_receive", size, case.stage_group)
    return np.where(stages > 1, (stages - 1) * once, 0.0)
