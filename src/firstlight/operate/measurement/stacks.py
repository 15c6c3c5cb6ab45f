"""Training steps to time on one accelerator: stacks of few layers of common shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Stack:
    """A decoder as Llama's or Mixtral's: RMS norms, grouped attention with rotary positions, gated feed-forward parts.

    Attributes:
        name: of the shape.
        layers, hidden, heads, kv_heads, width, vocabulary: sizes; heads are 128 wide; `width` is that of the
            feed-forward part or of an expert.
        experts, active: routed experts and those of a token; 0 for a dense part.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    width: int
    vocabulary: int
    experts: int = 0
    active: int = 0

    @property
    def columns(self) -> int:
        """Of queries, keys and values."""
        return (self.heads + 2 * self.kv_heads) * HEAD


@dataclass(frozen=True)
class Step:
    """A stack trained in bf16 with fp32 weights and AdamW.

    Attributes:
        stack: what is trained.
        sequence, micro_batch: tokens of a sequence, sequences of a micro-batch. micro_batches: of the step.
        compiled: layers and loss by the compiler. graph: the whole step as one CUDA graph.
    """

    stack: Stack
    sequence: int
    micro_batch: int
    micro_batches: int = 1
    compiled: bool = False
    graph: bool = False

    @property
    def name(self) -> str:
        """Unique among the steps."""
        ways = ("-compiled" if self.compiled else "") + ("-graph" if self.graph else "")
        times = f"x{self.micro_batches}" if self.micro_batches > 1 else ""
        return f"{self.stack.name}-s{self.sequence}-b{self.micro_batch}{times}{ways}"


@dataclass(frozen=True)
class Timed:
    """What a step took: time [s], and the most memory that was in tensors and that the allocator held [B]."""

    seconds: float
    allocated: int
    reserved: int


class StepBench(Protocol):
    """Times training steps on some accelerator."""

    @property
    def framework(self) -> str:
        """What runs them, with its release ("torch/2.11.0")."""
        ...

    def step(self, step: Step) -> Timed:
        """Median of some steps.

        Raises:
            CannotRun: this software or this accelerator cannot run it.
        """
        ...


HEAD = 128
"""Width of a head."""
_WIDE = Stack("llama-4096", 4, 4096, 32, 8, 14336, 32768)
_LARGE_VOCABULARY = Stack("llama-4096-vocabulary", 2, 4096, 32, 8, 14336, 131072)
_SMALL = Stack("llama-2048", 8, 2048, 16, 8, 5632, 32768)
_MIXTRAL = Stack("mixtral-4096", 1, 4096, 32, 8, 14336, 32768, experts=8, active=2)
_FINE = Stack("fine-experts-2048", 4, 2048, 16, 8, 1408, 32768, experts=64, active=6)
_FEW = Stack("experts-2048", 4, 2048, 16, 8, 2816, 32768, experts=16, active=4)
STEPS = (
    Step(_WIDE, 4096, 1), Step(_SMALL, 4096, 1), Step(_FINE, 4096, 1), Step(_MIXTRAL, 4096, 1),
    Step(_WIDE, 4096, 1, compiled=True), Step(_WIDE, 4096, 1, compiled=True, graph=True),
    Step(_WIDE, 4096, 1, graph=True),
    Step(_SMALL, 4096, 1, compiled=True), Step(_SMALL, 4096, 1, compiled=True, graph=True),
    Step(_SMALL, 4096, 1, graph=True),
    Step(_FINE, 4096, 1, graph=True), Step(_MIXTRAL, 4096, 1, graph=True), Step(_FEW, 4096, 1),
    Step(_WIDE, 4096, 2), Step(_WIDE, 8192, 1), Step(_WIDE, 8192, 2), Step(_WIDE, 2048, 1),
    Step(_SMALL, 4096, 2), Step(_SMALL, 8192, 1), Step(_SMALL, 2048, 1), Step(_FINE, 4096, 2), Step(_MIXTRAL, 4096, 2),
    Step(_FEW, 4096, 2), Step(_LARGE_VOCABULARY, 4096, 1),
    Step(_WIDE, 8192, 1, compiled=True), Step(_FINE, 4096, 1, compiled=True), Step(_MIXTRAL, 4096, 1, compiled=True),
    Step(_FEW, 4096, 1, compiled=True), Step(_LARGE_VOCABULARY, 4096, 1, compiled=True),
    Step(_SMALL, 2048, 1, compiled=True, graph=True), Step(_WIDE, 4096, 1, 4), Step(_SMALL, 4096, 1, 4),
    Step(_MIXTRAL, 4096, 1, 4), Step(_FINE, 4096, 1, 4), Step(_WIDE, 4096, 1, 4, compiled=True),
)  # fmt: skip
"""In the order in which they are timed: what tells most comes first."""


def cells(stack: Stack) -> Mapping[str, str | int]:
    """A stack's columns in tables of training runs."""
    routed = {"experts": stack.experts, "top_k": stack.active, "expert_ffn": stack.width}
    return {
        "model": stack.name, "method": "pretrain", "layers": stack.layers, "hidden": stack.hidden,
        "ffn_hidden": stack.width, "heads": stack.heads, "kv_heads": stack.kv_heads, "head_dim": HEAD,
        "vocab": stack.vocabulary, "attention": "gqa", "gated_mlp": 1, "tied_embeddings": 0,
        **(routed if stack.experts else {}),
    }  # fmt: skip
