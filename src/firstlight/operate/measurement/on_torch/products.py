"""Calls of matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firstlight.operate.measurement.jobs import Job

Call = Callable[[], object]


def normal(torch: Any, device: str, *shape: int) -> Any:
    """Random 16-bit numbers: zeros draw less power and run faster."""
    return torch.randn(*shape, device=device, dtype=torch.bfloat16)


def inference(torch: Any, device: str, job: Job) -> Call:
    """A product of inference; in fp8 the activations are cast first."""
    m, n, k = (job.size(name) for name in ("m", "n", "k"))
    x, w = normal(torch, device, m, k), normal(torch, device, n, k)
    if job.text("gemm_dtype") == "bfloat16":
        return lambda: torch.nn.functional.linear(x, w)
    narrow, one, kind = _narrow(torch, w), _one(torch, device), torch.float8_e4m3fn
    return lambda: _scaled(torch, x.to(kind), narrow, one)


def training(torch: Any, device: str, job: Job) -> Call:
    """A product of a training step, or of one of its gradients."""
    m, n, k = (job.size(name) for name in ("m", "n", "k"))
    direction = job.text("direction")
    x, w, g = normal(torch, device, m, k), normal(torch, device, n, k), normal(torch, device, m, n)
    if job.text("gemm_dtype") == "fp8":
        narrow, rows, one = _narrow(torch, w), x.to(torch.float8_e4m3fn), _one(torch, device)
        return lambda: _scaled(torch, rows, narrow, one)
    if direction == "wgrad_fp32":
        main = torch.zeros(n, k, device=device)
        return lambda: torch.addmm(main, g.t(), x, out_dtype=torch.float32, out=main)
    calls: dict[str, Call] = {
        "forward": lambda: torch.nn.functional.linear(x, w),
        "dgrad": lambda: g @ w,
        "wgrad": lambda: g.t() @ x,
    }
    return calls[direction]


def grouped(torch: Any, device: str, job: Job) -> Call:
    """The same of several experts in one kernel, equal rows each."""
    experts, m, n, k = (job.size(name) for name in ("num_experts", "m", "n", "k"))
    x, w, g = normal(torch, device, m, k), normal(torch, device, experts, n, k), normal(torch, device, m, n)
    ends = torch.arange(1, experts + 1, device=device, dtype=torch.int32) * (m // experts)
    calls: dict[str, Call] = {
        "forward": lambda: torch._grouped_mm(x, w.transpose(-2, -1), offs=ends),
        "dgrad": lambda: torch._grouped_mm(g, w, offs=ends),
        "wgrad": lambda: torch._grouped_mm(g.t(), x, offs=ends),
    }
    return calls[job.text("direction")]


def _narrow(torch: Any, w: Any) -> Any:
    return w.to(torch.float8_e4m3fn).t()


def _one(torch: Any, device: str) -> Any:
    return torch.ones((), device=device)


def _scaled(torch: Any, x: Any, w: Any, one: Any) -> Any:
    return torch._scaled_mm(x, w, scale_a=one, scale_b=one, out_dtype=torch.bfloat16, use_fast_accum=True)
