"""Rules of a layout's options: which go together, and which would have no effect."""

from __future__ import annotations

import math

from firstlight.errors import UsageError
from firstlight.performance.machine import Machine
from firstlight.performance.shapes import Layer, Softmax
from firstlight.spec.design import TrainingLayout
from firstlight.spec.workload import Training

PAIRS = 2
"""Micro-batches for each pipeline stage that DualPipe needs at least (github.com/deepseek-ai/DualPipe)."""


def check_options(
    shapes: tuple[Layer, ...], depth: int, workload: Training, accelerators: int, layout: TrainingLayout
) -> None:
    """Pass a layout whose options go together.

    Args:
        shapes: layers of the model, and of a teacher that runs beside it.
        depth: layers of the model.
        workload: sequence and batch.
        accelerators: of the run.
        layout: whose ranks go into them.

    Raises:
        UsageError: an option that has no effect, or that its size does not allow; says which, and the nearest choice.
    """
    for name, words in (("offload", layout.offload), ("recompute_modules", layout.recompute_modules)):
        if len(set(words)) < len(words):
            raise UsageError(f"{name} names something twice: {', '.join(words)}; name each once")
    _check_recompute(shapes, layout)
    data = accelerators // (layout.tensor * layout.pipeline * layout.context)
    _check_schedule(workload, layout, data)
    _check_stages(depth, layout)
    _check_context(shapes, layout)
    _check_experts(shapes, layout, data)
    _check_sites(layout, data)


def check_host(layout: TrainingLayout, work: Machine) -> None:
    """Pass a layout that keeps nothing in the host's memory, or a machine whose link to it is known.

    Raises:
        UsageError: it is not known.
    """
    asked = "offload" if layout.offload else "average: host" if layout.average == "host" else ""
    if asked and not work.host_link:
        raise UsageError(
            f"{asked}: the catalogue does not say how fast {work.accelerator} reaches its host's memory; add "
            f"`host_link:` to it, or leave {asked.partition(':')[0]} out"
        )


def divides(name: str, value: int, whole: int, what: str) -> None:
    """Pass a value that divides a whole.

    Raises:
        UsageError: it does not; names the nearest that does.
    """
    if whole % value:
        nearest = max(v for v in range(1, min(value, whole) + 1) if whole % v == 0)
        raise UsageError(f"{name} {value} does not divide {whole:,} {what}; the nearest that does is {nearest}")


def _check_recompute(shapes: tuple[Layer, ...], layout: TrainingLayout) -> None:
    """Modules that are computed again are there, and none within another."""
    modules = layout.recompute_modules
    if modules and layout.recompute != "selective":
        raise UsageError(
            f"recompute_modules have no effect with recompute: {layout.recompute}; write recompute: selective, or "
            "leave them out"
        )
    if "moe" in modules and (inside := {"moe_act", "shared_experts"} & set(modules)):
        raise UsageError(f"recompute_modules: moe computes {' and '.join(sorted(inside))} again already; leave it out")
    routed = any(layer.routed for layer in shapes)
    there = {
        "core_attn": any(isinstance(core, Softmax) for layer in shapes for core in layer.cores),
        "mla_up_proj": any(layer.latent for layer in shapes),
        "mlp": any(layer.inner_width and not layer.routed for layer in shapes),
        "shared_experts": any(layer.inner_width and layer.routed for layer in shapes),
        "moe": routed,
        "moe_act": routed,
    }
    for module in modules:
        if not there.get(module, True):
            raise UsageError(f"recompute_modules: {module} has no effect on a model without it; leave it out")


def _check_schedule(workload: Training, layout: TrainingLayout, data: int) -> None:
    name = layout.schedule
    if name == "1f1b":
        return
    if layout.pipeline == 1:
        raise UsageError(f"schedule {name} has no effect without a pipeline; write schedule: 1f1b")
    if layout.interleave > 1:
        raise UsageError(f"interleave has no effect with schedule {name}; write interleave: 1, or schedule: 1f1b")
    if name != "dualpipe":
        return
    if layout.pipeline % 2:
        raise UsageError(
            f"schedule dualpipe needs an even number of stages, not {layout.pipeline}; write pipeline: "
            f"{layout.pipeline + 1} or {layout.pipeline - 1}"
        )
    micro = math.ceil((workload.batch or math.inf) / workload.sequence / (data * layout.micro_batch) - 1e-9)
    if micro < PAIRS * layout.pipeline:
        raise UsageError(
            f"schedule dualpipe needs {PAIRS * layout.pipeline} micro-batches or more for {layout.pipeline} stages, "
            f"but a rank has {micro}; raise the batch, or write schedule: 1f1b"
        )


def _check_stages(depth: int, layout: TrainingLayout) -> None:
    """Layers of the end stages leave a whole number for each chunk of the others."""
    given = {name: getattr(layout, name) for name in ("first_layers", "last_layers")}
    given = {name: count for name, count in given.items() if count is not None}
    if not given:
        return
    if layout.pipeline == 1:
        raise UsageError(f"{next(iter(given))} has no effect without a pipeline; leave it out")
    rest, chunks = depth - sum(given.values()), (layout.pipeline - len(given)) * layout.interleave
    if rest >= 0 and (rest % chunks == 0 if chunks else rest == 0):
        return
    name, count = next(reversed(given.items()))
    fitting = [n for n in range(depth + 1) if (left := rest + count - n) >= 0 and left % (chunks or depth + 1) == 0]
    nearest = min(fitting, key=lambda n: abs(n - count), default=None)
    remedy = "write fewer" if nearest is None else f"the nearest that does is {name}: {nearest}"
    raise UsageError(
        f"{' and '.join(f'{n}: {c}' for n, c in given.items())} of {depth} layers leave {rest}, which do not spread "
        f"evenly over {chunks} chunks of the other stages; {remedy}"
    )


def _check_context(shapes: tuple[Layer, ...], layout: TrainingLayout) -> None:
    if layout.context_kind == "ring":
        return
    if layout.context == 1:
        raise UsageError(f"context_kind {layout.context_kind} has no effect with context: 1; leave it out")
    cores = [core for layer in shapes for core in layer.cores if isinstance(core, Softmax)]
    if not cores:
        raise UsageError(f"context_kind {layout.context_kind} has no effect on a model without attention; leave it out")
    for core in cores if layout.context_kind == "ulysses" else ():
        each = max(core.kv_heads // layout.tensor, 1)
        divides(
            "context", layout.context, each, "key and value heads of a tensor-parallel rank, which ulysses hands out"
        )


def _check_experts(shapes: tuple[Layer, ...], layout: TrainingLayout, data: int) -> None:
    widths = {layer.routed.width for layer in shapes if layer.routed}
    if layout.dispatch != "bf16" and not widths:
        raise UsageError("dispatch has no effect on a model without routed experts; write dispatch: bf16")
    if layout.expert_tensor == 1:
        return
    if not widths:
        raise UsageError("expert_tensor has no effect on a model without routed experts; write expert_tensor: 1")
    for width in widths:
        divides("expert_tensor", layout.expert_tensor, width, "columns of an expert")
    ranks = layout.tensor * layout.context * data // layout.expert
    divides("expert_tensor", layout.expert_tensor, max(ranks, 1), "ranks for each of the expert-parallel ones")


def _check_sites(layout: TrainingLayout, data: int) -> None:
    if layout.sites == 1:
        for name, idle in (("site_link", None), ("synchronise", 1), ("fragments", 1)):
            if getattr(layout, name) != idle:
                raise UsageError(f"{name} has no effect at one site; leave it out, or write sites: 2 or more")
        return
    if layout.site_link is None:
        raise UsageError('sites are joined by a link; write site_link: "400 Gb/s"')
    divides("sites", layout.sites, data, "data-parallel ranks")
    ranks = layout.tensor * layout.context * data // layout.sites
    divides(
        "expert x expert_tensor =",
        layout.expert * layout.expert_tensor,
        ranks,
        "tensor x context x data ranks of a site",
    )
    if layout.shard is not None:
        divides("shard", layout.shard, data // layout.sites * layout.context, "data-parallel ranks of a site")
    if layout.fragments > 1 and layout.synchronise == 1:
        raise UsageError("fragments have no effect where sites exchange every step; write synchronise: 100")
    if layout.fragments > layout.synchronise:
        raise UsageError(
            f"{layout.fragments} fragments within {layout.synchronise} steps: one step begins one exchange; write at "
            f"most fragments: {layout.synchronise}"
        )
