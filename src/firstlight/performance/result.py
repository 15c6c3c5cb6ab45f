"""What the performance room answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.spec.design import ServingLayout, TrainingLayout
from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True)
class Generation:
    """A teacher that writes the tokens of a run before it.

    Attributes:
        prompt, answer: tokens of a request: what the teacher is given, what it writes.
        layout: of one replica. replicas: on the run's accelerators.
        tokens_per_s: written, all replicas [1/s].
        duration: of all tokens of the run [s].
        accelerator_time: of all accelerators of the run [s].
        utilisation: share of the systems' power range that it uses.
    """

    prompt: int
    answer: int
    layout: ServingLayout
    replicas: int
    tokens_per_s: Prediction
    duration: Prediction
    accelerator_time: Prediction
    utilisation: float


@dataclass(frozen=True, repr=False)
class TrainingResult(Result):
    """One training run on its share of the factory, before interruptions."""

    model: str = quantity("", "model id")
    parameters: float = quantity("", "all parameters")
    active_parameters: float = quantity("", "parameters that one token passes")
    accelerators: int = quantity("", "accelerators of the run")
    layout: TrainingLayout = quantity("", "how the run is spread")
    data: int = quantity("", "data-parallel ranks")
    sequence: int = quantity("", "tokens in a sequence")
    batch: float = quantity("", "tokens in an optimizer step")
    micro_batches: int = quantity("", "micro-batches per data-parallel rank and step")
    precision: str = quantity("", "type of the matrix multiplications")
    step_time: Prediction = quantity("s", "one optimizer step")
    tokens_per_s: Prediction = quantity("1/s", "tokens, whole run")
    mfu: Prediction = quantity(
        "", "model FLOP utilisation: 6 N + attention FLOPs over the dense peak of the type; without a teacher's"
    )
    teacher: str = quantity("", "model id of the teacher; empty without one")
    teacher_flops: float = quantity("FLOP", "forward FLOPs of a teacher beside the student, in one step")
    teacher_mfu: Prediction | None = quantity("", "the same over the dense peak, beside `mfu`; None without one beside")
    generation: Generation | None = quantity("", "writing the tokens before the run; None where no teacher does")
    step_parts: dict[str, float] = quantity("s", "where the step's time goes; adds up to the median step time")
    memory_parts: dict[str, float] = quantity("B", "memory of the fullest accelerator, by component")
    memory: float = quantity("B", "their sum")
    memory_available: float = quantity("B", "memory of the accelerator")
    memory_stages: dict[str, tuple[float, ...]] = quantity("B", "memory of every pipeline stage, by component")
    host_memory: float = quantity("B", "what an accelerator keeps in its host's memory")
    host_memory_available: float = quantity("B", "an accelerator's share of its host's memory")
    tokens: float = quantity("", "tokens of the whole run")
    duration: Prediction = quantity("s", "whole run without interruptions, the writing of its tokens included")
    utilisation: float = quantity("", "share of the systems' power range that the run uses on average")


@dataclass(frozen=True)
class ServingCurve:
    """Latency against throughput of one layout as its batch grows. Tuples of equal length.

    Attributes:
        batch: requests decoded at once by a replica.
        per_token: time per token [s].
        first_token: time to first token [s].
        tokens_per_s_each: output tokens per second and accelerator [1/s].
        tokens_per_s_user: output tokens per second that one user sees [1/s].
    """

    batch: tuple[int, ...]
    per_token: tuple[float, ...]
    first_token: tuple[float, ...]
    tokens_per_s_each: tuple[float, ...]
    tokens_per_s_user: tuple[float, ...]


@dataclass(frozen=True)
class ServingPower:
    """What an accelerator draws with its share of the system [W].

    Attributes:
        idle: while nothing is served. prefill: while prompts are read. decode: while answers are written, 0 where they
            have no further token.
        mean: over all accelerators and all time, at the asked rate.
        prefill_share, decode_share: of the accelerators' time, at the asked rate.
        joules_per_token: of all accelerators for an output token [J].
    """

    idle: float
    prefill: float
    decode: float
    mean: float
    prefill_share: float
    decode_share: float
    joules_per_token: float


@dataclass(frozen=True, repr=False)
class ServingResult(Result):
    """One served model on its share of the factory."""

    model: str = quantity("", "model id")
    parameters: float = quantity("", "all parameters")
    active_parameters: float = quantity("", "parameters that one token passes")
    accelerators: int = quantity("", "accelerators of all replicas")
    layout: ServingLayout = quantity("", "how one replica is laid out")
    replica_accelerators: int = quantity("", "accelerators of one replica")
    replicas: int = quantity("", "replicas")
    precision: str = quantity("", "type of the weights")
    requests: float = quantity("1/s", "requests that arrive")
    prompt: int = quantity("", "tokens in a prompt")
    answer: int = quantity("", "tokens in an answer")
    capacity: Prediction = quantity("1/s", "requests that all replicas together can take within the limits")
    first_token: Prediction = quantity("s", "median time to the first token at the asked rate")
    per_token: Prediction = quantity("s", "median time per further token at the asked rate")
    percentile: int = quantity("", "percentile of the requests at which the limits hold")
    first_token_at: dict[str, Prediction] = quantity("s", "time to the first token at the asked rate, by percentile")
    per_token_at: dict[str, Prediction] = quantity("s", "time per further token at the asked rate, by percentile")
    tokens_per_s: Prediction = quantity("1/s", "output tokens at the asked rate, all replicas")
    memory_parts: dict[str, float] = quantity("B", "memory of one accelerator, by component")
    memory: float = quantity("B", "their sum")
    memory_available: float = quantity("B", "memory of the accelerator")
    step_parts: dict[str, float] = quantity("s", "where a decode step's time goes")
    tokens_per_step: float = quantity("", "tokens that a step writes for each request; above 1 with drafts")
    curve: ServingCurve = quantity("", "latency against throughput of this layout")
    utilisation: float = quantity("", "share of the systems' power range that serving uses at the asked rate")
    power: ServingPower = quantity("W", "of an accelerator with its share of the system, by phase; joules for a token")


@dataclass(frozen=True, repr=False)
class ServingTraffic(Result):
    """Requests played on replicas of a served model, one by one."""

    source: str = quantity("", "where the requests come from")
    engine: str = quantity("", "whose scheduling")
    router: str = quantity("", "how requests are shared among replicas")
    played: int = quantity("", "replicas that were simulated, with their share of the requests")
    replicas: int = quantity("", "replicas that there are")
    requests: int = quantity("", "requests that count: without those at the beginning and the end of a random stream")
    rate: float = quantity("1/s", "requests that arrive, all replicas")
    first_token: dict[str, Prediction] = quantity("s", "time to the first token, by percentile")
    per_token: dict[str, Prediction] = quantity("s", "mean time per further token of a request, by percentile")
    question: dict[str, Prediction] = quantity("s", "from a question to its last answer, by percentile")
    in_time: float | None = quantity("", "share of the answers of loops within their period")
    within: float | None = quantity("", "share of the requests within the limits; None where there are none")
    sampling: float = quantity(
        "", "standard error of the median time to the first token from the requests drawn, relative"
    )
    tokens_per_s: float = quantity("1/s", "output tokens, all replicas")
    asked_tokens_per_s: float = quantity("1/s", "output tokens of the requests that come, all replicas")
    cached: float = quantity("", "share of prompt tokens that the prefix cache holds")
    cached_in: dict[str, float] = quantity("", "the same by where it is kept; empty without a prefix cache")
    beyond: int = quantity(
        "", "requests longer than the model's context: of a trace left out, drawn ones were shortened"
    )
    note: str = quantity("", "of these, in words; empty where there are none")
    thrown: int = quantity("", "times a request was thrown out of a full cache and read again")
    refused: int = quantity("", "requests that no cache holds")
    busy: float = quantity("", "share of the time in which an engine has any request under way")
