"""Training steps of small decoders, written out: fp32 weights cast to bf16 at each use, AdamW in one kernel."""

from __future__ import annotations

import gc
import itertools
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from firstlight.errors import SolverError
from firstlight.operate.measurement.jobs import CannotRun
from firstlight.operate.measurement.on_torch import library
from firstlight.operate.measurement.on_torch.passes import angles, loss, rotated, swiglu
from firstlight.operate.measurement.stacks import HEAD, Stack, Step, Timed

WARM, COUNTED = 3, 12
"""Steps before any is timed, and steps that are."""
MS = 1e-3
SPREAD = 0.02
"""Of the weights at the start."""
EPSILON = 1e-5


class TorchSteps:
    """The first GPU under PyTorch: a `StepBench`."""

    def __init__(self) -> None:
        self._torch = library.load()
        self.framework = library.framework(self._torch)
        self._torch.manual_seed(0)
        self._stream = self._torch.cuda.Stream()

    def step(self, step: Step) -> Timed:
        """As `StepBench` says."""
        torch, kernels = self._torch, import_module("torch.nn.attention")
        _forget(torch)
        try:
            with torch.cuda.stream(self._stream), kernels.sdpa_kernel(kernels.SDPBackend.FLASH_ATTENTION):
                seconds = _median(torch, _graph(torch, step) if step.graph else once(torch, "cuda", step))
        except library.WRONG as error:
            reason = " ".join(str(error).split())[:200]
            if "CUDA error" in reason:
                raise SolverError(f"the GPU does not answer any more after {step.name}: {reason}") from error
            raise CannotRun(reason) from error
        return Timed(seconds, torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved())


def _forget(torch: Any) -> None:
    """Give back all memory of earlier steps, the libraries' too: one left in a large block holds the block."""
    gc.collect()
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def _median(torch: Any, call: Callable[[], object]) -> float:
    """Median time from the beginning of a step to that of the next [s]."""
    for _ in range(WARM):
        call()
    torch.cuda.synchronize()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(COUNTED + 1)]
    marks[0].record()
    for mark in marks[1:]:
        call()
        mark.record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in itertools.pairwise(marks)) * MS


def _graph(torch: Any, step: Step) -> Callable[[], object]:
    """The step as one graph."""
    call = once(torch, "cuda", step)
    for _ in range(WARM):
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        call()
    return graph.replay


def once(torch: Any, device: str, step: Step) -> Callable[[], object]:
    """A training step: forward and backward of each micro-batch, update."""
    stack = step.stack
    layers = [_weights(torch, device, _shapes(stack)) for _ in range(stack.layers)]
    ends = _weights(torch, device, {"embedding": (stack.vocabulary, stack.hidden), "norm": (stack.hidden,),
                                    "head": (stack.vocabulary, stack.hidden)})  # fmt: skip
    every = [one for part in (*layers, ends) for one in part.values()]
    optimizer = torch.optim.AdamW(every, lr=1e-4, fused=True, capturable=device == "cuda")
    shape = (step.micro_batch, step.sequence)
    tokens, targets = (torch.randint(stack.vocabulary, shape, device=device) for _ in range(2))
    turned = angles(torch, device, step.sequence, HEAD)
    block, head = partial(_block, torch, stack), partial(_head, torch)
    if step.compiled:
        torch._dynamo.reset()
        block, head = torch.compile(block, dynamic=False), torch.compile(head, dynamic=False)

    def call() -> Any:
        for _ in range(step.micro_batches):
            x = torch.nn.functional.embedding(tokens, ends["embedding"]).to(torch.bfloat16)
            for weights in layers:
                x = block(x, weights, *turned)
            head(x, ends["norm"], ends["head"], targets).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return call


def _shapes(stack: Stack) -> Mapping[str, tuple[int, ...]]:
    """Weights of a layer."""
    shapes: dict[str, tuple[int, ...]] = {
        "norm": (stack.hidden,), "qkv": (stack.columns, stack.hidden), "out": (stack.hidden, stack.heads * HEAD),
        "norm_inner": (stack.hidden,),
    }  # fmt: skip
    count = (stack.experts,) if stack.experts else ()
    if stack.experts:
        shapes["router"] = (stack.experts, stack.hidden)
    return {**shapes, "up": (*count, 2 * stack.width, stack.hidden), "down": (*count, stack.hidden, stack.width)}


def _weights(torch: Any, device: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {
        name: (torch.ones(shape, device=device) if "norm" in name else torch.randn(shape, device=device) * SPREAD)
        .requires_grad_()
        for name, shape in shapes.items()
    }  # fmt: skip


def _block(torch: Any, stack: Stack, x: Any, weights: Mapping[str, Any], cosine: Any, sine: Any) -> Any:
    """One layer on (batch, length, hidden)."""
    w = {name: weight.to(torch.bfloat16) for name, weight in weights.items()}
    functions = torch.nn.functional
    mixed = functions.linear(functions.rms_norm(x, (stack.hidden,), w["norm"], EPSILON), w["qkv"])
    parts = (stack.heads, stack.kv_heads, stack.kv_heads)
    q, k, v = (part.unflatten(-1, (-1, HEAD)) for part in mixed.split([count * HEAD for count in parts], -1))
    q, k = rotated(torch, q, cosine, sine), rotated(torch, k, cosine, sine)
    seen = functions.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, enable_gqa=True
    )
    x = x + functions.linear(seen.transpose(1, 2).flatten(-2), w["out"])
    inner = functions.rms_norm(x, (stack.hidden,), w["norm_inner"], EPSILON)
    if stack.experts:
        return x + _routed(torch, stack, inner.flatten(0, 1), w).view_as(x)
    return x + functions.linear(swiglu(torch, functions.linear(inner, w["up"])), w["down"])


def _routed(torch: Any, stack: Stack, x: Any, w: Mapping[str, Any]) -> Any:
    """Experts on (tokens, hidden), as many tokens for each: copies in the experts' order, through them, and back."""
    tokens, copies = x.shape[0], x.shape[0] * stack.active
    scores = torch.nn.functional.linear(x, w["router"]).float().softmax(-1)
    # The router is computed, its choice is not followed: with it the rows of an expert would be a draw.
    chosen = (torch.arange(copies, device=x.device) % stack.experts).view(tokens, stack.active)
    order = chosen.flatten().argsort(stable=True)
    ends = torch.arange(1, stack.experts + 1, device=x.device, dtype=torch.int32) * (copies // stack.experts)
    rows = x.index_select(0, order // stack.active)
    inner = swiglu(torch, torch._grouped_mm(rows, w["up"].transpose(-2, -1), offs=ends))
    rows = torch._grouped_mm(inner, w["down"].transpose(-2, -1), offs=ends)
    shares = scores.gather(1, chosen).to(x.dtype)
    back = torch.empty_like(order).scatter_(0, order, torch.arange(copies, device=x.device))
    return (rows.index_select(0, back).view(tokens, stack.active, -1) * shares[..., None]).sum(1)


def _head(torch: Any, x: Any, norm: Any, head: Any, targets: Any) -> Any:
    functions = torch.nn.functional
    x = functions.rms_norm(x, (x.shape[-1],), norm.to(torch.bfloat16), EPSILON)
    return loss(torch, functions.linear(x, head.to(torch.bfloat16)).flatten(0, 1), targets.flatten())
