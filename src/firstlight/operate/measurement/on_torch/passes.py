"""Calls of kernels that only move bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firstlight.operate.measurement.jobs import Job
from firstlight.operate.measurement.on_torch.products import Call, normal
from firstlight.operate.measurement.passes import COPIES, VOCABULARY

WIDTH = 128
"""Of a head."""
LARGEST = 448.0
"""Of fp8 with four bits of exponent."""


def training(torch: Any, device: str, job: Job) -> Call:
    """A pass forward or backward, as PyTorch's own kernels or as its compiler makes it."""
    make = _PASSES[job.text("op_name")]
    inputs, function = make(torch, device, job.size("rows"), job.size("columns"))
    if job.kernel == "compiled":
        torch._dynamo.reset()
        # The backward of one forward is called many times here: what it saved must not be overwritten.
        torch._functorch.config.donated_buffer = False
        function = torch.compile(function, dynamic=False)
    wanted = [one for one in inputs if one.requires_grad]
    if job.text("direction") == "backward" and wanted:
        out = function(*inputs)
        gradient = torch.ones_like(out) if out.dim() == 0 else torch.randn_like(out)
        return lambda: torch.autograd.grad(out, wanted, gradient, retain_graph=True)

    def call() -> Any:
        with torch.no_grad():
            return function(*inputs)

    return call


Made = tuple[Sequence[Any], Callable[..., Any]]


def _rms_norm(torch: Any, device: str, rows: int, columns: int) -> Made:
    x, w = normal(torch, device, rows, columns), normal(torch, device, columns)
    return [x.requires_grad_(), w.requires_grad_()], lambda x, w: torch.nn.functional.rms_norm(x, (columns,), w, 1e-5)


def _layer_norm(torch: Any, device: str, rows: int, columns: int) -> Made:
    x, w, b = normal(torch, device, rows, columns), normal(torch, device, columns), normal(torch, device, columns)
    inputs = [one.requires_grad_() for one in (x, w, b)]
    return inputs, lambda x, w, b: torch.nn.functional.layer_norm(x, (columns,), w, b)


def _residual(torch: Any, device: str, rows: int, columns: int) -> Made:
    return [normal(torch, device, rows, columns) for _ in range(2)], lambda x, y: x + y


def swiglu(torch: Any, both: Any) -> Any:
    """SiLU of the first half of the columns times the second half."""
    gate, up = both.chunk(2, dim=-1)
    return torch.nn.functional.silu(gate) * up


def _swiglu(torch: Any, device: str, rows: int, columns: int) -> Made:
    return [normal(torch, device, rows, 2 * columns).requires_grad_()], lambda both: swiglu(torch, both)


def angles(torch: Any, device: str, length: int, width: int) -> tuple[Any, Any]:
    """Cosines and sines of rotary positions (length, 1, width), two halves alike (arXiv 2104.09864)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    turned = torch.outer(torch.arange(length, device=device, dtype=torch.float32), rates)
    turned = torch.cat([turned, turned], dim=-1)[:, None, :]
    return turned.cos().to(torch.bfloat16), turned.sin().to(torch.bfloat16)


def rotated(torch: Any, x: Any, cosine: Any, sine: Any) -> Any:
    """Rotary positions applied to (..., length, heads, width)."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


def _rope(torch: Any, device: str, rows: int, columns: int) -> Made:
    cosine, sine = angles(torch, device, rows, WIDTH)
    x = normal(torch, device, rows, columns // WIDTH, WIDTH).requires_grad_()
    return [x, cosine, sine], lambda x, cosine, sine: rotated(torch, x, cosine, sine)


def loss(torch: Any, logits: Any, targets: Any) -> Any:
    """Mean cross-entropy of 16-bit logits, in fp32."""
    return torch.nn.functional.cross_entropy(logits.float(), targets)


def _cross_entropy(torch: Any, device: str, rows: int, columns: int) -> Made:
    targets = torch.randint(columns, (rows,), device=device)
    logits = normal(torch, device, rows, columns).requires_grad_()
    return [logits, targets], lambda logits, targets: loss(torch, logits, targets)


def _embedding(torch: Any, device: str, rows: int, columns: int) -> Made:
    tokens = torch.randint(VOCABULARY, (rows,), device=device)
    table = normal(torch, device, VOCABULARY, columns).requires_grad_()
    return [table, tokens], lambda table, tokens: torch.nn.functional.embedding(tokens, table)


def _adam(torch: Any, device: str, rows: int, columns: int) -> Made:
    weight = torch.randn(rows, columns, device=device).requires_grad_()
    weight.grad = torch.randn_like(weight)
    optimizer = torch.optim.AdamW([weight], fused=True, capturable=device == "cuda")
    return [], optimizer.step


def _cast(torch: Any, device: str, rows: int, columns: int) -> Made:
    return [torch.randn(rows, columns, device=device)], lambda x: x.to(torch.bfloat16)


def _accumulate(torch: Any, device: str, rows: int, columns: int) -> Made:
    main, gradient = torch.zeros(rows, columns, device=device), normal(torch, device, rows, columns)
    return [main, gradient], lambda main, gradient: main.add_(gradient)


def _narrow(torch: Any, x: Any, scale: Any) -> Any:
    return (x * scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)


def _quantise(torch: Any, device: str, rows: int, columns: int) -> Made:
    inputs = [normal(torch, device, rows, columns), torch.ones((), device=device)]
    return inputs, lambda x, scale: _narrow(torch, x, scale)


def _quantise_transpose(torch: Any, device: str, rows: int, columns: int) -> Made:
    def both(x: Any, scale: Any) -> tuple[Any, Any]:
        narrow = _narrow(torch, x, scale)
        return narrow, narrow.t().contiguous()

    return [normal(torch, device, rows, columns), torch.ones((), device=device)], both


def _permute(torch: Any, device: str, rows: int, columns: int) -> Made:
    x = normal(torch, device, rows // COPIES, columns)
    order = torch.randperm(rows, device=device) // COPIES
    return [x, order], lambda x, order: x.index_select(0, order)


def _unpermute(torch: Any, device: str, rows: int, columns: int) -> Made:
    x, weights = normal(torch, device, rows, columns), normal(torch, device, rows // COPIES, COPIES, 1)
    order = torch.randperm(rows, device=device)
    return [x, order, weights], lambda x, order, weights: (
        x.index_select(0, order).view(rows // COPIES, COPIES, columns) * weights
    ).sum(1)


_PASSES: dict[str, Callable[[Any, str, int, int], Made]] = {
    "rms_norm": _rms_norm, "layer_norm": _layer_norm, "residual": _residual, "swiglu": _swiglu, "rope": _rope,
    "cross_entropy": _cross_entropy, "embedding": _embedding, "adam": _adam, "cast": _cast, "accumulate": _accumulate,
    "quantise": _quantise, "quantise_transpose": _quantise_transpose, "permute": _permute, "unpermute": _unpermute,
}  # fmt: skip
