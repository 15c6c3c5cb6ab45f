"""Calls of attention kernels."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from firstlight.operate.measurement.jobs import Job
from firstlight.operate.measurement.on_torch.products import Call, normal

BACKENDS = {"flash_attention_2": "FLASH_ATTENTION", "cudnn": "CUDNN_ATTENTION"}
"""PyTorch's names of the kernels."""


def forward(torch: Any, device: str, job: Job) -> Call:
    """Attention over prompts, or of one new token over the cache of `step` and itself."""
    queries = job.size("isl")
    tensors = _tensors(torch, device, job, queries, queries + job.size("step"))
    return _core(torch, job.kernel, *tensors, causal=queries > 1)


def training(torch: Any, device: str, job: Job) -> Call:
    """A causal core forward, or backward alone."""
    length = job.size("isl")
    tensors = _tensors(torch, device, job, length, length)
    if job.text("direction") == "forward":
        return _core(torch, job.kernel, *tensors, causal=True)
    for one in tensors:
        one.requires_grad_()
    out = _core(torch, job.kernel, *tensors, causal=True)()
    gradient = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, tensors, gradient, retain_graph=True)


def _tensors(torch: Any, device: str, job: Job, queries: int, keys: int) -> tuple[Any, Any, Any]:
    batch, heads, groups, width = (
        job.size(name) for name in ("batch_size", "num_heads", "num_key_value_heads", "head_dim")
    )
    shapes = ((queries, heads), (keys, groups), (keys, groups))
    q, k, v = (normal(torch, device, batch, length, count, width).transpose(1, 2) for length, count in shapes)
    return q, k, v


def _core(torch: Any, kernel: str, q: Any, k: Any, v: Any, *, causal: bool) -> Callable[[], Any]:
    chosen = import_module("torch.nn.attention")
    backend, grouped = getattr(chosen.SDPBackend, BACKENDS[kernel]), q.shape[1] != k.shape[1]

    def call() -> Any:
        with chosen.sdpa_kernel(backend):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)

    return call
