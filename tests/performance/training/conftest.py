"""Models, a machine and a network that the tests of training share."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training import Run
from firstlight.spec import assumptions, catalog
from firstlight.spec.huggingface import read
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training

PARTS = catalog.shipped()
SYSTEM = PARTS.part(System, "hgx-h100")
CHIP, HOST = PARTS.part(Accelerator, SYSTEM.accelerator), PARTS.part(Host, SYSTEM.host)
DENSE = read(
    {
        "model_type": "llama", "hidden_size": 1536, "intermediate_size": 4096, "num_hidden_layers": 6,
        "num_attention_heads": 12, "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 8192,
    },
    "dense-small", "test",
)  # fmt: skip
ROUTED = read(
    {
        "model_type": "mixtral", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 4,
        "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 8192,
        "num_local_experts": 6, "num_experts_per_tok": 2,
    },
    "routed-small", "test",
)  # fmt: skip
MODELS: dict[str, Model] = {"dense": DENSE, "routed": ROUTED}


def shipped(**overrides: str) -> assumptions.Assumptions:
    return assumptions.with_overrides(
        assumptions.shipped(), {f"performance.{name}": value for name, value in overrides.items()}
    )


def wire(operation, size, group):
    """Collectives that take longer the more members a group has, and across domains."""
    inner, outer = (np.asarray(level, float) for level in group)
    rate = np.where(outer > 1, 25e9, 200e9)
    return np.where(inner * outer > 1, 10e-6 * np.log2(inner * outer * 2) + np.asarray(size, float) / rate, 0.0)


def work(sequences: float | None = 24, sequence: int = 4096, **fields) -> Training:
    batch = None if sequences is None else float(sequences * sequence)
    return Training.model_validate(
        {"train": "test", "tokens": "1T", "sequence": sequence, "batch": batch, **fields}, strict=False
    )


def asked(workload: Training, model: Model = DENSE, accelerators: int = 16, chip: Accelerator = CHIP, **more) -> Run:
    """A run on the tests' machine."""
    told = {"collective": wire, "a": shipped()} | more
    return Run(workload, model, SYSTEM, chip, HOST, accelerators, **told)
