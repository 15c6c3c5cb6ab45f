"""The Design document: every choice that turns a site and a demand into one factory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from firstlight.spec.document import Document
from firstlight.spec.fabric import FabricDesign
from firstlight.spec.quantity import Bandwidth, Count, Quantity

Recomputation = Literal["none", "selective", "full"]
Module = Literal["core_attn", "layernorm", "mla_up_proj", "mlp", "moe", "moe_act", "shared_experts"]
Schedule = Literal["1f1b", "gpipe", "zero-bubble", "dualpipe"]
ContextKind = Literal["ring", "all-gather", "ulysses"]
Offload = Literal["activations", "optimizer", "weights"]
GradientType = Literal["fp32", "bf16"]
MomentType = Literal["fp32", "bf16", "fp8"]
DispatchType = Literal["bf16", "fp8"]
ActivationType = Literal["bf16", "fp8"]
Average = Literal["none", "accelerator", "host"]
Redundancy = Literal["n", "n+1", "2n"]

MOST_ACCELERATORS = 100_000_000
"""Of one design."""


class PowerDesign(Document):
    """The chain from the utility's feed to the racks."""

    redundancy: Redundancy | None = None
    """Of the UPS blocks (in each hall), the transformers and the generators."""
    ups: str | None = Field(default=None, min_length=1, max_length=200, examples=["none"])
    """UPS id of the catalogue; "none" feeds the racks without one."""
    transformer: str | None = Field(default=None, min_length=1, max_length=200)
    """Transformer id of the catalogue: that of a substation; or one of the halls, which the utility then feeds at
    medium voltage."""
    generator: str | None = Field(default=None, min_length=1, max_length=200, examples=["none"])
    """Generator id of the catalogue; "none" leaves the site without."""
    battery: str | None = Field(default=None, min_length=1, max_length=200, examples=["none"])
    """Battery id of the catalogue, smoothing the load of training steps; "none" leaves the site without."""


class CoolingDesign(Document):
    """The plant that takes the heat away."""

    cdu: str | None = Field(default=None, min_length=1, max_length=200)
    """Coolant distribution unit, id of the catalogue (liquid-cooled racks)."""
    rejection: Literal["dry", "chiller"] | None = None
    """How the heat leaves the site: dry coolers with trim chillers behind them, or chillers all year."""


class TrainingLayout(Document):
    """How one training run is spread over its accelerators."""

    tensor: int = Field(default=1, ge=1, le=4096)
    """Tensor-parallel ranks (with sequence parallelism)."""
    pipeline: int = Field(default=1, ge=1, le=4096)
    """Pipeline stages."""
    interleave: int = Field(default=1, ge=1, le=64)
    """Model chunks per pipeline stage (virtual pipeline)."""
    context: int = Field(default=1, ge=1, le=4096)
    """Context-parallel ranks."""
    expert: int = Field(default=1, ge=1, le=65536)
    """Expert-parallel ranks (inside tensor x context x data)."""
    zero: Annotated[int, Field(ge=0, le=3)] = 1
    """ZeRO stage: 0 nothing sharded over data parallelism, 1 optimizer states, 2 and gradients, 3 and weights."""
    shard: int | None = Field(default=None, ge=2, le=16_777_216)
    """Data-parallel ranks that ZeRO shards over, each such group a replica of the others (hybrid sharding). Left out:
    all."""
    micro_batch: int = Field(default=1, ge=1, le=65536)
    """Sequences in a micro-batch."""
    recompute: Recomputation = "none"
    """Activations that are computed again in the backward pass."""
    recompute_modules: tuple[Module, ...] = ()
    """With `recompute: selective`, what of a layer is computed again, by Megatron-Core's names: scores and softmax of
    attention (core_attn), norms (layernorm), latent attention's queries, keys and values (mla_up_proj), dense
    feed-forward parts (mlp), experts with their dispatch (moe) or their activation function alone (moe_act), shared
    experts. Left out: norms and activation functions; with unfused attention its scores."""
    activations: ActivationType = "bf16"
    """Type in which inputs of activation functions wait for the backward pass; what products in 8 bits read waits in 8
    bits anyway. fp8: then attention's output too, once, in 12 bits (DeepSeek-V3)."""
    schedule: Schedule = "1f1b"
    """Order of micro-batches in the pipeline. 1f1b: one forward, one backward, interleaved where `interleave` is above
    1. gpipe: all forwards, then all backwards. zero-bubble: weight gradients fill the bubble, at the memory of 1f1b
    (ZB-H1). dualpipe: micro-batches from both ends at once, twice the weights, all-to-all hidden (DeepSeek-V3)."""
    first_layers: int | None = Field(default=None, ge=0, le=4096)
    """Layers of the first pipeline stage. Left out: as many as the others."""
    last_layers: int | None = Field(default=None, ge=0, le=4096)
    """Layers of the last pipeline stage. Left out: as many as the others."""
    context_kind: ContextKind = "ring"
    """How context-parallel ranks attend to each other's tokens. ring: keys and values go round behind attention.
    all-gather: keys and values are gathered first. ulysses: an all-to-all gives each rank some heads of all tokens."""
    expert_tensor: int = Field(default=1, ge=1, le=4096)
    """Tensor-parallel ranks inside an expert; expert x expert_tensor ranks hold all experts once."""
    dispatch: DispatchType = "bf16"
    """Type in which tokens travel to their experts; they come back in bf16."""
    gradients: GradientType = "fp32"
    """Type that gradients are accumulated and reduced in."""
    moments: MomentType = "fp32"
    """Type of the optimizer's two moments; its weights are fp32."""
    average: Average = "none"
    """Where a moving average of the parameters is kept, sharded as the optimizer's states are. On the host it is
    brought up to date behind the next step (DeepSeek-V3)."""
    offload: tuple[Offload, ...] = ()
    """What is kept in the host's memory: activations until their backward pass, the optimizer's states (the update then
    runs on the CPU), weights until their layer runs."""
    sites: int = Field(default=1, ge=1, le=1024)
    """Sites that the data-parallel ranks are spread over; weights and states are sharded inside a site only."""
    site_link: Bandwidth | None = None
    """Between sites: of one site to the others, one direction, for the whole run."""
    synchronise: int = Field(default=1, ge=1, le=100_000)
    """Steps between two exchanges among sites. 1: gradients, every step. More: parameters drift apart and an outer
    optimizer joins them (DiLoCo)."""
    fragments: int = Field(default=1, ge=1, le=1024)
    """Parts of the model that sites exchange one after the other, behind the steps (Streaming DiLoCo)."""


class PrefillPool(Document):
    """Engines that only read prompts, for those of a serving layout, which then only write answers (disaggregation)."""

    engines: int = Field(default=1, ge=1, le=4096)
    """Engines of the pool in one replica."""
    tensor: int = Field(default=1, ge=1, le=4096)
    """Tensor-parallel ranks of attention and dense layers."""
    pipeline: int = Field(default=1, ge=1, le=256)
    """Pipeline stages."""
    data: int = Field(default=1, ge=1, le=4096)
    """Attention data-parallel ranks (each reads its own prompts)."""
    context: int = Field(default=1, ge=1, le=4096)
    """Context-parallel ranks: they share the tokens of each prompt, and its cache."""
    expert: int = Field(default=1, ge=1, le=4096)
    """Expert-parallel ranks (inside tensor x data x context)."""
    redundant: int = Field(default=0, ge=0, le=65536)
    """Second copies of the busiest experts in each layer, so that ranks are evenly loaded (EPLB)."""

    @property
    def accelerators(self) -> int:
        """Accelerators of the pool."""
        return self.engines * self.tensor * self.pipeline * self.data * self.context


class ServingLayout(Document):
    """How one replica of a served model is laid out."""

    tensor: int = Field(default=1, ge=1, le=4096)
    """Tensor-parallel ranks of attention and dense layers."""
    pipeline: int = Field(default=1, ge=1, le=256)
    """Pipeline stages."""
    data: int = Field(default=1, ge=1, le=4096)
    """Attention data-parallel ranks (each with its own requests)."""
    context: int = Field(default=1, ge=1, le=4096)
    """Context-parallel ranks: they share the tokens of each prompt, and its cache."""
    expert: int = Field(default=1, ge=1, le=4096)
    """Expert-parallel ranks (inside tensor x data x context)."""
    redundant: int = Field(default=0, ge=0, le=65536)
    """Second copies of the busiest experts in each layer, so that ranks are evenly loaded (EPLB)."""
    batch: int = Field(default=64, ge=1, le=1_000_000)
    """Requests decoded at once by one engine."""
    engines: int = Field(default=1, ge=1, le=4096)
    """Engines that decode, in one replica; more than one only beside a pool of prefill engines."""
    prefill: PrefillPool | None = None
    """Engines of the replica that only read prompts and hand the cache over. Left out: all engines read and write."""

    @property
    def engine(self) -> int:
        """Accelerators of one engine that decodes."""
        return self.tensor * self.pipeline * self.data * self.context

    @property
    def accelerators(self) -> int:
        """Accelerators of one replica, all pools together."""
        return self.engines * self.engine + (self.prefill.accelerators if self.prefill else 0)


class Placement(Document):
    """The share of the factory that one workload of the demand runs on, in the demand's order."""

    accelerators: Annotated[int, Count(1, MOST_ACCELERATORS, "16_384")]
    """Accelerators for this workload, all replicas together."""
    training: TrainingLayout | None = None
    """For a training workload."""
    serving: ServingLayout | None = None
    """For a serving workload."""


class Design(Document):
    """One factory. Whatever is left out, `firstlight plan` proposes and writes down."""

    system: str | None = Field(default=None, min_length=1, max_length=200, examples=["hgx-h100"])
    """System id of the catalogue (a server or a rack-scale system)."""
    accelerators: Annotated[int, Count(1, MOST_ACCELERATORS, "100_000")] | None = None
    """Accelerators on the site; rounded up to whole systems."""
    fabric: FabricDesign = FabricDesign()
    """The network between the nodes."""
    power: PowerDesign = PowerDesign()
    """The way of the power."""
    cooling: CoolingDesign = CoolingDesign()
    """The way of the heat."""
    spare: Annotated[float, Quantity("fraction", 0, 1, "2 %")] | None = None
    """Share of the accelerators kept as hot spares, out of every placement."""
    placements: tuple[Placement, ...] | None = None
    """One for each workload of the demand."""
