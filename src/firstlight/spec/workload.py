"""The Workload and Demand documents: what the factory must train and serve."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from firstlight import units
from firstlight.spec.document import Document
from firstlight.spec.quantity import Duration, Quantity, Rate, Tokens

TrainingPrecision = Literal["bf16", "fp8"]
ServingPrecision = Literal["bf16", "fp8", "fp4", "int4"]
CachePrecision = Literal["bf16", "fp8", "fp4"]
Distillation = Literal["logits", "text"]

PROMPT = 128
"""Tokens that a teacher is given to begin a sequence with, where the workload does not say."""


class Training(Document):
    """A model to train."""

    train: str = Field(min_length=1, max_length=1000, examples=["llama-3.1-405b"])
    """Model id or alias of the catalogue, or the path of a Hugging Face config.json."""
    tokens: Tokens
    """Tokens to train on."""
    within: Duration | None = None
    """The run must be over in this time, interruptions included. Left out: no limit."""
    sequence: int = Field(default=8192, ge=128, le=16_777_216)
    """Tokens in one sequence."""
    batch: Annotated[float, Quantity("tokens", 1, 1e18, "16M tokens")] | None = None
    """Tokens in one optimizer step (the global batch). Left out: proposed."""
    precision: TrainingPrecision = "bf16"
    """Type of the matrix multiplications."""
    adapters: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Rank of LoRA adapters on every matrix; the model itself stays as it is. Left out: all weights are trained."""
    teacher: str | None = Field(default=None, min_length=1, max_length=1000, examples=["llama-3.1-405b"])
    """Model that this one learns from: id or alias of the catalogue, or the path of a Hugging Face config.json."""
    distil: Distillation | None = None
    """What the teacher gives. logits: it runs forward on every micro-batch, on the same accelerators in the same
    layout. text: it writes all tokens beforehand, served on the run's accelerators. Left out: logits."""
    prompt: Annotated[int, Field(ge=1, le=16_777_216)] | None = None
    """Tokens that begin each sequence which a teacher writes; they are not trained on (distil: text). Left out: 128."""

    @property
    def beside(self) -> bool:
        """A teacher runs on every micro-batch."""
        return self.teacher is not None and self.distil != "text"

    @property
    def beforehand(self) -> bool:
        """A teacher writes the tokens before the run."""
        return self.teacher is not None and self.distil == "text"


class Scaling(Document):
    """How the replicas of a served model follow its requests; `firstlight serve --hours` plays it."""

    target: Annotated[float, Quantity("fraction", 0.01, 1, "70 %")] = 0.7
    """Share of what the replicas can take that they are wanted to be used at."""
    least: int = Field(default=1, ge=1, le=1_000_000)
    """Replicas that always run."""
    interval: Annotated[float, Quantity("time", 1, units.HOUR, "30 s")] = 30.0
    """Time between two decisions."""
    patience: Annotated[float, Quantity("time", 0, units.DAY, "5 min")] = 300.0
    """Replicas are stopped when so long none of them was wanted."""
    cold_start: Annotated[float, Quantity("time", 0, units.DAY, "2 min")] | None = None
    """Time until a started replica answers. Left out: loading its weights, and starting the engine."""
    priority: int = Field(default=0, ge=-1000, le=1000)
    """Models that scale share their accelerators; where they are short, the greater number has them first."""


Step = Annotated[int, Field(ge=1, le=1_000_000)]


class BestOf(Document):
    """Questions that are answered several times, of which the best or most frequent answer is kept."""

    kind: Literal["best-of"]
    """Best-of-n, self-consistency."""
    samples: int = Field(ge=2, le=1024, examples=[8])
    """Answers to each question. All but the first find its prompt in the cache."""
    verifier: Step | None = None
    """Tokens with which a verifier scores each answer, once all are there. Left out: nobody scores."""


class TreeSearch(Document):
    """Questions that are thought about in a tree: a beam over thoughts, each as long as the workload's answer."""

    kind: Literal["tree"]
    """Tree search."""
    width: int = Field(ge=1, le=256, examples=[4])
    """Thoughts that grow from each branch."""
    depth: int = Field(ge=1, le=256, examples=[5])
    """Levels of the tree."""
    kept: int = Field(default=1, ge=1, le=256)
    """Branches that go on from each level."""
    verifier: Step | None = None
    """Tokens with which a verifier scores each thought. Left out: nobody scores."""


class Agent(Document):
    """Tasks of agents that call a tool after each answer and read its result; their context grows."""

    kind: Literal["agent"]
    """Agent loop."""
    turns: int = Field(ge=2, le=1024, examples=[10])
    """Requests of a task."""
    result: Step = 500
    """Tokens that a tool gives back."""
    pause: Annotated[float, Quantity("time", 0, units.DAY, "2 s")] = 2.0
    """Time that a tool takes."""


class Loop(Document):
    """Control loops, as of robots, or streams: a request each period, whether or not the last one is answered."""

    kind: Literal["loop"]
    """Control loop; an answer is in time within its period."""
    period: Annotated[float, Quantity("time", 1e-4, units.DAY, "200 ms")]
    """Time between two requests of a loop."""


class Users(Document):
    """Users who each send the next request when the last is answered: so many are under way, and the rate is what
    comes of it."""

    kind: Literal["users"]
    """Closed loop of users."""
    users: int = Field(ge=1, le=100_000_000, examples=[512])
    """Users of all replicas (the concurrency of a benchmark)."""
    think: Annotated[float, Quantity("time", 0, units.DAY, "20 s")] = 0.0
    """Time between an answer and the next request of the same user (mean; exponentially distributed)."""


Questions = Annotated[BestOf | TreeSearch | Agent | Loop | Users, Discriminator("kind")]
"""Requests that belong together: inference-time compute, agents, control loops, users."""


class Traffic(Document):
    """How requests come, and how much their lengths vary."""

    swing: Annotated[float, Quantity("fraction", 0, 1, "60 %")] = 0.0
    """How far the rate of the quietest hour of the day lies below that of the busiest; played by `serve --hours`."""
    peak_hour: float = Field(default=14.0, ge=0, lt=24)
    """Hour of the day with the most requests."""
    burst: float = Field(default=1.0, ge=0.05, le=20)
    """Standard deviation of the times between requests, over their mean. 1: at random (Poisson)."""
    spread: float = Field(default=0.0, ge=0, le=10)
    """Standard deviation of the lengths of prompts and answers, over their means (log-normal). 0: all are equal."""
    questions: Questions | None = None
    """How requests belong to questions, tasks, loops or users. The workload's `requests` counts all of theirs, and its
    prompt is that of the question. Left out: each is by itself."""


class Drafts(Document):
    """Speculative decoding: tokens that a small part of the model drafts, and the model verifies in one step.

    The drafter is a layer like the model's last with its output head (multi-token prediction, EAGLE).
    """

    tokens: int = Field(ge=1, le=16, examples=[3])
    """Tokens drafted before each step."""
    accepted: Annotated[float, Quantity("fraction", 0, 1, "85 %")] | None = None
    """Probability that the first of them is accepted. Left out: as measured on average."""
    later: Annotated[float, Quantity("fraction", 0, 0.999, "70 %")] | None = None
    """Probability that each further one is accepted, where the one before was. Left out: `accepted` times a factor as
    measured."""


class PrefixCache(Document):
    """What each replica keeps of prompts that it has read, for requests that begin alike; the least recently used goes
    down a tier, and out of the last. `firstlight serve --trace` plays it with traces that have hashes of blocks."""

    accelerator: Annotated[float, Quantity("tokens", 0, 1e15, "500k tokens")] = 0.0
    """Tokens in the accelerators' memory; they are there at once."""
    host: Annotated[float, Quantity("bytes", 0, 1e18, "1 TB")] = 0.0
    """Bytes of the hosts' memory."""
    storage: Annotated[float, Quantity("bytes", 0, 1e21, "20 TB")] = 0.0
    """Bytes of SSDs in the nodes, or of a store that is as fast."""


class Scheduler(Document):
    """Settings of the serving engine, in the place of its defaults."""

    token_budget: Annotated[int, Field(ge=16, le=16_777_216, examples=[8192])] | None = None
    """Tokens that a pass reads of prompts on each attention rank (vLLM: max_num_batched_tokens; SGLang:
    chunked_prefill_size; TensorRT-LLM: max_num_tokens). Left out: 8,192."""
    sequences: Annotated[int, Field(ge=1, le=1_000_000, examples=[1024])] | None = None
    """Requests decoded at once on each attention rank at the most (vLLM: max_num_seqs). Left out: 1,024."""
    memory: Annotated[float, Quantity("fraction", 0.05, 0.99, "90 %")] | None = None
    """Share of the accelerators' memory that the engine takes (vLLM: gpu_memory_utilization). Left out: as fitted."""
    mixed: bool | None = None
    """Decode goes on in passes that read prompts. Left out: vLLM and TensorRT-LLM do, SGLang does not."""
    reserve: bool | None = None
    """Room for the whole answer is set aside before a request begins. Left out: TensorRT-LLM does."""
    block: Annotated[int, Field(ge=1, le=4096, examples=[16])] | None = None
    """Tokens of one block of the cache. Left out: vLLM 16, SGLang 1, TensorRT-LLM 32."""


class Serving(Document):
    """A model to serve."""

    serve: str = Field(min_length=1, max_length=1000, examples=["deepseek-r1"])
    """Model id or alias of the catalogue, or the path of a Hugging Face config.json."""
    requests: Rate
    """Requests that arrive, at the busiest hour."""
    prompt: int = Field(ge=1, le=16_777_216, examples=[4000])
    """Tokens in a request's prompt (mean)."""
    answer: int = Field(ge=1, le=16_777_216, examples=[1000])
    """Tokens in a request's answer, thinking included (mean)."""
    first_token: Annotated[float, Quantity("time", 1e-9, units.YEAR, "1 s")] | None = None
    """The time to the first token must not exceed this, at the workload's percentile. Left out: no limit."""
    per_token: Annotated[float, Quantity("time", 1e-9, units.YEAR, "20 ms")] | None = None
    """The time per further token must not exceed this, at the workload's percentile. Left out: no limit."""
    percentile: int = Field(default=50, ge=50, le=99, examples=[90])
    """Percentile of the requests at which each limit holds. 50: the median."""
    precision: ServingPrecision = "fp8"
    """Type of the weights and matrix multiplications. int4: of the weights alone (GPTQ, AWQ); products take 16 bits."""
    cache: CachePrecision | None = None
    """Type of cached keys and values. Left out: fp8 with fp8 and fp4 weights, else bf16."""
    drafts: Drafts | None = None
    """Speculative decoding. Left out: one token a step."""
    scheduler: Scheduler = Scheduler()
    """Settings of the serving engine. Left out: its defaults."""
    prefix_cache: PrefixCache | None = None
    """What replicas keep of prompts that they have read. Left out: nothing."""
    traffic: Traffic = Traffic()
    """How requests come where they are played one by one (`firstlight serve`)."""
    scaling: Scaling | None = None
    """How replicas follow the requests. Left out: all run all the time."""


def _kind(value: Any) -> str | None:
    if isinstance(value, Document):
        return "to train" if isinstance(value, Training) else "to serve"
    named: list[str] = [key for key in ("train", "serve") if isinstance(value, dict) and key in value]
    return f"to {named[0]}" if len(named) == 1 else None


Workload = Annotated[
    Annotated[Training, Tag("to train")] | Annotated[Serving, Tag("to serve")],
    Discriminator(
        _kind,
        custom_error_type="workload",
        custom_error_message="one workload names either a model to train or a model to serve",
    ),
]
"""One thing to train or to serve: a document with `train:` or with `serve:`."""
